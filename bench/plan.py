"""The rows in order, each with its name on the command line and its expected time."""

from collections.abc import Awaitable, Callable

from msgspec import Struct

from bench.cards import deep_page, first_page
from bench.counting import count_positions, snapshot
from bench.endurance import SECONDS_MAX as SOAK_SECONDS_MAX
from bench.endurance import soak
from bench.gate import look_at_the_gate
from bench.graph_crowds import CROWD_READS, READS, crawl
from bench.item_crowds import (
    AT_PLACES,
    BINS,
    CALLS,
    PLACES,
    SIZES,
    at_places,
    beside_many_lots,
    beside_receipts,
    in_bins,
    with_holders,
)
from bench.moving import transfer
from bench.products import read
from bench.publishing import publish_again, publish_few, publish_many, publish_under_load
from bench.replenishing import sweep_rules
from bench.rows import SPREAD, Bench, Row
from bench.searching import find_comments
from bench.shopping import bring_in_step, change_stock, set_levels, take_webhooks
from bench.vacuum import empty_an_org

GRACE_SECONDS = 60.0
"""Added to the expected time of a row before it counts as failed."""

PUBLISHED_PER_SECOND = 300.0
"""Expected rate of a first publication."""

PREPARATION_FACTOR_MAX = 4.0
"""How many times longer than expected the preparation of a row may take."""

CROWD_PER_SECOND = 150.0
"""Expected rate of the promises that make a crowd."""

LONG = ("soak", "crowd", "places")
"""Rows that run only when named: they take longer than all others together."""

Work = Callable[[Bench], Awaitable[Row]]


class Planned(Struct, frozen=True):
    """A row to measure: its expected time, and the time after which it has failed, in seconds."""

    name: str
    work: Work
    seconds: float
    seconds_max: float


class _Line(Struct, frozen=True):
    """A row of the list: how many load periods it has, and the seconds of preparation it needs.

    products   whether it publishes all products of the catalogue rows, or may have to
    """

    name: str
    work: Work
    loads: float = 1.0
    preparation: float = 1.0
    products: bool = False


LINES = [
    _Line("bare", Bench.bare),
    _Line("hop", Bench.hop),
    _Line("stock", Bench.stock_get),
    _Line("atp", Bench.atp_query),
    _Line("hand", lambda bench: bench.by_hand(SPREAD)),
    _Line("reserve", lambda bench: bench.reserve(1)),
    _Line("reserve", lambda bench: bench.reserve(16)),
    _Line("reserve", lambda bench: bench.reserve(64)),
    _Line("handhot", lambda bench: bench.by_hand(1)),
    _Line("hot", Bench.reserve_hot),
    _Line("scale", lambda bench: bench.stock_get(bench.world.items)),
    _Line("scale", lambda bench: bench.reserve(64, bench.world.items)),
    _Line("line", Bench.whole_line),
    _Line("transfer", transfer),
    _Line("events", Bench.events, preparation=10),
    _Line("gate", look_at_the_gate, preparation=2),
    _Line("count", count_positions, preparation=5),
    _Line("card", first_page, preparation=60),
    _Line("card", deep_page, preparation=10),
    _Line("snapshot", snapshot, loads=2, preparation=30),
    _Line("sweep", sweep_rules, loads=0, preparation=25),
    _Line("search", find_comments, preparation=60),
    *(_Line("graph", read_graph, preparation=60) for read_graph in READS),
    _Line("graph", crawl, loads=0, preparation=90),
    *(_Line("graph-crowd", read_graph, preparation=60) for read_graph in CROWD_READS),
    _Line("publish", publish_few, loads=0, preparation=10),
    _Line("product", read("product/get", many=False)),
    _Line("product", read("product/list of 20", many=False)),
    _Line("product", read("product/search, prefix", many=False)),
    _Line("product", read("product/search, contains", many=False)),
    _Line("product", read("product/group of 5 values", many=False)),
    _Line("publish", publish_many, loads=0, products=True),
    _Line("publish", publish_again, loads=0, products=True),
    _Line("publish", publish_under_load, loads=2, products=True),
    _Line("product", read("product/get")),
    _Line("product", read("product/list of 20")),
    _Line("product", read("product/search, prefix")),
    _Line("product", read("product/search, contains")),
    _Line("product", read("product/search, regex with literals", clients=2)),
    _Line("product", read("product/search, regex without", clients=1)),
    _Line("product", read("product/group of 5 values")),
    _Line("webhook", take_webhooks, preparation=10),
    _Line("shop", change_stock, loads=2, preparation=30, products=True),
    _Line("assortment", bring_in_step, loads=0, preparation=150, products=True),
    _Line("assortment", set_levels, loads=0, preparation=60),
    _Line("vacuum", empty_an_org, loads=2, preparation=120),
    *(
        _Line("crowd", with_holders(call, size), preparation=2 + size / CROWD_PER_SECOND)
        for size in SIZES
        for call in CALLS
    ),
    *(_Line("places", at_places(call, size), preparation=2 + size / 200) for size in PLACES for call in AT_PLACES),
    *(_Line("places", in_bins(call, size), preparation=2 + size / 100) for size in BINS for call in AT_PLACES),
    _Line("neighbours", beside_receipts, loads=2, preparation=20),
    _Line("neighbours", beside_many_lots, loads=2, preparation=30),
    _Line("soak", soak, loads=0, preparation=SOAK_SECONDS_MAX / PREPARATION_FACTOR_MAX),
]


def chosen(only: str, items: int, seconds: float, products: int) -> list[Planned]:
    """The named rows, or all but the soak. Raises ValueError for an unknown name."""
    names = [name.strip() for name in only.split(",") if name.strip()]
    known = list(dict.fromkeys(line.name for line in LINES))
    if unknown := sorted(set(names) - set(known)):
        raise ValueError(f"no row is named {', '.join(unknown)}; there are {', '.join(known)}")
    if "scale" in names and items == SPREAD:
        raise ValueError(f"scale compares with more than {SPREAD:,} items: say how many with --items")
    return [_planned(line, seconds, products) for line in LINES if _is_chosen(line.name, names, items)]


def _is_chosen(name: str, names: list[str], items: int) -> bool:
    if names:
        return name in names
    return name not in LONG and (name != "scale" or items > SPREAD)


def _planned(line: _Line, seconds: float, products: int) -> Planned:
    load = line.loads * seconds
    preparation = line.preparation + (products / PUBLISHED_PER_SECOND if line.products else 0.0)
    # A row named alone publishes first what the rows before it would have left.
    left_out = products / PUBLISHED_PER_SECOND if line.name == "product" else 0.0
    longest = load + PREPARATION_FACTOR_MAX * (preparation + left_out) + GRACE_SECONDS
    return Planned(line.name, line.work, load + preparation, longest)

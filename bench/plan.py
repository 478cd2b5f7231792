"""The rows in order, each with the name it is chosen by and the time it takes."""

from collections.abc import Awaitable, Callable

from msgspec import Struct

from bench.cards import deep_page, first_page
from bench.counting import count_positions, snapshot
from bench.endurance import SECONDS_MAX as SOAK_SECONDS_MAX
from bench.endurance import soak
from bench.gate import look_at_the_gate
from bench.moving import transfer
from bench.replenishing import sweep_rules
from bench.rows import SPREAD, Bench, Row
from bench.searching import find_comments
from bench.vacuum import empty_an_org

PATIENCE_SECONDS = 60.0
"""Given to a row beyond the time it is expected to take; laying out what it measures is counted apart."""

PATIENCE = 4.0
"""How much longer than expected laying out may take."""

Work = Callable[[Bench], Awaitable[Row]]


class Planned(Struct, frozen=True):
    """A row to be measured: about how long it takes, and after how long it has failed."""

    name: str
    work: Work
    seconds: float
    seconds_max: float


class _Line(Struct, frozen=True):
    """A row of the list: how often it loads for as long as rows do, and the seconds it needs beside."""

    name: str
    work: Work
    loads: float = 1.0
    beside: float = 1.0


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
    _Line("events", Bench.events, beside=10),
    _Line("gate", look_at_the_gate, beside=2),
    _Line("count", count_positions, beside=5),
    _Line("card", first_page, beside=60),
    _Line("card", deep_page, beside=10),
    _Line("snapshot", snapshot, loads=2, beside=30),
    _Line("sweep", sweep_rules, loads=0, beside=25),
    _Line("search", find_comments, beside=60),
    _Line("vacuum", empty_an_org, loads=2, beside=120),
    _Line("soak", soak, loads=0, beside=SOAK_SECONDS_MAX / PATIENCE),
]


def chosen(only: str, items: int, seconds: float) -> list[Planned]:
    """The rows named, or all but the soak; ValueError where there is none of a name."""
    names = [name.strip() for name in only.split(",") if name.strip()]
    known = list(dict.fromkeys(line.name for line in LINES))
    if unknown := sorted(set(names) - set(known)):
        raise ValueError(f"no row is named {', '.join(unknown)}; there are {', '.join(known)}")
    if "scale" in names and items == SPREAD:
        raise ValueError(f"scale compares with more than {SPREAD:,} items: say how many with --items")
    return [_planned(line, seconds) for line in LINES if _is_chosen(line.name, names, items)]


def _is_chosen(name: str, names: list[str], items: int) -> bool:
    if names:
        return name in names
    return name != "soak" and (name != "scale" or items > SPREAD)


def _planned(line: _Line, seconds: float) -> Planned:
    load = line.loads * seconds
    return Planned(line.name, line.work, load + line.beside, load + PATIENCE * line.beside + PATIENCE_SECONDS)

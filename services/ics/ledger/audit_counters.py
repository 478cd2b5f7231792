"""What is counted of entries beside the balances, so that no one need read them again: the audit adds it up anew.

A feature that keeps such a counter registers how an entry counts in it and how it is read, since the ledger is the
ground and knows no feature; so the audit finds what they count, too.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import NamedTuple

from chassis.unit import View
from services.ics.ledger.balance import Item
from services.ics.ledger.entry import StockCardEntry

Units = Mapping[str, int]
"""Units by what they are counted under."""


class Counted(NamedTuple):
    """A counter that follows from an item's entries.

    what    its name in a difference
    counts  what an entry adds to it, and under which key
    kept    (view, item) -> what it says of the item
    """

    what: str
    counts: Callable[[StockCardEntry], Iterable[tuple[str, int]]]
    kept: Callable[[View, Item], Awaitable[Units]]


COUNTERS: list[Counted] = []


def register(counter: Counted) -> None:
    """Have a counter audited; a feature's store does so once, at import."""
    COUNTERS.append(counter)

"""Counters that features derive from entries, registered here so that the audit checks them too.

The ledger must not import features, so a feature registers how an entry changes its counter and how it is read.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import NamedTuple

from chassis.unit import View
from services.ics.ledger.balance import Item
from services.ics.ledger.entry import StockCardEntry

Units = Mapping[str, int]
"""Units by counter key."""


class Counted(NamedTuple):
    """A counter that is derived from an item's entries.

    what    its name in differences
    counts  entry -> the (key, units) that the entry adds
    kept    (view, item) -> the stored units of the item, by key
    """

    what: str
    counts: Callable[[StockCardEntry], Iterable[tuple[str, int]]]
    kept: Callable[[View, Item], Awaitable[Units]]


COUNTERS: list[Counted] = []


def register(counter: Counted) -> None:
    """Add a counter to the audit; called once by a feature's store, at import."""
    COUNTERS.append(counter)

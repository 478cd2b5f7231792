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
    counts  (entry, facility of the item) -> the (key, units) that the entry adds
    kept    (view, item) -> the stored units of the item, by key
    """

    what: str
    counts: Callable[[StockCardEntry, str], Iterable[tuple[str, int]]]
    kept: Callable[[View, Item], Awaitable[Units]]


class Recounted(NamedTuple):
    """Counters in the item itself that are derived from the records of a feature.

    what     their name in differences
    counted  (view, item) -> the units by key, counted from the records
    kept     item -> the stored units, by key
    """

    what: str
    counted: Callable[[View, Item], Awaitable[Units]]
    kept: Callable[[Item], Units]


COUNTERS: list[Counted] = []
RECOUNTS: list[Recounted] = []


def register(counter: Counted) -> None:
    """Add a counter to the audit; called once by a feature's store, at import."""
    COUNTERS.append(counter)


def register_recount(recount: Recounted) -> None:
    """Add counters of items to the audit; called once by a feature's store, at import."""
    RECOUNTS.append(recount)

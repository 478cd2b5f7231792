"""The first promises of an item, however many it has: those that expire first, then the newest commits; those that are
overdue longest, and the one that expires next.

Some engines read all that matches a range, and cut it afterwards. So an item with many units promised is read in
windows of time, each sized by how densely the promises in the one before were: little more is read than is wanted.
"""

from typing import NamedTuple

from chassis.clock import Utc, from_seconds, later, to_millis, to_seconds
from chassis.unit import Range, View, between
from services.ics.ledger.balance import Item
from services.ics.ledger.open_item import OpenItem
from services.ics.ledger.store import NEVER_EXPIRES, PROMISES, Promise

WINDOW_SECONDS_FIRST = 0.25
NEXT_SECONDS = 4.0
"""Width of the first window in which the next expiry is looked for."""

FEW_UNITS = 200
"""Promises of an item with no more units reserved than this are read without windows: each holds a unit at least."""

WINDOW_GROWTH_MAX = 4
"""By how much a window is wider than the one before, at most: as much after one without promises."""

WINDOW_SECONDS_MAX = 40 * 86_400
"""Beyond this width a window saves nothing: no promise lasts longer. The rest is read without one."""


async def first_promises(view: View, item: Item, at_most: int) -> list[Promise]:
    """The first `at_most` promises that hold units of the item: reservations and allocations by expiry time, then the
    newest commits. Index: logical_guid, variant_id, due."""
    where = {"logical_guid": item.logical_guid, "variant_id": item.variant_id}
    if item.reserved + item.committed <= at_most:
        # Each holds a unit at least.
        return await view.find(PROMISES, {**where, "due": between(above="")}, order=("due",), limit=at_most)
    found: list[Promise] = []
    if item.reserved > 0 and item.lapse_utc is not None:
        found = await _in_windows(view, where, _Expiring(item.lapse_utc), at_most)
    if item.committed > 0 and len(found) < at_most:
        found += await _in_windows(view, where, _Committed(item.recorded_utc), at_most - len(found))
    return found


async def first_overdue(view: View, item: OpenItem, until: Utc, at_most: int) -> list[Promise]:
    """Reservations and allocations of an item that hold units and expired by `until`, the longest overdue first; at
    most `at_most`. Index: logical_guid, variant_id, due."""
    where = {"logical_guid": item.logical_guid, "variant_id": item.variant_id}
    if item.lapse_utc is None or item.lapse_utc > until:
        return []
    if item.total("reserved") <= FEW_UNITS:
        return await view.find(
            PROMISES, {**where, "due": between(above="", at_most=until)}, order=("due",), limit=at_most
        )
    return await _in_windows(view, where, _Expiring(item.lapse_utc, until), at_most)


async def next_expiry(view: View, item: OpenItem, now: Utc) -> Utc | None:
    """The next expiry of an item's promises after `now`; None if there is none. Index: logical_guid, variant_id,
    due."""
    where = {"logical_guid": item.logical_guid, "variant_id": item.variant_id}
    if item.total("reserved") <= FEW_UNITS:
        due = between(above=now, below=NEVER_EXPIRES)
        found = await view.find(PROMISES, {**where, "due": due}, order=("due",), limit=1)
    else:
        found = await _in_windows(view, where, _Expiring(later(now, 0.001)), 1, first=NEXT_SECONDS)
    return Utc(found[0].due) if found and found[0].due else None


class _Expiring(NamedTuple):
    """Windows of expiry times, from the first one on; up to `end`, if given."""

    start: Utc
    end: Utc | None = None

    def window(self, behind: float, ahead: float | None) -> Range:
        low = later(self.start, behind)
        if ahead is None and self.end is not None:
            return between(at_least=low, at_most=self.end)
        return between(at_least=low, below=later(self.start, ahead) if ahead is not None else NEVER_EXPIRES)

    def is_last(self, ahead: float) -> bool:
        return ahead > WINDOW_SECONDS_MAX or (self.end is not None and later(self.start, ahead) > self.end)


class _Committed(NamedTuple):
    """Windows of the times at which commits were made, from the newest one back."""

    start: Utc

    def window(self, behind: float, ahead: float | None) -> Range:
        # A commit made at the start has an id of that millisecond.
        end = to_seconds(self.start) + 0.001
        low = _from(end - ahead) if ahead is not None else NEVER_EXPIRES
        return between(at_least=low, below=_from(end - behind)) if behind else between(at_least=low)

    def is_last(self, ahead: float) -> bool:
        return ahead > WINDOW_SECONDS_MAX


def _from(seconds: float) -> str:
    """The least `due` of a commit made at a time."""
    digits = f"{to_millis(from_seconds(max(seconds, 0))):012x}"
    return f"{NEVER_EXPIRES}{digits[:8]}-{digits[8:]}"


Windows = _Expiring | _Committed


async def _in_windows(
    view: View, where: dict[str, str], windows: Windows, at_most: int, *, first: float = WINDOW_SECONDS_FIRST
) -> list[Promise]:
    found: list[Promise] = []
    behind, width = 0.0, first
    while len(found) < at_most:
        last = windows.is_last(behind + width)
        bounds = windows.window(behind, None if last else behind + width)
        part = await view.find(PROMISES, {**where, "due": bounds}, order=("due",), limit=at_most - len(found))
        found += part
        if last:
            break
        behind += width
        width *= _growth(len(part), at_most - len(found))
    return found


def _growth(seen: int, missing: int) -> float:
    """How much wider the next window is, to hold what is missing."""
    return min(WINDOW_GROWTH_MAX, 1.25 * missing / seen) if seen else WINDOW_GROWTH_MAX

"""Lots of variants that a process remembers, so that items with many lots do not read all of them in every call.

A lot's date and block change rarely, and a promise needs those of all lots of its item. Each variant with such items
has a stamp, a document of its own: every change of a date or block of a known lot gives it a new text in the same
transaction. A call reads the stamp, and of the lots only those that the process does not know under it. See
docs/decisions/0020-lots-are-remembered-under-a-stamp.md.
"""

from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Mapping
from threading import Lock
from time import monotonic

from msgspec.structs import replace

from chassis.ids import new_id
from chassis.unit import Change, View
from services.ics.ledger.lot import Lot
from services.ics.serial.domain import as_lot, lot_key
from services.ics.serial.store import LOT_STAMPS, SERIALS, LotStamp

LOTS_READ_MAX = 40
"""Most lots that a call reads of an item; of items with more it reads those that the process does not know."""

LOTS_KEPT_MAX = 50_000
"""Most lots that a process remembers; the variants that were asked for least recently are forgotten."""

KEPT_SECONDS = 60.0
"""How long lots are remembered: a process of an earlier release changes lots without a new stamp."""


class KnownLots:
    """The lots known under stamps. `seconds`: a clock that never falls. Large calls run in threads, so several may use
    it at once."""

    def __init__(self, seconds: Callable[[], float] = monotonic) -> None:
        self._seconds = seconds
        self._lock = Lock()
        self._kept: OrderedDict[str, tuple[float, dict[str, Lot]]] = OrderedDict()
        self._count = 0

    def under(self, stamp: str) -> Mapping[str, Lot]:
        """The lots known under a stamp, by code."""
        with self._lock:
            known = self._kept.get(stamp)
            if known is None:
                return {}
            if known[0] <= self._seconds():
                self._forget(stamp)
                return {}
            self._kept.move_to_end(stamp)
            return known[1]

    def add(self, stamp: str, lots: Mapping[str, Lot]) -> None:
        """Remember lots, by code, that were read together with the stamp, or after it."""
        with self._lock:
            if stamp not in self._kept:
                now = self._seconds()
                for ended in [each for each, (until, _) in self._kept.items() if until <= now]:
                    self._forget(ended)
                self._kept[stamp] = (now + KEPT_SECONDS, {})
            known = self._kept[stamp][1]
            before = len(known)
            known.update(lots)
            self._count += len(known) - before
            while self._count > LOTS_KEPT_MAX and len(self._kept) > 1:
                self._forget(next(iter(self._kept)))

    def _forget(self, stamp: str) -> None:
        self._count -= len(self._kept.pop(stamp)[1])


KNOWN_LOTS = KnownLots()
"""What this process remembers. Stamps are unique, so orgs, variants and databases share it."""


async def ledger_lots(view: View, items: Iterable[tuple[str, Collection[str]]]) -> dict[str, dict[str, Lot]]:
    """The ledger's data of the lots in several (variant, lot codes), read in one round trip; in two if one has many
    lots, and then only those that the process does not know. Index: number.

    Returns variant -> lot code -> lot; unknown lots are left out.
    """
    wanted: dict[str, set[str]] = {}
    for variant_id, codes in items:
        wanted.setdefault(variant_id, set()).update(codes)
    many = [variant_id for variant_id, codes in wanted.items() if len(codes) > LOTS_READ_MAX]
    # The stamps first: lots must not be remembered under a later one.
    stamps = await _stamps_of(view, many) if many else {}
    lots: dict[str, dict[str, Lot]] = {}
    for variant_id, stamp in stamps.items():
        known = KNOWN_LOTS.under(stamp)
        lots[variant_id] = {code: known[code] for code in wanted[variant_id] if code in known}
    asked = [
        lot_key(variant_id, code)
        for variant_id, codes in wanted.items()
        for code in codes - lots.get(variant_id, {}).keys()
    ]
    found = await view.lookup_many(SERIALS, "number", asked) if asked else {}
    read: dict[str, dict[str, Lot]] = {}
    for (variant_id, _, code), batch in found.items():
        read.setdefault(variant_id, {})[code] = as_lot(batch)
    for variant_id, fresh in read.items():
        if variant_id in stamps:
            KNOWN_LOTS.add(stamps[variant_id], fresh)
        lots.setdefault(variant_id, {}).update(fresh)
    return lots


def stamp_id_of(orgcode: str, variant_id: str) -> str:
    """The id of the stamp of a variant's lots."""
    return f"{orgcode}/{variant_id}"


async def _stamps_of(view: View, variant_ids: Collection[str]) -> dict[str, str]:
    """The stamps of variants; those without are left out. By id."""
    orgcode = view.call.orgcode
    asked = {stamp_id_of(orgcode, variant_id): variant_id for variant_id in variant_ids}
    found = await view.get_many(LOT_STAMPS, asked)
    return {asked[stamp_id]: each.stamp for stamp_id, each in found.items()}


async def stamp_changed(change: Change, variant_id: str) -> None:
    """Give the lots of a variant a new stamp, because the date or block of one changes in this transaction; nothing if
    they have none."""
    known = await change.get(LOT_STAMPS, stamp_id_of(change.call.orgcode, variant_id))
    if known is not None:
        await change.update(LOT_STAMPS, replace(known, stamp=_fresh(change)))


async def stamp_first(change: Change, variant_id: str, codes: Collection[str]) -> None:
    """Give the lots of a variant their first stamp, if an item of it has so many that they are to be remembered."""
    if len(codes) <= LOTS_READ_MAX:
        return
    stamp_id = stamp_id_of(change.call.orgcode, variant_id)
    if await change.get(LOT_STAMPS, stamp_id) is None:
        await change.insert(LOT_STAMPS, LotStamp(stamp_id=stamp_id, stamp=_fresh(change)))


def _fresh(change: Change) -> str:
    # Not an id of the change: a repeated run would get the same one, for lots that may have changed in between.
    return new_id(change.now)

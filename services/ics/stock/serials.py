"""Serials that a call names: read and checked before units move, and updated by the entries afterwards."""

from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence

from msgspec.structs import replace

from chassis.clock import Date, day_of
from chassis.errors import InvalidState, invalid_field
from chassis.unit import Change
from services.ics.ledger.entry import Account, StockCardEntry
from services.ics.ledger.lot import is_sellable
from services.ics.ledger.naming import ANYONE, Named, NamedUnit
from services.ics.ledger.open_item import OpenItem
from services.ics.ledger.store import ENTRIES
from services.ics.policy.domain import PolicyValues
from services.ics.serial.domain import (
    SerialStatus,
    SerialUnit,
    Whereabouts,
    as_lot,
    check_takes,
    coming_in,
    moved,
    serial_key,
)
from services.ics.serial.store import SERIALS, know_lot, units_held_by
from services.ics.stock.fields import CALL_SERIALS_MAX
from services.ics.words import Bucket

STATUSES: Mapping[Bucket | None, tuple[SerialStatus, ...]] = {
    None: ("in_stock",),
    "available": ("in_stock",),
    "reserved": ("in_stock",),
    "committed": ("in_stock", "picked"),
    "quarantine": ("quarantined",),
    "damaged": ("damaged",),
    "consignment": ("consigned",),
    "in_transit": ("in_transit",),
}
"""Bucket -> the statuses of its serials; None: good stock, promised or not."""
ON_SHELF = STATUSES[None]

_HELD_MAX = 1000

HEAVY_SERIALS = 50
"""A call that names more serials than this in a line commits in its own transaction, outside the shared batch."""


def serial_problems(
    serials: Sequence[str] | None, quantity: int | None, path: str = "serials"
) -> list[tuple[str, str]]:
    """Problems of a line's serials, as (field, message): their number must be the quantity, and none may repeat."""
    if serials is None:
        return []
    problems = []
    if quantity is not None and len(serials) != quantity:
        problems.append((path, f"names {len(serials)} serials for {quantity} units"))
    if len(set(serials)) != len(serials):
        problems.append((path, "names a serial twice"))
    return problems


def serial_problems_by_line(
    lines: Iterable[tuple[Hashable, Sequence[str] | None, int]], line: str = "line"
) -> list[tuple[str, str]]:
    """Problems of the serials of all lines, as (field, message). A line is (variant, serials, quantity); two lines of
    one variant must not name the same serial."""
    problems = []
    count = 0
    seen: set[tuple[Hashable, str]] = set()
    for number, (of, serials, quantity) in enumerate(lines):
        path = f"{line}s.{number}.serials"
        problems += serial_problems(serials, quantity, path)
        named = {(of, serial_no) for serial_no in serials or ()}
        if named & seen:
            problems.append((path, f"names a serial of another {line}"))
        seen |= named
        count += len(serials or ())
    if count > CALL_SERIALS_MAX:
        problems.append((f"{line}s", f"names {count} serials; a call may name {CALL_SERIALS_MAX}"))
    return problems


def check_tracked(
    policy: PolicyValues,
    *,
    serials: Sequence[str] | None,
    lot_code: str | None = None,
    comes_in: bool = False,
    path: str = "",
) -> None:
    """Raises `Invalid` if a movement lacks what the policy tracks: serials in and out, lots only when units come in."""
    if policy.tracking == "serial" and not serials:
        raise invalid_field(f"{path}serials", "is required: the policy tracks serials")
    if policy.tracking == "lot" and comes_in and lot_code is None:
        raise invalid_field(f"{path}lot_code", "is required: the policy tracks lots")


def check_dates(item: OpenItem, lot_code: str, expiry_date: Date | None, path: str = "") -> None:
    """Raises `Invalid` if the expiry date is not that of the known lot: receiving does not change known lots."""
    known = item.lots.get(lot_code)
    if known is not None and expiry_date is not None and expiry_date != known.expiry_date:
        raise invalid_field(f"{path}expiry_date", f"lot {lot_code} has another, {known.expiry_date or 'none'}")


class Serials:
    """The serials and new lots of one call."""

    def __init__(self, change: Change) -> None:
        self._change = change
        self._units: dict[tuple[str, str], SerialUnit] = {}
        self._lots: list[SerialUnit] = []
        self._new: list[tuple[str, str]] = []
        self._spent: set[tuple[str, str]] = set()

    async def take(
        self,
        item: OpenItem,
        serials: Sequence[str] | None,
        statuses: Collection[SerialStatus],
        *,
        held_by: str | None = None,
        sellable: bool = False,
    ) -> Named:
        """The named units. Raises `InvalidState` unless each has one of these statuses and this holder (`ANYONE`: any);
        `sellable`: also if one is unsellable."""
        if not serials:
            return Named()
        units = await self._known(item.variant_id, serials)
        check_takes(units, serials, item.logical_guid, statuses)
        for unit in filter(None, units):
            _check_holder(unit, held_by)
            if sellable:
                self._check_sellable(item, unit)
        return Named(await self._staged([unit for unit in units if unit is not None]), explicit=True)

    async def take_staged(
        self,
        item: OpenItem,
        commit_id: str,
        serials: Sequence[str] | None,
        *,
        sellable: bool = False,
        open_too: bool = False,
    ) -> Named:
        """A commit's picked and packed units: the named ones, or all, by serial number.

        `open_too`: named units may also be on the shelf, without a holder. Raises `InvalidState` if a named unit is not
        the commit's.
        """
        if not item.stored.serialised:
            if serials:
                raise InvalidState(f"serial {serials[0]} is not the commit's", status="unknown")
            return Named()
        if serials:
            units = [unit for unit in await self._known(item.variant_id, serials) if unit is not None]
            known = {unit.serial_no for unit in units if _is_of(unit, commit_id, item, open_too)}
            if lacking := set(serials) - known:
                raise InvalidState(f"serial {min(lacking)} is not the commit's", status="unknown")
        else:
            units = await units_held_by(self._change, commit_id, _HELD_MAX)
            self._units.update({(item.variant_id, unit.serial_no or ""): unit for unit in units})
        if sellable:
            for unit in units:
                self._check_sellable(item, unit)
        return Named(await self._staged(units), explicit=bool(serials))

    async def take_held(
        self,
        item: OpenItem,
        holder_id: str,
        serials: Sequence[str] | None,
        among: Sequence[str],
        statuses: Collection[SerialStatus] = STATUSES["quarantine"],
    ) -> Named:
        """Units of a receipt, shipment or consignment: the named ones, or those of `among` that it still holds, by
        serial number."""
        if serials:
            return await self.take(item, serials, statuses, held_by=holder_id)
        units = [unit for unit in await self._known(item.variant_id, sorted(among)) if unit is not None]
        left = [unit for unit in units if (item.variant_id, unit.serial_no or "") not in self._spent]
        return Named([_named(unit) for unit in left if unit.held_by_id == holder_id])

    def spent(self, item: OpenItem, entries: Sequence[StockCardEntry]) -> None:
        """Exclude the serials of these entries from later `take_held` calls of this posting."""
        self._spent.update((item.variant_id, serial_no) for entry in entries for serial_no in entry.serials)

    async def bring_in(
        self,
        item: OpenItem,
        serials: Sequence[str] | None,
        lot_code: str | None,
        expiry: Date | None,
        made: Date | None,
    ) -> Named:
        """Units that come in. New serials are registered with the given dates when the posting is written."""
        if not serials:
            return Named()
        for serial_no, known in zip(serials, await self._known(item.variant_id, serials), strict=True):
            unit = coming_in(known, self._change.new_id(), item.variant_id, serial_no, lot_code)
            if known is None:
                unit = replace(unit, expiry_date=expiry, manufacture_date=made)
                self._new.append((item.variant_id, serial_no))
            self._units[item.variant_id, serial_no] = unit
        return Named([NamedUnit(serial_no) for serial_no in serials], explicit=True)

    async def lot(self, item: OpenItem, lot_code: str, expiry: Date | None, made: Date | None) -> None:
        """Add a lot that comes in to the item's lots; a new lot is registered with the given dates."""
        batch, new = await know_lot(self._change, item.variant_id, lot_code, expiry, made)
        item.lots[lot_code] = as_lot(batch)
        if new:
            self._lots.append(batch)

    async def keep(self, entries: Sequence[StockCardEntry]) -> None:
        """Store every unit that the entries name, at the place where the last entry put it."""
        touched: dict[tuple[str, str], SerialUnit] = {}
        for entry in entries:
            for serial_no in entry.serials:
                key = (entry.variant_id, serial_no)
                unit = touched.get(key) or self._units[key]
                touched[key] = moved(unit, _whereabouts(entry.to_account), entry.entry_id, entry.recorded_utc)
        for key, unit in touched.items():
            kept = self._change.update(SERIALS, unit) if unit.revision else self._change.insert(SERIALS, unit)
            self._units[key] = await kept

    def emit_changes(self) -> None:
        """Emit `ics.serial.registered` for every lot and unit that this posting registered."""
        for unit in [*self._lots, *(self._units[key] for key in self._new)]:
            self._change.emit("ics.serial.registered", unit.serial_id, serial=unit)

    async def _known(self, variant_id: str, serials: Sequence[str]) -> list[SerialUnit | None]:
        if len(serials) > HEAVY_SERIALS:
            self._change.own_transaction()
        keys = [serial_key(variant_id, serial_no) for serial_no in serials]
        found = await self._change.lookup_many(SERIALS, "number", keys)
        units = [self._units.get((variant_id, key[2])) or found.get(key) for key in keys]
        self._units.update({(variant_id, unit.serial_no or ""): unit for unit in units if unit is not None})
        return units

    async def _staged(self, units: Sequence[SerialUnit]) -> list[NamedUnit]:
        """The units with their stage. The stage of a picked unit is read from the entry that last moved it."""
        asked = [unit.last_entry_id for unit in units if unit.status == "picked" and unit.last_entry_id]
        last = await self._change.get_many(ENTRIES, asked) if asked else {}
        stages = {entry_id: entry.to_account.stage for entry_id, entry in last.items()}
        return [_named(unit)._replace(stage=stages.get(unit.last_entry_id or "")) for unit in units]

    def _check_sellable(self, item: OpenItem, unit: SerialUnit) -> None:
        today = day_of(self._change.now)
        expired = unit.expiry_date is not None and unit.expiry_date < today
        if unit.blocked or expired or not is_sellable(item.lots, unit.lot_code, today):
            raise InvalidState(f"serial {unit.serial_no} is unsellable", status="unsellable")


def _check_holder(unit: SerialUnit, held_by: str | None) -> None:
    # A unit on the shelf may still name a former holder; promises do not name units, so it is ignored.
    if unit.status not in ON_SHELF and held_by not in {ANYONE, unit.held_by_id}:
        raise InvalidState(f"serial {unit.serial_no} is held by another", status=unit.status)


def _is_of(unit: SerialUnit, commit_id: str, item: OpenItem, open_too: bool) -> bool:
    if unit.status in ON_SHELF:
        return open_too and unit.logical_guid == item.logical_guid
    return unit.held_by_id == commit_id


def _named(unit: SerialUnit) -> NamedUnit:
    holder = None if unit.status in ON_SHELF else unit.held_by_id
    return NamedUnit(unit.serial_no or "", unit.zone_id, unit.bin_id, held_by_id=holder)


def _whereabouts(account: Account) -> Whereabouts:
    return Whereabouts(
        bucket=account.bucket,
        external=account.external,
        stage=account.stage,
        logical_guid=account.logical_guid,
        zone_id=account.zone_id,
        bin_id=account.bin_id,
        held_by_type=account.held_by_type,
        held_by_id=account.held_by_id,
    )

"""The serials of a call: read and checked before units move, and stored where the entries put them afterwards."""

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from chassis.clock import day_of
from chassis.errors import InvalidState
from chassis.unit import Change
from services.ics.ledger.carried import CarriedSerials
from services.ics.ledger.draw import ANYWHERE, Pin
from services.ics.ledger.entry import Account, StockCardEntry
from services.ics.ledger.lot import is_sellable
from services.ics.ledger.naming import ANYONE, UNNAMED, Named, NamedUnit, SerialAccount
from services.ics.ledger.open_item import OpenItem
from services.ics.ledger.store import ENTRIES
from services.ics.serial.domain import (
    SerialStatus,
    SerialUnit,
    Whereabouts,
    as_named,
    check_takes,
    moved,
    serial_key,
)
from services.ics.serial.store import SERIALS, units_held_by, units_in_turn
from services.ics.stock.serial_rules import ON_SHELF
from services.ics.words import Stage

HEAVY_SERIALS = 50
"""A call that names more serials than this in a line commits in its own transaction, outside the shared batch."""

_MARGIN = 16


class Serials:
    """The serials of one call. `units`: (variant, serial number) -> the unit as the call has it."""

    def __init__(self, change: Change, carried: CarriedSerials) -> None:
        self.change = change
        self.units: dict[tuple[str, str], SerialUnit] = {}
        self._carried = carried
        self._told: list[tuple[str, tuple[str, str], dict[str, Any]]] = []

    def prefetch(self, lines: Iterable[tuple[str, Sequence[str] | None]]) -> None:
        """Load the units of several (variant, serials) together with what is read next."""
        keys = [serial_key(variant_id, each) for variant_id, serials in lines for each in serials or ()]
        if len(keys) > HEAVY_SERIALS:
            self.change.own_transaction()
        if keys:
            self.change.prefetch(SERIALS, keys, by="number")

    async def take(
        self,
        item: OpenItem,
        serials: Sequence[str] | None,
        statuses: Collection[SerialStatus],
        *,
        held_by: str | None = None,
        sellable: bool = False,
        pin: Pin = ANYWHERE,
    ) -> Named:
        """The named units. Raises `InvalidState` unless each has one of these statuses and this holder (`ANYONE`: any),
        and is at the pinned place and lot; `sellable`: also if one is unsellable."""
        if not serials:
            return UNNAMED
        units = await self.known(item.variant_id, serials)
        check_takes(units, serials, item.logical_guid, statuses)
        found = [unit for unit in units if unit is not None]
        for unit in found:
            _check_holder(unit, held_by)
            if sellable:
                self._check_sellable(item, unit)
        return _at(pin, await self._as_named(item.variant_id, found))

    async def take_staged(
        self,
        item: OpenItem,
        commit_id: str,
        serials: Sequence[str] | None,
        *,
        sellable: bool = False,
        open_too: bool = False,
    ) -> Named:
        """The named units that a commit has picked or packed. `open_too`: they may also be on the shelf.

        Raises `InvalidState` if a unit is not the commit's; `sellable`: also if one is unsellable.
        """
        if not serials:
            return UNNAMED
        units = [unit for unit in await self.known(item.variant_id, serials) if unit is not None]
        known = {unit.serial_no for unit in units if _is_of(unit, commit_id, item, open_too)}
        if lacking := set(serials) - known:
            lost = min(lacking)
            raise InvalidState(f"serial {lost} is not the commit's", status="unknown", serial_no=lost)
        if sellable:
            for unit in units:
                self._check_sellable(item, unit)
        return Named(await self._as_named(item.variant_id, units))

    async def stored_at(self, item: OpenItem, account: SerialAccount, wanted: int) -> list[NamedUnit]:
        """The units stored in an account, see `Posting.units_at`."""
        if account.holder_id is not None:
            held = await units_held_by(self.change, account.holder_id, item.variant_id)
            return [unit for unit in await self._as_named(item.variant_id, held) if unit.account == account]
        today = day_of(self.change.now)
        limit = wanted + _MARGIN
        while True:
            units = await units_in_turn(self.change, item.variant_id, account, limit)
            named = [as_named(unit) for unit in units]
            if len(units) < limit or sum(unit.sellable(today) for unit in named) >= wanted:
                self._remember(item.variant_id, units)
                return named
            limit *= 2

    async def keep(self, entries: Sequence[StockCardEntry]) -> None:
        """Store every unit that the entries name, at the place where the last entry put it."""
        touched: dict[tuple[str, str], SerialUnit] = {}
        for entry in entries:
            for serial_no in entry.serials:
                key = (entry.variant_id, serial_no)
                unit = touched.get(key) or self.units[key]
                touched[key] = moved(unit, _whereabouts(entry.to_account), entry.entry_id, entry.recorded_utc)
        for key, unit in touched.items():
            kept = self.change.update(SERIALS, unit) if unit.revision else self.change.insert(SERIALS, unit)
            self.units[key] = await kept

    def emit_after(self, event: str, variant_id: str, serials: Iterable[str], **body: Any) -> None:
        """Emit an event for each of these units, as they are once the posting is written."""
        self._told += [(event, (variant_id, serial_no), body) for serial_no in serials]

    def emit(self) -> None:
        """Emit the events of `emit_after`."""
        for event, key, body in self._told:
            unit = self.units[key]
            self.change.emit(event, unit.serial_id, serial=unit, **body)

    async def known(self, variant_id: str, serials: Sequence[str]) -> list[SerialUnit | None]:
        """The units with these serials as the call has them; None for an unknown one. Index: number."""
        if len(serials) > HEAVY_SERIALS:
            self.change.own_transaction()
        keys = [serial_key(variant_id, serial_no) for serial_no in serials]
        found = await self.change.lookup_many(SERIALS, "number", keys)
        units = [self.units.get((variant_id, key[2])) or found.get(key) for key in keys]
        self._remember(variant_id, (unit for unit in units if unit is not None))
        return units

    def _remember(self, variant_id: str, units: Iterable[SerialUnit]) -> None:
        for unit in units:
            self.units.setdefault((variant_id, unit.serial_no or ""), unit)

    async def _as_named(self, variant_id: str, units: Sequence[SerialUnit]) -> list[NamedUnit]:
        """The units as the ledger needs them. The stage of a picked unit is read from the entry that last moved it."""
        asked = [unit.last_entry_id for unit in units if unit.status == "picked" and unit.last_entry_id]
        last = await self.change.get_many(ENTRIES, asked) if asked else {}
        stages: dict[str | None, Stage | None] = {one: entry.to_account.stage for one, entry in last.items()}
        named = [as_named(unit, stages.get(unit.last_entry_id)) for unit in units]
        self._remember(variant_id, units)
        self._carried.know(variant_id, named)
        return named

    def _check_sellable(self, item: OpenItem, unit: SerialUnit) -> None:
        today = day_of(self.change.now)
        if not as_named(unit).sellable(today) or not is_sellable(item.lots, unit.lot_code, today):
            raise InvalidState(f"serial {unit.serial_no} is unsellable", status="unsellable", serial_no=unit.serial_no)


def _at(pin: Pin, units: Sequence[NamedUnit]) -> Named:
    """The units, which must be at the pinned place and lot."""
    for unit in units:
        if unit.account is not None and not pin.holds(unit.account.key):
            message = f"serial {unit.serial_no} lies elsewhere"
            raise InvalidState(message, status="elsewhere", serial_no=unit.serial_no)
    return Named(units)


def _check_holder(unit: SerialUnit, held_by: str | None) -> None:
    # A unit on the shelf may still name a former holder; promises do not name units, so it is ignored.
    if unit.status not in ON_SHELF and held_by not in {ANYONE, unit.held_by_id}:
        message = f"serial {unit.serial_no} is held by another"
        raise InvalidState(message, status=unit.status, serial_no=unit.serial_no)


def _is_of(unit: SerialUnit, commit_id: str, item: OpenItem, open_too: bool) -> bool:
    if unit.status in ON_SHELF:
        return open_too and unit.logical_guid == item.logical_guid
    return unit.held_by_id == commit_id


def _whereabouts(account: Account) -> Whereabouts:
    return Whereabouts(
        bucket=account.bucket,
        external=account.external,
        stage=account.stage,
        logical_guid=account.logical_guid,
        zone_id=account.zone_id,
        bin_id=account.bin_id,
        lot_code=account.lot_code,
        held_by_type=account.held_by_type,
        held_by_id=account.held_by_id,
    )

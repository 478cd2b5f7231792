"""Lots, serials and dates of units that come in: checked against what is known, and registered."""

from collections.abc import Sequence

from chassis.errors import invalid_field
from chassis.unit import Change
from services.ics.ledger.carried import CarriedSerials
from services.ics.ledger.naming import UNNAMED, Named, NamedUnit
from services.ics.ledger.open_item import OpenItem
from services.ics.serial.domain import Dates, SerialUnit, as_lot, coming_in, dated, lot_key, new_lot, other_date
from services.ics.serial.ledger_lots import stamp_changed
from services.ics.serial.store import SERIALS, lots_of
from services.ics.stock.serials import Serials

Key = tuple[str, str]
"""Variant, and the number of a serial or the code of a lot."""


class Arrivals:
    """The lots and serials that one call brings in: `check` every line first, then `bring` each."""

    def __init__(self, change: Change, serials: Serials, carried: CarriedSerials) -> None:
        self._change = change
        self._serials = serials
        self._carried = carried
        self._lots: dict[Key, SerialUnit] = {}
        self._said: dict[Key, Dates] = {}
        self._new: list[Key] = []
        self._dated: list[Key] = []
        self._new_lots: list[Key] = []
        self._dated_lots: list[Key] = []

    async def check(
        self, item: OpenItem, lot_code: str | None, serials: Sequence[str] | None, given: Dates, path: str = ""
    ) -> str | None:
        """The lot of units that come in: the given one, or the one that their serials have.

        Raises `Invalid` if a serial is of another lot, the serials are of several, or a date is not the known one.
        """
        known = [unit for unit in await self._serials.known(item.variant_id, serials or ()) if unit is not None]
        lots = {unit.lot_code for unit in known if unit.lot_code is not None}
        if lot_code is None and len(lots) > 1:
            raise invalid_field(f"{path}serials", "are of several lots")
        if lot_code is None and lots:
            # Other lines may have serials of other lots of the item: their records are read together.
            lot_code = next(iter(lots))
            self._change.prefetch(SERIALS, [lot_key(item.variant_id, code) for code in item.lots], by="number")
        for unit in known:
            if unit.lot_code not in {None, lot_code}:
                raise invalid_field(f"{path}serials", f"serial {unit.serial_no} is of lot {unit.lot_code}")
            _check_dates(unit, f"serial {unit.serial_no}", given, path)
        if lot_code is not None:
            await self._check_lot(item, lot_code, given, path)
        return lot_code

    async def _check_lot(self, item: OpenItem, lot_code: str, given: Dates, path: str) -> None:
        key = (item.variant_id, lot_code)
        known = await self._lot(key)
        # An earlier line of the call may have given the first date.
        batch = dated(known or new_lot("", item.variant_id, lot_code), self._said.get(key, Dates()))
        _check_dates(batch, f"lot {lot_code}", given, path)
        batch = dated(batch, given)
        self._said[key] = Dates(batch.expiry_date, batch.manufacture_date)

    async def bring(self, item: OpenItem, lot_code: str | None, serials: Sequence[str] | None, given: Dates) -> Named:
        """The units that come in, after `check`. A new lot or serial is registered, a known one without a date takes
        the given one. Raises `InvalidState` if a serial is in stock."""
        if lot_code is not None:
            await self._bring_lot(item, lot_code, given)
        if not serials:
            return UNNAMED
        named = []
        for serial_no, known in zip(serials, await self._serials.known(item.variant_id, serials), strict=True):
            key = (item.variant_id, serial_no)
            unit = coming_in(known, self._change.new_id(), item.variant_id, serial_no, lot_code)
            fresh = dated(unit, given)
            if known is None:
                self._new.append(key)
            elif fresh is not unit:
                self._dated.append(key)
            self._serials.units[key] = fresh
            named.append(NamedUnit(serial_no, None, fresh.blocked, fresh.expiry_date))
        self._carried.know(item.variant_id, named)
        return Named(named)

    async def _bring_lot(self, item: OpenItem, lot_code: str, given: Dates) -> None:
        key = (item.variant_id, lot_code)
        known = await self._lot(key)
        if known is None:
            batch = dated(new_lot(self._change.new_id(), item.variant_id, lot_code), given)
            self._new_lots.append(key)
            known = await self._change.insert(SERIALS, batch)
        elif (fresh := dated(known, given)) is not known:
            if key not in self._new_lots:
                self._dated_lots.append(key)
            if as_lot(fresh) != as_lot(known):
                await stamp_changed(self._change, item.variant_id)
            known = await self._change.update(SERIALS, fresh)
        self._lots[key] = known
        item.lots[lot_code] = as_lot(known)

    async def _lot(self, key: Key) -> SerialUnit | None:
        variant_id, lot_code = key
        return self._lots.get(key) or (await lots_of(self._change, variant_id, [lot_code])).get(lot_code)

    def emit(self) -> None:
        """Emit `ics.serial.registered` for every lot and serial registered, and `ics.serial.updated` for every known
        one that got its first date."""
        units = self._serials.units
        for unit in [*map(self._lots.__getitem__, self._new_lots), *map(units.__getitem__, self._new)]:
            self._change.emit("ics.serial.registered", unit.serial_id, serial=unit)
        lots = map(self._lots.__getitem__, dict.fromkeys(self._dated_lots))
        for unit in [*lots, *map(units.__getitem__, self._dated)]:
            self._change.emit("ics.serial.updated", unit.serial_id, serial=unit)


def _check_dates(known: SerialUnit, name: str, given: Dates, path: str) -> None:
    if differs := other_date(known, given):
        raise invalid_field(f"{path}{differs}", f"{name} has another, {getattr(known, differs)}")

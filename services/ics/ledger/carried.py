"""The serials of one posting: what is known of them, and where the entries made so far put them. Pure.

A call that names serials moves exactly these. One that names none moves units without a serial first, then serials by
number, unsellable ones last; promises name no units, so the shelf of a position counts as one account.
"""

from collections.abc import Callable, Iterable, Sequence

from chassis.clock import Date
from chassis.errors import InvalidState
from services.ics.ledger.leg import Leg, Side
from services.ics.ledger.lot import is_sellable
from services.ics.ledger.naming import NamedUnit, SerialAccount, in_turn
from services.ics.ledger.open_item import OpenItem
from services.ics.words import Kind

CARRIED_MAX = 2000
"""Most serials that one move takes along without being named; as many as a call may name."""

Reader = Callable[[OpenItem, SerialAccount, int], Sequence[NamedUnit]]
"""Reads the units of an account as they were before the posting, see `Posting.units_at`."""


class CarriedSerials:
    """units: (variant, serial number) -> the unit, where the entries made so far put it."""

    def __init__(self) -> None:
        self.units: dict[tuple[str, str], NamedUnit] = {}

    def know(self, variant_id: str, units: Iterable[NamedUnit]) -> None:
        """Add units as they are stored; those already known are unchanged."""
        for unit in units:
            self.units.setdefault((variant_id, unit.serial_no), unit)

    def in_turn(self, source: Leg, quantity: int, today: Date, read: Reader) -> list[str]:
        """The serials that go along when `quantity` units leave an account and the call names none of them.

        Raises `InvalidState` if there are more than `CARRIED_MAX`.
        """
        item, account = source.item, source.account
        if account.counter is not None:
            bare = max(0, source.units - getattr(item.position(account.key), account.counter))
            moving = quantity - bare
            units = self._at(item, account, moving, read) if moving > 0 else []
        else:
            units = _of_line(source, self._at(item, account, quantity, read))
            moving = quantity - max(0, source.units - len(units))
        if moving <= 0:
            return []
        if moving > CARRIED_MAX:
            raise InvalidState(f"this moves more than {CARRIED_MAX} serials; move fewer units", status="scattered")
        sellable_lot = is_sellable(item.lots, account.key.lot_code, today)
        taken = [unit.serial_no for unit in in_turn(units, today, sellable_lot=sellable_lot)[:moving]]
        assert len(taken) == moving, (account, quantity, taken)
        return taken

    def bare(self, source: Leg, read: Reader) -> int:
        """Units of an account that have no serial; on the shelf, of all its buckets together."""
        item, account = source.item, source.account
        if not item.serialised:
            return source.units
        if account.counter is not None:
            named = int(getattr(item.position(account.key), account.counter))
        else:
            named = len(_of_line(source, self._at(item, account, source.units, read)))
        # Earlier releases let units leave their serials behind: there may be more serials than units.
        return max(0, source.units - named)

    def _at(self, item: OpenItem, account: SerialAccount, wanted: int, read: Reader) -> list[NamedUnit]:
        """The units in an account now: those of the posting, and others that are stored there."""
        ours = {number: unit for (variant, number), unit in self.units.items() if variant == item.variant_id}
        stored = [unit for unit in read(item, account, wanted + len(ours)) if unit.serial_no not in ours]
        self.know(item.variant_id, stored)
        return [*stored, *(unit for unit in ours.values() if unit.account == account)]

    def carry(self, serials: Iterable[str], kind: Kind, source: Side, target: Side, variant_id: str) -> None:
        """Move serials from one account to another; those that are assigned were in none before."""
        for serial_no in serials:
            unit = self.units[variant_id, serial_no]
            if isinstance(source, Leg) and kind != "assign":
                source.item.mark(source.account, unit, -1)
            if isinstance(target, Leg):
                target.item.mark(target.account, unit, 1)
            account = target.account if isinstance(target, Leg) else None
            self.units[variant_id, serial_no] = unit._replace(account=account)


def _of_line(source: Leg, units: Iterable[NamedUnit]) -> list[NamedUnit]:
    """The units that belong to the holder's line, where several lines have one account."""
    if source.holding is None or source.line is None or not source.holding.serials:
        return list(units)
    own = source.holding.serials.get(source.line, ())
    return [unit for unit in units if unit.serial_no in own]

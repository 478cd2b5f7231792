"""Lots as the ledger knows them: when they expire, whether they are blocked, and so whether they may be sold."""

from collections.abc import Mapping

from chassis.clock import Date
from chassis.entity import Value
from chassis.errors import InvalidState


class Lot(Value):
    """What is known of a lot of one variant."""

    lot_code: str
    expiry_date: Date | None = None
    blocked: bool = False

    def sellable(self, today: Date) -> bool:
        """Whether it may be promised, picked and shipped: not blocked, and not past its expiry date (UTC)."""
        return not self.blocked and (self.expiry_date is None or self.expiry_date >= today)


def is_sellable(lots: Mapping[str, Lot], lot_code: str | None, today: Date) -> bool:
    """Whether units of this lot may be sold; units without a lot always may, and so may lots nothing is known of."""
    if lot_code is None:
        return True
    lot = lots.get(lot_code)
    return lot is None or lot.sellable(today)


def check_sellable(lots: Mapping[str, Lot], lot_code: str | None, today: Date) -> None:
    """Refuse units of a lot that may not be sold."""
    if not is_sellable(lots, lot_code, today):
        raise InvalidState(f"lot {lot_code} is unsellable", status="unsellable")

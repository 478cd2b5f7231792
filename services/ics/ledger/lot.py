"""The data of lots that the ledger needs: expiry date and block, which decide whether a lot may be sold."""

from collections.abc import Mapping

from chassis.clock import Date
from chassis.entity import Value
from chassis.errors import InvalidState


class Lot(Value):
    """A lot of one variant. `expiry_date` None: it does not expire."""

    lot_code: str
    expiry_date: Date | None = None
    blocked: bool = False

    def sellable(self, today: Date) -> bool:
        """Whether it may be promised, picked and shipped: not blocked, and not past its expiry date (UTC)."""
        return not self.blocked and (self.expiry_date is None or self.expiry_date >= today)


def is_sellable(lots: Mapping[str, Lot], lot_code: str | None, today: Date) -> bool:
    """Whether units of a lot may be sold. Units without a lot and of lots not in `lots` may."""
    if lot_code is None:
        return True
    lot = lots.get(lot_code)
    return lot is None or lot.sellable(today)


def unsellable_lots(lots: Mapping[str, Lot], today: Date) -> frozenset[str]:
    """The codes of the lots whose units may not be sold on `today`."""
    return frozenset(
        code for code, lot in lots.items() if lot.blocked or (lot.expiry_date is not None and lot.expiry_date < today)
    )


def check_sellable(lots: Mapping[str, Lot], lot_code: str | None, today: Date) -> None:
    """Raises `InvalidState` if units of the lot may not be sold."""
    if not is_sellable(lots, lot_code, today):
        raise InvalidState(f"lot {lot_code} is unsellable", status="unsellable", lot_code=lot_code)

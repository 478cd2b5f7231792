"""Serials in counts: which of them a position should have had when it was counted, and the loss of units. Pure."""

from collections.abc import Iterable, Sequence

from chassis.clock import Utc
from services.ics.ledger.accounts import units_of
from services.ics.ledger.balance import PositionKey
from services.ics.ledger.entry import Account, StockCardEntry
from services.ics.ledger.holder import Loss, Part
from services.ics.ledger.leg import Leg
from services.ics.ledger.naming import SerialAccount
from services.ics.ledger.posting import Posting

SERIALS_MAX = 500
"""Most serials found and missing in one count; each has an entry of its own."""


def expected_serials(
    here: Iterable[str], since: Iterable[StockCardEntry], facility: str, key: PositionKey, moment: Utc
) -> set[str]:
    """The serials on hand at a position at `moment`: those there now, without what later entries (oldest first) did."""
    before: dict[str, bool] = {}
    for entry in since:
        if entry.recorded_utc > moment:
            # A serial that is assigned was not there before, although its unit was.
            was_here = entry.kind != "assign" and _lies_at(entry.from_account, facility, key)
            for serial_no in entry.serials:
                before.setdefault(serial_no, was_here)
    return {serial_no for serial_no in here if serial_no not in before} | {no for no, was in before.items() if was}


def _lies_at(side: Account, facility: str, key: PositionKey) -> bool:
    return side.logical_guid == facility and side.bucket != "in_transit" and side.key == key


def lose(posting: Posting, leg: Leg, quantity: int, serials: Sequence[str], line_no: int) -> None:
    """Take units of one account away; a holder's loss is recorded."""
    if leg.holding is not None:
        leg.holding.losses.append(Loss(Part(leg.key, leg.stage, leg.line), quantity))
    posting.move("count", quantity, leg, "adjustment", serials=serials, line=line_no)


def leg_with(legs: Iterable[Leg], account: SerialAccount) -> Leg | None:
    """The first account that a serial there may leave; None if it has no units that can."""
    return next((leg for leg in legs if leg.account == account and units_of(leg) > 0), None)

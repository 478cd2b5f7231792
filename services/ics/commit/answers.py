"""What calls that only move goods about answer."""

from typing import Annotated

from msgspec import Meta

from chassis.endpoint import Answer
from chassis.errors import InvalidState
from chassis.values import Id
from services.ics.commit.domain import Commit
from services.ics.ledger.balance import Balance
from services.ics.ledger.entry import ENTRIES_MAX, StockCardEntry
from services.ics.ledger.post import Posted


class StockCardEntryEnvelope(Answer, frozen=True, kw_only=True):
    operation_id: Id
    entries: Annotated[list[StockCardEntry], Meta(min_length=1, max_length=ENTRIES_MAX)]
    commit: Commit | None = None
    balances: Annotated[list[Balance], Meta(min_length=1, max_length=2)]


def moved(operation_id: str, posted: Posted, commit: Commit | None = None) -> StockCardEntryEnvelope:
    """The answer of one operation; one that took more entries than an answer lists is refused."""
    if len(posted.entries) > ENTRIES_MAX:
        raise InvalidState(f"this takes more than {ENTRIES_MAX} entries; move fewer units at once", status="scattered")
    return StockCardEntryEnvelope(
        operation_id=operation_id, entries=posted.entries, commit=commit, balances=posted.balances
    )

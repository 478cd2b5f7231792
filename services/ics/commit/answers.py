"""The answer of calls that only move units: one operation and its ledger entries."""

from typing import Annotated

from msgspec import Meta

from chassis.endpoint import Answer
from chassis.unit import Change
from chassis.values import Id
from services.ics.commit.domain import Commit
from services.ics.ledger.balance import Balance
from services.ics.ledger.entry import ENTRIES_MAX, StockCardEntry
from services.ics.stock.posting import LedgerPosting, posting


class StockCardEntryEnvelope(Answer):
    operation_id: Id
    entries: Annotated[list[StockCardEntry], Meta(min_length=1, max_length=ENTRIES_MAX)]
    commit: Commit | None = None
    balances: Annotated[list[Balance], Meta(min_length=1, max_length=2)]


def moved(p: LedgerPosting, commit: Commit | None = None) -> StockCardEntryEnvelope:
    """The answer of a call that is a single ledger operation."""
    return StockCardEntryEnvelope(
        operation_id=p.operation.operation_id, entries=p.entries, commit=commit, balances=p.balances
    )


def posting_of(change: Change, commit: Commit, reason: str | None = None, *, listed: bool = False) -> LedgerPosting:
    """A posting for an operation on the commit, with the commit's channel and order."""
    return posting(
        change,
        "commit",
        commit.commit_id,
        channel_code=commit.channel_code,
        order_ref=commit.order_ref,
        reason=reason,
        listed=listed,
    )

"""Adjustments and transitions: manual corrections of stock. Pure."""

from typing import Annotated, Literal, assert_never

from msgspec import Meta

from chassis.entity import Record, Value
from chassis.errors import Conflict, InvalidState
from chassis.values import Delta, Guid, Id, Qty, Reason
from services.ics.ledger.balance import Landing
from services.ics.ledger.draw import Pin, draw, draw_held
from services.ics.ledger.entry import ENTRIES_MAX, StockCardEntry
from services.ics.ledger.holder import Holding, Loss, is_on_shelf
from services.ics.ledger.leg import Leg, Side
from services.ics.ledger.naming import Named
from services.ics.ledger.open_item import OpenItem
from services.ics.ledger.posting import Posting, insufficient
from services.ics.words import STAGES, UNHELD_BUCKETS, Bucket, Stage

IMPORT_LINES_MAX = 1000
IMPORT_ENTRIES_MAX = 2000

Counter = Literal["adjustment", "scrap", "supplier"]
ImportCounter = Literal["adjustment", "supplier"]
Unheld = Literal["available", "quarantine", "damaged"]
ReasonCode = Literal[
    "correction",
    "damage",
    "expiry",
    "found",
    "loss",
    "return_to_supplier",
    "restock",
    "sample",
    "theft",
    "write_off",
    "other",
]
Entries = Annotated[list[StockCardEntry], Meta(min_length=1, max_length=ENTRIES_MAX)]


class Adjustment(Record):
    """A correction of a bucket by `delta` units, against an external account."""

    adjustment_id: Id
    logical_guid: Guid
    variant_id: Guid
    delta: Delta
    bucket: Bucket
    counter_account: Counter
    reason_code: ReasonCode
    reason: Reason | None
    operation_id: Id
    entries: Entries


class AdjustmentImport(Record):
    """Many corrections made in one operation; the line of each entry is the place of its line in the request."""

    import_id: Id
    logical_guid: Guid
    counter_account: ImportCounter
    reason_code: ReasonCode
    reason: Reason | None
    line_count: Annotated[int, Meta(ge=1, le=IMPORT_LINES_MAX)]
    entry_count: Annotated[int, Meta(ge=1, le=IMPORT_ENTRIES_MAX)]
    operation_id: Id


class StockTransition(Record):
    """A change of bucket of units without a holder."""

    transition_id: Id
    logical_guid: Guid
    variant_id: Guid
    from_bucket: Unheld
    to_bucket: Unheld
    quantity: Qty
    reason: Reason | None
    operation_id: Id
    entries: Entries


def check_balance(item: OpenItem, bucket: Bucket, expected: int | None) -> None:
    """Raises `Conflict` if the bucket's total is not `expected`; None: not checked."""
    total = item.total(bucket)
    if expected is not None and expected != total:
        raise Conflict(f"the balance is {total}", current_balance=total)


class Correction(Value):
    """One adjustment to post. `lot_code`: of units that come in; `line`, `reason`: those of an import's line."""

    delta: int
    bucket: Bucket
    counter_account: Counter
    lot_code: str | None = None
    held_by_id: str | None = None
    line: int | None = None
    reason: str | None = None


def adjust_in(posting: Posting, item: OpenItem, asked: Correction, place: Landing, named: Named) -> None:
    """Move `delta` units in from the external account to a place."""
    target = Leg(item, asked.bucket, posting.land(item, place, asked.lot_code))
    _book(posting, asked, asked.delta, asked.counter_account, target, named.numbers())


def _book(
    posting: Posting, asked: Correction, units: int, source: Side, target: Side, serials: list[str] | None
) -> None:
    posting.move("adjust", units, source, target, serials=serials, line=asked.line, reason=asked.reason)


def adjust_out(posting: Posting, item: OpenItem, asked: Correction, pin: Pin, named: Named) -> None:
    """Move units out to the external account: units without a holder first, then those of the oldest holders, whose
    promises shrink. Of committed units, open ones go first, then picked, then packed.

    Raises `InsufficientStock` if the bucket has fewer units inside the pin.
    """
    bucket, quantity = asked.bucket, -asked.delta
    left = quantity
    if bucket in UNHELD_BUCKETS and asked.held_by_id is None:
        takes, left = draw(item, bucket, left, pin, named=named)
        for key, units, serials in takes:
            _book(posting, asked, units, Leg(item, bucket, key), asked.counter_account, serials)
    holders = [each for each in posting.holders_in(item, bucket) if asked.held_by_id in {None, each.id}]
    for stage in STAGES if bucket == "committed" else (None,):
        for holding in holders:
            left -= _lose(posting, asked, holding, left, stage, pin=pin, named=named)
    if left:
        raise insufficient(item, bucket, quantity, quantity - left, "the bucket holds fewer units there")


def _lose(
    posting: Posting, asked: Correction, holding: Holding, quantity: int, stage: Stage | None, *, pin: Pin, named: Named
) -> int:
    on_shelf = is_on_shelf(holding.bucket, stage)
    takes, lacking = draw_held(holding.item, holding, quantity, pin, stage=stage, leaves_shelf=on_shelf, named=named)
    for part, units, serials in takes:
        source = Leg(holding.item, holding.bucket, part.key, holding, part.stage, part.line)
        holding.losses.append(Loss(part, units))
        _book(posting, asked, units, source, asked.counter_account, serials)
    return quantity - lacking


def unheld(bucket: Bucket) -> Unheld:
    """The bucket, if units may leave or enter it by a transition. Raises `InvalidState` for the others, which have
    calls of their own."""
    match bucket:
        case "available" | "quarantine" | "damaged":
            return bucket
        case "consignment" | "reserved" | "committed" | "in_transit":
            raise InvalidState(f"{bucket} changes through its own calls", status=bucket)
        case never:
            assert_never(never)


def transit(
    posting: Posting,
    item: OpenItem,
    source: Unheld,
    target: Unheld,
    quantity: int,
    *,
    pin: Pin,
    place: Landing | None,
    named: Named,
) -> None:
    """Move units without a holder to another bucket, at their position or (place) at a new one. Raises
    `InsufficientStock` if there are fewer units inside the pin."""
    takes, lacking = draw(item, source, quantity, pin, named=named)
    if lacking:
        raise insufficient(item, source, quantity, quantity - lacking, "fewer units are there")
    for key, units, serials in takes:
        landing = key if place is None else posting.land(item, place, key.lot_code)
        posting.move("transition", units, Leg(item, source, key), Leg(item, target, landing), serials=serials)

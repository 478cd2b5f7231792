"""The endpoints of stock: positions, stock cards, adjustments and transitions. See the contract's ics.yaml."""

from typing import Annotated

from msgspec import Meta

from chassis.caller import Call
from chassis.endpoint import Answer, Endpoints, Listed, Request
from chassis.page import PageRequest
from chassis.unit import Change, View
from chassis.values import Date, Delta, Guid, Id, Lot, Qty, Reason
from services.ics.bin.domain import Place, admit
from services.ics.bin.store import place_of, places_of
from services.ics.ledger.balance import Balance
from services.ics.ledger.draw import Pin
from services.ics.ledger.entry import StockCardEntry
from services.ics.ledger.naming import ANYONE
from services.ics.ledger.open_item import OpenItem
from services.ics.ledger.store import item_of
from services.ics.policy.store import ruling
from services.ics.serial.domain import Dates
from services.ics.stock import assigning, importing, lots
from services.ics.stock.cards import StockCardListRequest, cards
from services.ics.stock.domain import (
    Adjustment,
    Correction,
    Counter,
    ReasonCode,
    StockTransition,
    adjust_in,
    adjust_out,
    check_balance,
    transit,
    unheld,
)
from services.ics.stock.fields import AnyBalance, SerialList
from services.ics.stock.posting import LedgerPosting, posting
from services.ics.stock.reading import Positions, Stock, StockFilter, stock_list, stock_of
from services.ics.stock.serial_rules import STATUSES, check_tracked, date_problems, serial_problems
from services.ics.stock.store import ADJUSTMENTS, TRANSITIONS
from services.ics.words import ADJUST, READ, UNHELD_BUCKETS, Bucket

endpoints = Endpoints("ics")
endpoints.include(assigning.endpoints, importing.endpoints, lots.endpoints)

VARIANTS_MAX = 100


class StockEnvelope(Answer):
    stock: Stock


class StockGetRequest(Request):
    variant_id: Guid
    positions: Positions = "all"


@endpoints.post("/stock/get", roles=READ, needs=["logical_guid"], snapshot=True)
async def ics_stock_get(call: Call, view: View, body: StockGetRequest) -> StockEnvelope:
    """Show one variant in the facility with its positions; zeros where the facility never saw it."""
    item = await item_of(view, call.logical_guid, body.variant_id)
    return StockEnvelope(stock=await stock_of(view, item, body.positions))


class StockListRequest(Request, PageRequest):
    logical_guid: Guid | None = None
    variant_ids: Annotated[list[Guid], Meta(min_length=1, max_length=VARIANTS_MAX)] | None = None
    zone_id: Id | None = None
    bin_id: Id | None = None
    lot_code: Lot | None = None
    bucket: Bucket | None = None
    include_zero: bool = False

    def problems(self) -> list[tuple[str, str]]:
        if self.include_zero and (self.zone_id or self.bin_id or self.lot_code):
            return [("include_zero", "does not go with zone_id, bin_id or lot_code")]
        return []


class StockListEnvelope(Listed[Balance]):
    """One page of them."""


@endpoints.post("/stock/list", roles=READ, snapshot=True)
async def ics_stock_list(view: View, body: StockListRequest) -> StockListEnvelope:
    """List balances by facility and variant; at a place or of a lot, of the units there alone."""
    wanted = StockFilter(
        logical_guid=body.logical_guid,
        variant_ids=body.variant_ids,
        bucket=body.bucket,
        include_zero=body.include_zero,
        pin=Pin(body.zone_id, body.bin_id, body.lot_code),
    )
    page = await stock_list(view, wanted, body)
    return StockListEnvelope.of(page)


class StockCardEnvelope(Listed[StockCardEntry]):
    """One page of them."""


@endpoints.post("/stock/card/list", roles=READ)
async def ics_stock_card_list(view: View, body: StockCardListRequest) -> StockCardEnvelope:
    """List stock card entries: an item's by its numbers, others by time."""
    page = await cards(view, body)
    return StockCardEnvelope.of(page)


class AdjustmentEnvelope(Answer):
    adjustment: Adjustment
    balances: list[Balance]


class AdjustmentCreateRequest(Request):
    variant_id: Guid
    delta: Delta
    from_bucket: Bucket = "available"
    counter_account: Counter = "adjustment"
    zone_id: Id | None = None
    bin_id: Id | None = None
    lot_code: Lot | None = None
    expiry_date: Date | None = None
    serials: SerialList | None = None
    held_by_id: Id | None = None
    reason_code: ReasonCode
    reason: Reason | None = None
    expected_balance: AnyBalance | None = None

    def correction(self, lot_code: str | None) -> Correction:
        """The adjustment to post."""
        return Correction(
            delta=self.delta,
            bucket=self.from_bucket,
            counter_account=self.counter_account,
            lot_code=lot_code,
            held_by_id=self.held_by_id,
        )

    def problems(self) -> list[tuple[str, str]]:
        found = serial_problems(self.serials, abs(self.delta))
        if self.held_by_id is not None and self.from_bucket in {"available", "damaged"}:
            found.append(("held_by_id", f"does not go with {self.from_bucket}: no one holds it"))
        if self.delta < 0:
            return found + ([("expiry_date", "goes with units coming in")] if self.expiry_date else [])
        if self.from_bucket not in UNHELD_BUCKETS:
            found.append(("from_bucket", "units come into available, quarantine or damaged only"))
        if self.counter_account == "scrap":
            found.append(("counter_account", "units come from adjustment or supplier only"))
        if self.held_by_id is not None:
            found.append(("held_by_id", "goes with units leaving"))
        return found + date_problems(self.lot_code, self.serials, self.expiry_date)


@endpoints.post(
    "/adjustment/create",
    roles=ADJUST,
    needs=["logical_guid"],
    emits=["ics.adjustment.created", "ics.serial.registered", "ics.serial.updated", "ics.stock.changed"],
    refusals={
        "insufficient_stock": "the bucket holds fewer units there than the delta takes",
        "conflict": "the bucket's total is not expected_balance",
        "conflict_state": "a serial is not in that bucket, or is already in stock",
    },
)
async def ics_adjustment_create(call: Call, change: Change, body: AdjustmentCreateRequest) -> AdjustmentEnvelope:
    """Put a bucket right: units leave it to the outside, or come in from there."""
    place = await place_of(change, call.logical_guid, body.zone_id, body.bin_id)
    adjustment_id = change.new_id()
    async with posting(change, "adjustment", adjustment_id, reason=body.reason, listed=True) as p:
        item = await p.open(body.variant_id, [body.lot_code] if body.lot_code else [])
        policy, _ = await ruling(change, body.variant_id, call.logical_guid)
        given = Dates(body.expiry_date)
        lot_code = await p.arrivals.check(item, body.lot_code, body.serials, given) if body.delta > 0 else body.lot_code
        check_tracked(policy, serials=body.serials, lot_code=lot_code, comes_in=body.delta > 0)
        check_balance(item, body.from_bucket, body.expected_balance)
        if body.delta > 0:
            landing = admit(place).landing()
            named = await p.arrivals.bring(item, lot_code, body.serials, given)
            adjust_in(p, item, body.correction(lot_code), landing, named)
        else:
            await _adjust_out(p, item, body, place)
        adjustment = Adjustment(
            adjustment_id=adjustment_id,
            logical_guid=call.logical_guid,
            variant_id=body.variant_id,
            delta=body.delta,
            bucket=body.from_bucket,
            counter_account=body.counter_account,
            reason_code=body.reason_code,
            reason=body.reason,
            operation_id=p.operation.operation_id,
            entries=p.entries,
        )
        adjustment = await change.insert(ADJUSTMENTS, adjustment)
        change.emit("ics.adjustment.created", adjustment_id, adjustment=adjustment)
        return AdjustmentEnvelope(adjustment=adjustment, balances=p.balances)


async def _adjust_out(p: LedgerPosting, item: OpenItem, body: AdjustmentCreateRequest, place: Place) -> None:
    pin, holder = Pin(place.zone_id, place.bin_id, body.lot_code), body.held_by_id or ANYONE
    named = await p.serials.take(item, body.serials, STATUSES[body.from_bucket], held_by=holder, pin=pin)
    if body.held_by_id is not None:
        await p.take_up_holder(item, body.held_by_id, body.from_bucket)
    elif body.from_bucket not in {"available", "damaged"}:
        await p.take_up_holders(item, {body.from_bucket}, pin, -body.delta, holder_ids=named.holder_ids)
    adjust_out(p, item, body.correction(body.lot_code), pin, named)


class StockTransitionEnvelope(Answer):
    transition: StockTransition
    balances: list[Balance]


class StockTransitionRequest(Request):
    variant_id: Guid
    from_bucket: Bucket
    to_bucket: Bucket
    quantity: Qty
    zone_id: Id | None = None
    bin_id: Id | None = None
    lot_code: Lot | None = None
    to_zone_id: Id | None = None
    to_bin_id: Id | None = None
    serials: SerialList | None = None
    reason: Reason | None = None
    expected_balance: AnyBalance | None = None

    def problems(self) -> list[tuple[str, str]]:
        found = serial_problems(self.serials, self.quantity)
        return (
            [*found, ("to_bucket", "is the bucket the units are in")] if self.from_bucket == self.to_bucket else found
        )


@endpoints.post(
    "/stock/transition",
    roles=ADJUST,
    needs=["logical_guid"],
    emits=["ics.stock.transitioned", "ics.stock.changed"],
    refusals={
        "insufficient_stock": "fewer units in from_bucket there",
        "conflict_state": "a bucket that has its own calls",
        "conflict": "from_bucket's total is not expected_balance",
    },
)
async def ics_stock_transition(call: Call, change: Change, body: StockTransitionRequest) -> StockTransitionEnvelope:
    """Change the bucket of units no one holds; those under inspection belong to their receipt and are not touched."""
    place, target = await places_of(
        change, call.logical_guid, [(body.zone_id, body.bin_id, ""), (body.to_zone_id, body.to_bin_id, "to_")]
    )
    transition_id = change.new_id()
    pin = Pin(place.zone_id, place.bin_id, body.lot_code)
    async with posting(change, "transition", transition_id, reason=body.reason, listed=True) as p:
        item = await p.open(body.variant_id)
        check_balance(item, body.from_bucket, body.expected_balance)
        source, into = unheld(body.from_bucket), unheld(body.to_bucket)
        named = await p.serials.take(item, body.serials, STATUSES[source], pin=pin)
        landing = admit(target).landing() if target.zone is not None else None
        transit(p, item, source, into, body.quantity, pin=pin, place=landing, named=named)
        transition = StockTransition(
            transition_id=transition_id,
            logical_guid=call.logical_guid,
            variant_id=body.variant_id,
            from_bucket=source,
            to_bucket=into,
            quantity=body.quantity,
            reason=body.reason,
            operation_id=p.operation.operation_id,
            entries=p.entries,
        )
        transition = await change.insert(TRANSITIONS, transition)
        change.emit("ics.stock.transitioned", transition_id, transition=transition)
        return StockTransitionEnvelope(transition=transition, balances=p.balances)

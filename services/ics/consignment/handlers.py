"""The consignment endpoints. The contract's ics.yaml specifies each of them."""

from collections.abc import Sequence

from msgspec.structs import replace

from chassis.caller import Call
from chassis.endpoint import Answer, Endpoints, Request, Revised
from chassis.unit import Change
from chassis.values import Date, Guid, Id, Lot, Money, Qty, Reason, Text
from services.ics.bin.domain import admit
from services.ics.bin.store import place_of
from services.ics.consignment import reading
from services.ics.consignment.domain import (
    Consignment,
    ConsignmentRecord,
    Settlement,
    bring_in,
    check_cost,
    check_settled,
    consume,
    held_by,
    send_back,
    settled,
    times,
    to_answer,
    without_money,
)
from services.ics.consignment.store import CONSIGNMENTS
from services.ics.ledger.balance import Balance
from services.ics.ledger.draw import ANYWHERE, Pin
from services.ics.ledger.naming import Named
from services.ics.ledger.open_item import OpenItem
from services.ics.money import money_problems
from services.ics.policy.store import ruling
from services.ics.remarks import remarked
from services.ics.serial.domain import Dates
from services.ics.stock.fields import SerialList
from services.ics.stock.posting import posting
from services.ics.stock.serial_rules import STATUSES, check_tracked, date_problems, serial_problems
from services.ics.stock.serials import Serials
from services.ics.words import COST, OPERATOR, load_here

endpoints = Endpoints("ics", "/consignment")
endpoints.include(reading.endpoints)


class ConsignmentEnvelope(Answer):
    consignment: Consignment
    balances: list[Balance]


def shown(call: Call, answer: ConsignmentEnvelope) -> ConsignmentEnvelope:
    """The answer without money, unless the caller may see it."""
    if call.caller.has_any(COST):
        return answer
    return replace(answer, consignment=without_money(answer.consignment))


class ConsignmentReceiveRequest(Request):
    consignor_ref: Guid
    agreement_ref: Text | None = None
    variant_id: Guid
    quantity: Qty
    unit_cost: Money
    zone_id: Id | None = None
    bin_id: Id | None = None
    lot_code: Lot | None = None
    expiry_date: Date | None = None
    serials: SerialList | None = None

    def problems(self) -> list[tuple[str, str]]:
        found = money_problems("unit_cost", self.unit_cost) + serial_problems(self.serials, self.quantity)
        return found + date_problems(self.lot_code, self.serials, self.expiry_date)


@endpoints.post(
    "/receive",
    roles=OPERATOR,
    needs=["logical_guid"],
    shown=shown,
    emits=["ics.consignment.received", "ics.serial.registered", "ics.serial.updated", "ics.stock.changed"],
    refusals={"conflict_state": "a serial is already in stock, or the bin's capacity is exceeded"},
)
async def ics_consignment_receive(call: Call, change: Change, body: ConsignmentReceiveRequest) -> ConsignmentEnvelope:
    """Receive goods owned by a consignor: on hand, but not sellable until consumed."""
    check_cost(body.unit_cost, body.quantity)
    place = await place_of(change, call.logical_guid, body.zone_id, body.bin_id)
    consignment_id = change.new_id()
    async with posting(change, "consignment", consignment_id) as p:
        item = await p.open(body.variant_id, [body.lot_code] if body.lot_code else [])
        policy, _ = await ruling(change, body.variant_id, call.logical_guid)
        given = Dates(body.expiry_date)
        lot_code = await p.arrivals.check(item, body.lot_code, body.serials, given)
        check_tracked(policy, serials=body.serials, lot_code=lot_code, comes_in=True)
        landing = admit(place).landing()
        named = await p.arrivals.bring(item, lot_code, body.serials, given)
        kept = ConsignmentRecord(
            consignment_id=consignment_id,
            consignor_ref=body.consignor_ref,
            agreement_ref=body.agreement_ref,
            logical_guid=call.logical_guid,
            variant_id=body.variant_id,
            lot_code=lot_code,
            quantity=body.quantity,
            on_hand=body.quantity,
            unit_cost=body.unit_cost,
            settled_amount=times(body.unit_cost, 0),
        )
        kept = bring_in(p, item, kept, place=landing, named=named)
        kept = await change.insert(CONSIGNMENTS, kept)
        change.emit("ics.consignment.received", consignment_id, consignment=to_answer(kept, money=True))
        return _answer(kept, p.balances)


def _answer(kept: ConsignmentRecord, balances: list[Balance]) -> ConsignmentEnvelope:
    return ConsignmentEnvelope(consignment=to_answer(kept, money=True), balances=balances)


class ConsignmentConsumeRequest(Revised):
    consignment_id: Id
    quantity: Qty
    zone_id: Id | None = None
    bin_id: Id | None = None
    serials: SerialList | None = None
    reason: Reason | None = None

    def problems(self) -> list[tuple[str, str]]:
        return serial_problems(self.serials, self.quantity)


@endpoints.post(
    "/consume",
    roles=OPERATOR,
    needs=["logical_guid"],
    shown=shown,
    emits=["ics.consignment.consumed", "ics.stock.changed"],
    refusals={
        "insufficient_stock": "fewer consigned units there",
        "conflict_state": "a serial is not the consignment's, or lies elsewhere; the units are scattered",
    },
)
async def ics_consignment_consume(call: Call, change: Change, body: ConsignmentConsumeRequest) -> ConsignmentEnvelope:
    """Consume consigned units: they become available at their positions and must be paid."""
    place = await place_of(change, call.logical_guid, body.zone_id, body.bin_id)
    kept = await load_here(change, CONSIGNMENTS, body.consignment_id, body.expected_revision)
    pin = Pin(place.zone_id, place.bin_id)
    async with posting(change, "consignment", kept.consignment_id, reason=body.reason) as p:
        item = await p.open(kept.variant_id)
        named = await _named(p.serials, item, kept, body.serials, pin)
        kept = consume(p, held_by(p, item, kept), kept, body.quantity, pin=pin, named=named)
        kept = remarked(kept, call, change.now, body.reason)
        kept = await change.update(CONSIGNMENTS, kept, body.reason)
        consignment = to_answer(kept, money=True)
        change.emit("ics.consignment.consumed", kept.consignment_id, consignment=consignment, quantity=body.quantity)
        return _answer(kept, p.balances)


async def _named(
    serials: Serials, item: OpenItem, kept: ConsignmentRecord, asked: Sequence[str] | None, pin: Pin = ANYWHERE
) -> Named:
    return await serials.take(item, asked, STATUSES["consignment"], held_by=kept.consignment_id, pin=pin)


class ConsignmentSettlementRequest(Revised):
    consignment_id: Id
    quantity: Qty | None = None
    return_quantity: Qty | None = None
    settlement_ref: Text | None = None
    serials: SerialList | None = None

    def problems(self) -> list[tuple[str, str]]:
        found = []
        if self.quantity is None and self.return_quantity is None:
            found.append(("quantity", "is required without return_quantity"))
        if self.serials is not None and self.return_quantity is None:
            found.append(("serials", "go with units sent back"))
        return found + serial_problems(self.serials, self.return_quantity)


@endpoints.post(
    "/settle",
    roles=COST,
    needs=["logical_guid"],
    shown=shown,
    emits=["ics.consignment.settled", "ics.stock.changed"],
    refusals={
        "conflict_state": "quantity is more than consumed − settled",
        "insufficient_stock": "return_quantity is more than on_hand",
    },
)
async def ics_consignment_settle(call: Call, change: Change, body: ConsignmentSettlementRequest) -> ConsignmentEnvelope:
    """Record the payment of consumed units and the return of unsold ones."""
    kept = await load_here(change, CONSIGNMENTS, body.consignment_id, body.expected_revision)
    paid, returned = body.quantity or 0, body.return_quantity or 0
    check_settled(kept, paid)
    settlement = Settlement(
        settlement_ref=body.settlement_ref,
        quantity=paid,
        amount=times(kept.unit_cost, paid),
        returned=returned,
        settled_utc=change.now,
        settled_by=call.caller.actor,
    )
    async with posting(change, "consignment", kept.consignment_id) as p:
        item = await p.open(kept.variant_id)
        holding = held_by(p, item, kept)
        if returned:
            send_back(p, holding, returned, await _named(p.serials, item, kept, body.serials))
        kept = await change.update(CONSIGNMENTS, settled(kept, holding, settlement))
        consignment = to_answer(kept, money=True)
        change.emit("ics.consignment.settled", kept.consignment_id, consignment=consignment, settlement=settlement)
        return _answer(kept, p.balances)

"""The allocation endpoints. The contract's ics.yaml specifies each of them."""

from collections.abc import Sequence
from typing import Annotated

from msgspec import Meta

from chassis.caller import Call
from chassis.clock import day_of
from chassis.endpoint import Answer, Endpoints, Request, Revised
from chassis.errors import invalid_field
from chassis.unit import Change, View
from chassis.values import Code, Guid, Id, Lot, Qty, Reason, Text
from services.ics.allocation import reading
from services.ics.allocation.domain import Allocation, AllocationLine, allocate, allocate_from
from services.ics.allocation.offers import offers_of
from services.ics.allocation.store import ALLOCATIONS
from services.ics.allocation.suggest import AllocationSuggestion, Line, suggest
from services.ics.atp.reading import FACILITIES_MAX, facilities_of
from services.ics.bin.store import place_of
from services.ics.ledger.balance import Balance
from services.ics.ledger.draw import Pin
from services.ics.policy.domain import PromiseSeconds
from services.ics.reservation.domain import Reservation
from services.ics.reservation.ending import expire_promise, release_promise
from services.ics.reservation.expiring import check_usable
from services.ics.reservation.opening import open_to_pass_on, open_to_promise
from services.ics.reservation.store import RESERVATIONS
from services.ics.stock.posting import posting
from services.ics.words import OPERATOR, PLANNER, load_here

endpoints = Endpoints("ics", "/allocation")
endpoints.include(reading.endpoints)

DEMAND_LINES_MAX = 50


class AllocationEnvelope(Answer):
    allocation: Allocation
    reservation: Reservation | None = None
    balances: list[Balance]


class AllocationCreateRequest(Revised):
    reservation_id: Id | None = None
    variant_id: Guid | None = None
    quantity: Qty | None = None
    order_ref: Text
    order_line_ref: Text | None = None
    zone_id: Id | None = None
    bin_id: Id | None = None
    lot_code: Lot | None = None
    ttl_seconds: PromiseSeconds | None = None

    def problems(self) -> Sequence[tuple[str, str]]:
        if self.reservation_id is not None:
            return ()
        missing = [name for name in ("variant_id", "quantity") if getattr(self, name) is None]
        return [(name, "is required without reservation_id") for name in missing]

    def line(self, pin: Pin) -> AllocationLine:
        """The order line of this request, with the place resolved to `pin`."""
        return AllocationLine(
            order_ref=self.order_ref, order_line_ref=self.order_line_ref, ttl_seconds=self.ttl_seconds, pin=pin
        )


@endpoints.post(
    "/create",
    roles=OPERATOR,
    needs=["logical_guid", "channel_code"],
    emits=["ics.allocation.created", "ics.reservation.expired", "ics.allocation.expired", "ics.stock.changed"],
    refusals={
        "insufficient_stock": "promisable, or available at the pin, is below quantity",
        "conflict_state": "the reservation is not active or is overdue, or has fewer units remaining; "
        "the pinned lot is unsellable",
        "not_found": "no such reservation in the facility",
    },
)
async def ics_allocation_create(call: Call, change: Change, body: AllocationCreateRequest) -> AllocationEnvelope:
    """Allocate units to an order line, from a reservation or from available stock."""
    place = await place_of(change, call.logical_guid, body.zone_id, body.bin_id)
    line = body.line(Pin(place.zone_id, place.bin_id, body.lot_code))
    if body.reservation_id is not None:
        return await _allocate_reserved(call, change, body, body.reservation_id, line)
    assert body.variant_id is not None
    assert body.quantity is not None
    allocation_id = change.new_id()
    async with posting(change, "allocation", allocation_id, order_ref=body.order_ref) as p:
        item, policy, limit = await open_to_promise(change, p, body.variant_id, body.quantity, line.pin)
        holding = p.own(item, "allocation", allocation_id)
        allocation = allocate(
            p, holding, line, body.quantity, channel_code=call.channel_code, policy=policy, limit=limit
        )
        allocation = await change.insert(ALLOCATIONS, allocation)
        change.emit("ics.allocation.created", allocation_id, allocation=allocation)
        return AllocationEnvelope(allocation=allocation, balances=p.balances)


async def _allocate_reserved(
    call: Call, change: Change, body: AllocationCreateRequest, reservation_id: str, line: AllocationLine
) -> AllocationEnvelope:
    reservation = await load_here(change, RESERVATIONS, reservation_id, body.expected_revision)
    if body.variant_id not in {None, reservation.variant_id}:
        raise invalid_field("variant_id", "is not the reservation's")
    if call.channel_code != reservation.channel_code:
        raise invalid_field("channel_code", "is not the reservation's")
    quantity = check_usable(reservation, body.quantity, change.now)
    allocation_id = change.new_id()
    channel_code, order_ref = reservation.channel_code, body.order_ref
    async with posting(change, "allocation", allocation_id, channel_code=channel_code, order_ref=order_ref) as p:
        item, policy = await open_to_pass_on(change, p, reservation.variant_id)
        holding = p.own(item, "allocation", allocation_id)
        allocation, reservation = allocate_from(p, reservation, holding, line, quantity, policy=policy)
        allocation = await change.insert(ALLOCATIONS, allocation)
        reservation = await change.update(RESERVATIONS, reservation)
        change.emit("ics.allocation.created", allocation_id, allocation=allocation)
        return AllocationEnvelope(allocation=allocation, reservation=reservation, balances=p.balances)


class AllocationReleaseRequest(Revised):
    allocation_id: Id
    quantity: Qty | None = None
    reason: Reason | None = None


@endpoints.post(
    "/release",
    roles=OPERATOR,
    needs=["logical_guid"],
    emits=["ics.allocation.released", "ics.stock.changed"],
    refusals={"conflict_state": "not active, or fewer units remain"},
)
async def ics_allocation_release(change: Change, body: AllocationReleaseRequest) -> AllocationEnvelope:
    """Make units of an allocation available again at their positions, overdue or not."""
    allocation, balances = await release_promise(
        change, ALLOCATIONS, body.allocation_id, body.expected_revision, quantity=body.quantity, reason=body.reason
    )
    return AllocationEnvelope(allocation=allocation, balances=balances)


class AllocationExpireRequest(Revised):
    allocation_id: Id


@endpoints.post(
    "/expire",
    roles=OPERATOR,
    needs=["logical_guid"],
    emits=["ics.allocation.expired", "ics.stock.changed"],
    refusals={"conflict_state": "not active, or expires_utc is still ahead"},
)
async def ics_allocation_expire(change: Change, body: AllocationExpireRequest) -> AllocationEnvelope:
    """Make all remaining units of an overdue allocation available again at their positions."""
    allocation, balances = await expire_promise(change, ALLOCATIONS, body.allocation_id, body.expected_revision)
    return AllocationEnvelope(allocation=allocation, balances=balances)


class DemandLineInput(Request):
    variant_id: Guid
    quantity: Qty


class AllocationSuggestRequest(Request):
    lines: Annotated[list[DemandLineInput], Meta(min_length=1, max_length=DEMAND_LINES_MAX)]
    logical_guids: Annotated[list[Guid], Meta(min_length=1, max_length=FACILITIES_MAX)] | None = None
    channel_code: Code | None = None

    def problems(self) -> Sequence[tuple[str, str]]:
        found = []
        seen: set[str] = set()
        for number, line in enumerate(self.lines):
            if line.variant_id in seen:
                found.append((f"lines.{number}.variant_id", "is in another line"))
            seen.add(line.variant_id)
        return found


class AllocationSuggestEnvelope(Answer):
    lines: list[AllocationSuggestion]
    single_facility: Guid | None


@endpoints.post("/suggest", roles=PLANNER, snapshot=True)
async def ics_allocation_suggest(view: View, body: AllocationSuggestRequest) -> AllocationSuggestEnvelope:
    """Suggest the facilities to serve an order: a single one if possible, otherwise facilities per line."""
    variants = [line.variant_id for line in body.lines]
    here = view.call.facility
    named = body.logical_guids or ([here] if here is not None else None)
    if named is not None:
        facilities = list(dict.fromkeys(named))
    else:
        stocking = await facilities_of(view, variants, None)
        facilities = sorted({facility for each in stocking.values() for facility in each})[:FACILITIES_MAX]
    offers = await offers_of(view, variants, facilities, body.channel_code)
    lines = [Line(line.variant_id, line.quantity) for line in body.lines]
    suggestions, single = suggest(lines, facilities, offers, ordered=named is not None, today=day_of(view.now))
    return AllocationSuggestEnvelope(lines=suggestions, single_facility=single)

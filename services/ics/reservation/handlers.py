"""The reservation endpoints. The contract's ics.yaml specifies them."""

from chassis.caller import Call
from chassis.endpoint import Answer, Endpoints, Request, Revised
from chassis.errors import invalid_field
from chassis.unit import Change
from chassis.values import Guid, Id, Qty, Reason, Text, Utc
from services.ics.ledger.balance import Balance
from services.ics.policy.domain import PromiseSeconds
from services.ics.policy.store import ruling
from services.ics.reservation import reading
from services.ics.reservation.domain import Demand, DemandType, Reservation, extended, reserve
from services.ics.reservation.ending import expire_promise, release_promise
from services.ics.reservation.opening import open_to_promise
from services.ics.reservation.reading import ReservationGetEnvelope
from services.ics.reservation.store import RESERVATIONS
from services.ics.stock.posting import posting
from services.ics.words import OPERATOR, load_here

endpoints = Endpoints("ics", "/reservation")
endpoints.include(reading.endpoints)


class ReservationEnvelope(Answer):
    reservation: Reservation
    balances: list[Balance]


class ReservationCreateRequest(Request):
    variant_id: Guid
    quantity: Qty
    demand_type: DemandType = "cart"
    demand_ref: Text | None = None
    ttl_seconds: PromiseSeconds | None = None


@endpoints.post(
    "/create",
    roles=OPERATOR,
    needs=["logical_guid", "channel_code"],
    idempotent=True,
    emits=["ics.reservation.created", "ics.reservation.expired", "ics.allocation.expired", "ics.stock.changed"],
    refusals={"insufficient_stock": "promisable is below quantity", "conflict_state": "the units are scattered"},
)
async def ics_reservation_create(call: Call, change: Change, body: ReservationCreateRequest) -> ReservationEnvelope:
    """Promise units for a while: drawn in draw order, position and lot kept, all or nothing."""
    demand = Demand(
        channel_code=call.channel_code,
        quantity=body.quantity,
        demand_type=body.demand_type,
        demand_ref=body.demand_ref,
        ttl_seconds=body.ttl_seconds,
    )
    reservation_id = change.new_id()
    async with posting(change, "reservation", reservation_id, order_ref=body.demand_ref) as p:
        item, policy, limit = await open_to_promise(change, p, body.variant_id, body.quantity)
        reservation = reserve(p, item, reservation_id, demand, policy=policy, limit=limit)
        reservation = await change.insert(RESERVATIONS, reservation)
        change.emit("ics.reservation.created", reservation_id, reservation=reservation)
        return ReservationEnvelope(reservation=reservation, balances=p.balances)


class ReservationReleaseRequest(Revised):
    reservation_id: Id
    quantity: Qty | None = None
    reason: Reason | None = None


@endpoints.post(
    "/release",
    roles=OPERATOR,
    needs=["logical_guid"],
    emits=["ics.reservation.released", "ics.stock.changed"],
    refusals={"conflict_state": "not active, or fewer units remain"},
)
async def ics_reservation_release(change: Change, body: ReservationReleaseRequest) -> ReservationEnvelope:
    """Give units of a reservation back to available where they are; allowed when overdue."""
    reservation, balances = await release_promise(
        change, RESERVATIONS, body.reservation_id, body.expected_revision, quantity=body.quantity, reason=body.reason
    )
    return ReservationEnvelope(reservation=reservation, balances=balances)


class ReservationExpireRequest(Revised):
    reservation_id: Id


@endpoints.post(
    "/expire",
    roles=OPERATOR,
    needs=["logical_guid"],
    emits=["ics.reservation.expired", "ics.stock.changed"],
    refusals={"conflict_state": "not active, or expires_utc is still ahead"},
)
async def ics_reservation_expire(change: Change, body: ReservationExpireRequest) -> ReservationEnvelope:
    """Give all remaining units of an overdue reservation back to available where they are."""
    reservation, balances = await expire_promise(change, RESERVATIONS, body.reservation_id, body.expected_revision)
    return ReservationEnvelope(reservation=reservation, balances=balances)


class ReservationExtendRequest(Revised):
    reservation_id: Id
    expires_utc: Utc | None = None


@endpoints.post(
    "/extend",
    roles=OPERATOR,
    needs=["logical_guid"],
    emits=["ics.reservation.extended"],
    refusals={
        "conflict_state": "not active, or overdue: its units may be gone with the next promise; or already at the limit"
    },
)
async def ics_reservation_extend(call: Call, change: Change, body: ReservationExtendRequest) -> ReservationGetEnvelope:
    """Let a reservation last longer; what it holds stays held."""
    if body.expires_utc is not None and body.expires_utc <= change.now:
        raise invalid_field("expires_utc", "lies in the past")
    reservation = await load_here(change, RESERVATIONS, body.reservation_id, body.expected_revision)
    policy, _ = await ruling(change, reservation.variant_id, call.logical_guid)
    # The item's `lapse_utc` stays: it is a lower limit, and the expiry only moves to a later time.
    longer = extended(reservation, body.expires_utc, policy=policy, now=change.now)
    reservation = await change.update(RESERVATIONS, longer)
    change.emit("ics.reservation.extended", reservation.reservation_id, reservation=reservation)
    return ReservationGetEnvelope(reservation=reservation)

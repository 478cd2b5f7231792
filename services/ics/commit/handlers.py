"""The commit endpoints. The contract's ics.yaml specifies each of them."""

from chassis.caller import Call
from chassis.endpoint import Answer, Endpoints, Revised
from chassis.entity import Entity
from chassis.errors import FieldProblem, Invalid, invalid_field
from chassis.unit import Change
from chassis.values import Guid, Id, Qty, Reason, Text, Utc
from services.ics.allocation.domain import Allocation
from services.ics.allocation.store import ALLOCATIONS
from services.ics.commit import fulfilment, reading
from services.ics.commit.answers import posting_of
from services.ics.commit.domain import (
    Commit,
    Order,
    commit_direct,
    commit_promised,
    held_by,
    release,
)
from services.ics.commit.store import COMMITS
from services.ics.ledger.balance import Balance
from services.ics.remarks import remarked
from services.ics.reservation.domain import Reservation
from services.ics.reservation.expiring import P, check_usable
from services.ics.reservation.opening import open_to_promise
from services.ics.reservation.store import RESERVATIONS
from services.ics.stock.fields import SerialList
from services.ics.stock.posting import posting
from services.ics.stock.serial_rules import serial_problems
from services.ics.words import OPERATOR, Stage, load_here

endpoints = Endpoints("ics")
endpoints.include(fulfilment.endpoints, reading.endpoints)


class CommitEnvelope(Answer):
    commit: Commit
    reservation: Reservation | None = None
    allocation: Allocation | None = None
    balances: list[Balance]


class CommitCreateRequest(Revised):
    reservation_id: Id | None = None
    allocation_id: Id | None = None
    variant_id: Guid | None = None
    quantity: Qty | None = None
    order_ref: Text | None = None
    order_line_ref: Text | None = None
    due_utc: Utc | None = None

    def order(self, default: Allocation | None = None) -> Order:
        """The order to commit for; omitted references are taken from the allocation `default`."""
        order_ref = self.order_ref or (default.order_ref if default else None)
        assert order_ref is not None
        return Order(
            order_ref=order_ref,
            order_line_ref=self.order_line_ref or (default.order_line_ref if default else None),
            due_utc=self.due_utc,
        )


@endpoints.post(
    "/commit/create",
    roles=OPERATOR,
    needs=["logical_guid"],
    emits=["ics.commit.created", "ics.stock.changed"],
    refusals={"conflict_state": "the promise is not active, is overdue, or has fewer units remaining"},
)
async def ics_commit_create(change: Change, body: CommitCreateRequest) -> CommitEnvelope:
    """Commit units of a reservation or an allocation, keeping their positions and lots."""
    if body.allocation_id is not None and body.reservation_id is None:
        commit, allocation, balances = await _commit_promised(change, ALLOCATIONS, body.allocation_id, body)
        return CommitEnvelope(commit=commit, allocation=allocation, balances=balances)
    if body.reservation_id is None or body.allocation_id is not None:
        raise invalid_field("reservation_id", "exactly one of reservation_id and allocation_id is required")
    if body.order_ref is None:
        raise invalid_field("order_ref", "is required with reservation_id")
    commit, reservation, balances = await _commit_promised(change, RESERVATIONS, body.reservation_id, body)
    return CommitEnvelope(commit=commit, reservation=reservation, balances=balances)


async def _commit_promised(
    change: Change, entity: Entity[P], promise_id: str, body: CommitCreateRequest
) -> tuple[Commit, P, list[Balance]]:
    promise = await load_here(change, entity, promise_id, body.expected_revision)
    if body.variant_id not in {None, promise.variant_id}:
        raise invalid_field("variant_id", f"is not the {promise.kind}'s")
    if change.call.channel not in {None, promise.channel_code}:
        raise invalid_field("channel_code", f"is not the {promise.kind}'s")
    quantity = check_usable(promise, body.quantity, change.now)
    commit_id = change.new_id()
    order = body.order(promise if isinstance(promise, Allocation) else None)
    channel_code, order_ref = promise.channel_code, order.order_ref
    async with posting(change, "commit", commit_id, channel_code=channel_code, order_ref=order_ref) as p:
        item = await p.open(promise.variant_id, fills=False)
        commit, promise = commit_promised(p, promise, p.own(item, "commit", commit_id), order, quantity)
        promise = await change.update(entity, promise)
        commit = await change.insert(COMMITS, commit)
        change.emit("ics.commit.created", commit_id, commit=commit)
        return commit, promise, p.balances


@endpoints.post(
    "/commit/create-direct",
    roles=OPERATOR,
    needs=["logical_guid", "channel_code"],
    emits=["ics.commit.created", "ics.reservation.expired", "ics.allocation.expired", "ics.stock.changed"],
    refusals={"insufficient_stock": "promisable is below quantity", "conflict_state": "the units are scattered"},
)
async def ics_commit_create_direct(call: Call, change: Change, body: CommitCreateRequest) -> CommitEnvelope:
    """Commit units without an earlier promise, under the same limit as a reservation."""
    variant_id, quantity = _direct(body)
    commit_id = change.new_id()
    async with posting(change, "commit", commit_id, order_ref=body.order_ref) as p:
        item, _, limit = await open_to_promise(change, p, variant_id, quantity)
        holding = p.own(item, "commit", commit_id)
        commit = commit_direct(p, holding, body.order(), quantity, channel_code=call.channel_code, limit=limit)
        commit = await change.insert(COMMITS, commit)
        change.emit("ics.commit.created", commit_id, commit=commit)
        return CommitEnvelope(commit=commit, balances=p.balances)


def _direct(body: CommitCreateRequest) -> tuple[str, int]:
    """The variant and quantity of a direct commit. Raises one `Invalid` for all missing and forbidden fields."""
    fields = [
        FieldProblem(name, "is required") for name in ("variant_id", "quantity", "order_ref") if not getattr(body, name)
    ]
    fields += [
        FieldProblem(name, "must be left out")
        for name in ("reservation_id", "allocation_id", "expected_revision")
        if getattr(body, name) is not None
    ]
    if fields or body.variant_id is None or body.quantity is None:
        raise Invalid("a direct commit names its variant, quantity and order, and no promise", fields)
    return body.variant_id, body.quantity


class CommitReleaseRequest(Revised):
    commit_id: Id
    quantity: Qty | None = None
    stage: Stage | None = None
    serials: SerialList | None = None
    reason: Reason | None = None

    def problems(self) -> list[tuple[str, str]]:
        return serial_problems(self.serials, self.quantity)


@endpoints.post(
    "/commit/release",
    roles=OPERATOR,
    needs=["logical_guid"],
    emits=["ics.commit.released", "ics.stock.changed"],
    refusals={"conflict_state": "nothing left to release, or fewer units at that stage"},
)
async def ics_commit_release(change: Change, body: CommitReleaseRequest) -> CommitEnvelope:
    """Make units of a commit available again at their positions; staged units stay in their staging zone."""
    commit = await load_here(change, COMMITS, body.commit_id, body.expected_revision)
    async with posting_of(change, commit, body.reason) as p:
        item = await p.open(commit.variant_id)
        named = await p.serials.take_staged(item, body.commit_id, body.serials, open_too=True)
        holding = held_by(p, item, commit)
        commit, quantity = release(p, holding, commit, body.quantity, stage=body.stage, named=named)
        commit = remarked(commit, change.call, change.now, body.reason)
        commit = await change.update(COMMITS, commit, body.reason)
        change.emit("ics.commit.released", body.commit_id, commit=commit, quantity=quantity)
        return CommitEnvelope(commit=commit, balances=p.balances)

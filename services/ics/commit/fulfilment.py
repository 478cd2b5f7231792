"""The endpoints that fulfil commits: pick, pack, ship. The contract's ics.yaml specifies each of them."""

from chassis.caller import Call
from chassis.endpoint import Endpoints, Revised
from chassis.unit import Change
from chassis.values import Id, Lot, Name, Qty, Text
from services.ics.bin.domain import admit
from services.ics.bin.store import place_of, places_of
from services.ics.commit.answers import StockCardEntryEnvelope, moved, posting_of
from services.ics.commit.domain import (
    Commit,
    ShipNote,
    check_stage,
    held_by,
    pack,
    pick,
    ship,
)
from services.ics.commit.store import COMMITS
from services.ics.demand.store import prefetch_shipped
from services.ics.ledger.draw import Pin
from services.ics.policy.store import ruling
from services.ics.stock.fields import SerialList
from services.ics.stock.posting import LedgerPosting
from services.ics.stock.serial_rules import ON_SHELF, check_tracked, serial_problems
from services.ics.words import OPERATOR, Stage, load_here

endpoints = Endpoints("ics")


class PickRecordRequest(Revised):
    commit_id: Id
    quantity: Qty
    zone_id: Id | None = None
    bin_id: Id | None = None
    lot_code: Lot | None = None
    to_zone_id: Id | None = None
    to_bin_id: Id | None = None
    serials: SerialList | None = None

    def problems(self) -> list[tuple[str, str]]:
        return serial_problems(self.serials, self.quantity)


@endpoints.post(
    "/pick/record",
    roles=OPERATOR,
    needs=["logical_guid"],
    emits=["ics.commit.picked"],
    refusals={
        "conflict_state": "fewer units open; a lot or serial is unsellable, or a serial is not in stock there; "
        "a place is inactive or full",
        "insufficient_stock": "not that many units on that shelf",
    },
)
async def ics_pick_record(call: Call, change: Change, body: PickRecordRequest) -> StockCardEntryEnvelope:
    """Record a pick of open units; a named place or lot overrides the promised position."""
    place, target = await places_of(
        change, call.logical_guid, [(body.zone_id, body.bin_id, ""), (body.to_zone_id, body.to_bin_id, "to_")]
    )
    commit = await load_here(change, COMMITS, body.commit_id, body.expected_revision)
    pin = Pin(place.zone_id, place.bin_id, body.lot_code)
    async with posting_of(change, commit, listed=True) as p:
        item = await p.open(commit.variant_id)
        policy, _ = await ruling(change, commit.variant_id, call.logical_guid)
        check_tracked(policy, serials=body.serials)
        check_stage(commit, "open", body.quantity)
        named = await p.serials.take(item, body.serials, ON_SHELF, sellable=True, pin=pin)
        holding = held_by(p, item, commit)
        commit = pick(p, holding, commit, body.quantity, pin=pin, target=admit(target).landing(), named=named)
        return await _moved(change, p, commit, body.quantity, "ics.commit.picked")


class PackRecordRequest(Revised):
    commit_id: Id
    quantity: Qty
    package_ref: Text | None = None
    zone_id: Id | None = None
    bin_id: Id | None = None
    serials: SerialList | None = None

    def problems(self) -> list[tuple[str, str]]:
        return serial_problems(self.serials, self.quantity)


@endpoints.post(
    "/pack/record",
    roles=OPERATOR,
    needs=["logical_guid"],
    emits=["ics.commit.packed"],
    refusals={"conflict_state": "fewer units picked; a place is inactive or full"},
)
async def ics_pack_record(call: Call, change: Change, body: PackRecordRequest) -> StockCardEntryEnvelope:
    """Record the packing of picked units, at their positions or at the named place of the parcel."""
    place = await place_of(change, call.logical_guid, body.zone_id, body.bin_id)
    commit = await load_here(change, COMMITS, body.commit_id, body.expected_revision)
    async with posting_of(change, commit, listed=True) as p:
        item = await p.open(commit.variant_id)
        check_stage(commit, "picked", body.quantity)
        named = await p.serials.take_staged(item, body.commit_id, body.serials)
        target = admit(place).landing() if place.zone is not None else None
        commit = pack(p, held_by(p, item, commit), commit, body.quantity, target=target, named=named)
        return await _moved(change, p, commit, body.quantity, "ics.commit.packed", body.package_ref)


class ShipRecordRequest(Revised):
    commit_id: Id
    quantity: Qty
    from_stage: Stage = "packed"
    carrier: Name | None = None
    tracking_ref: Text | None = None
    serials: SerialList | None = None

    def problems(self) -> list[tuple[str, str]]:
        return serial_problems(self.serials, self.quantity)


@endpoints.post(
    "/ship/record",
    roles=OPERATOR,
    needs=["logical_guid"],
    emits=["ics.commit.shipped", "ics.stock.changed"],
    refusals={
        "conflict_state": "fewer units at that stage; a lot or serial is unsellable, or a serial is not the commit's",
        "insufficient_stock": "from_stage open and not that many units on that shelf",
    },
)
async def ics_ship_record(call: Call, change: Change, body: ShipRecordRequest) -> StockCardEntryEnvelope:
    """Record a shipment to the customer of packed units, or of picked or open units if those steps are skipped."""
    commit = await load_here(change, COMMITS, body.commit_id, body.expected_revision)
    prefetch_shipped(change, commit.variant_id, commit.logical_guid, commit.channel_code)
    async with posting_of(change, commit, listed=True) as p:
        item = await p.open(commit.variant_id)
        if body.from_stage == "open":
            policy, _ = await ruling(change, commit.variant_id, call.logical_guid)
            check_tracked(policy, serials=body.serials)
            check_stage(commit, "open", body.quantity)
            named = await p.serials.take(item, body.serials, ON_SHELF, sellable=True)
        else:
            check_stage(commit, body.from_stage, body.quantity)
            named = await p.serials.take_staged(item, body.commit_id, body.serials, sellable=True)
        note = ShipNote(
            operation_id=p.operation.operation_id,
            quantity=body.quantity,
            carrier=body.carrier,
            tracking_ref=body.tracking_ref,
            shipped_utc=change.now,
        )
        commit = ship(p, held_by(p, item, commit), commit, note, stage=body.from_stage, named=named)
        return await _moved(change, p, commit, body.quantity, "ics.commit.shipped")


async def _moved(
    change: Change, p: LedgerPosting, commit: Commit, quantity: int, event: str, reference: str | None = None
) -> StockCardEntryEnvelope:
    """Store the commit, emit its event and build the answer. `reference` is stored in the history only."""
    commit = await change.update(COMMITS, commit, reference)
    change.emit(event, commit.commit_id, commit=commit, quantity=quantity)
    return moved(p, commit)

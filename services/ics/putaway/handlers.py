"""The putaway endpoint, specified in the contract's ics.yaml."""

from chassis.caller import Call
from chassis.endpoint import Endpoints, Request
from chassis.errors import invalid_field
from chassis.unit import Change
from chassis.values import Guid, Id, Lot, Qty, Reason
from services.ics.bin.domain import admit
from services.ics.bin.store import places_of
from services.ics.commit.answers import StockCardEntryEnvelope, moved
from services.ics.ledger.naming import ANYONE
from services.ics.putaway.domain import OnHand, put_away, source_pin, unheld, wanted
from services.ics.stock.fields import SerialList
from services.ics.stock.posting import posting
from services.ics.stock.serial_rules import STATUSES, serial_problems
from services.ics.words import OPERATOR

endpoints = Endpoints("ics", "/putaway")


class PutawayRecordRequest(Request):
    variant_id: Guid
    quantity: Qty
    bucket: OnHand | None = None
    from_zone_id: Id | None = None
    from_bin_id: Id | None = None
    to_zone_id: Id
    to_bin_id: Id | None = None
    lot_code: Lot | None = None
    serials: SerialList | None = None
    reason: Reason | None = None

    def problems(self) -> list[tuple[str, str]]:
        return serial_problems(self.serials, self.quantity)


@endpoints.post(
    "/record",
    roles=OPERATOR,
    needs=["logical_guid"],
    emits=["ics.putaway.recorded"],
    refusals={
        "insufficient_stock": "fewer such units there",
        "conflict_state": "the zone or bin is inactive, or the bin's capacity is exceeded",
    },
)
async def ics_putaway_record(call: Call, change: Change, body: PutawayRecordRequest) -> StockCardEntryEnvelope:
    """Move units to a zone or bin; their bucket, lot, stage and holder stay."""
    source, target = await places_of(
        change,
        call.logical_guid,
        [(body.from_zone_id, body.from_bin_id, "from_"), (body.to_zone_id, body.to_bin_id, "to_")],
    )
    if (source.zone_id, source.bin_id) == (target.zone_id, target.bin_id):
        raise invalid_field("to_zone_id", "is where the units are")
    async with posting(change, "putaway", reason=body.reason, listed=True) as p:
        item = await p.open(body.variant_id)
        landing = target.landing()
        pin = source_pin(source.zone_id, source.bin_id, body.lot_code, landing, named=bool(body.serials))
        named = await p.serials.take(item, body.serials, STATUSES[body.bucket], held_by=ANYONE, pin=pin)
        admit(target)
        wants = wanted(body.bucket)
        # Units named by serial number may have a holder, even if there are enough units without one.
        if body.serials or not unheld(item, body.bucket, pin, body.quantity):
            await p.take_up_holders(
                item, {bucket for bucket, _ in wants}, pin, body.quantity, holder_ids=named.holder_ids
            )
        put_away(p, item, body.quantity, wants, pin, target=landing, named=named)
        answer = moved(p)
        # An operation has no record of its own and exactly one event, so its revision is always 1.
        change.emit(
            "ics.putaway.recorded",
            answer.operation_id,
            revision=1,
            operation_id=answer.operation_id,
            entries=answer.entries,
        )
        return answer

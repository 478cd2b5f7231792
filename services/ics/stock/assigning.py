"""The endpoint that gives units in stock their serial numbers. The contract's ics.yaml specifies it."""

from collections.abc import Sequence
from typing import Annotated, Literal

from msgspec import Meta

from chassis.caller import Call
from chassis.endpoint import Answer, Endpoints, Request
from chassis.unit import Change
from chassis.values import Date, Guid, Id, Lot, Reason
from services.ics.bin.store import place_of
from services.ics.ledger.accounts import assign, legs_at
from services.ics.ledger.balance import PositionKey, StockPosition
from services.ics.ledger.draw import Pin
from services.ics.ledger.entry import ENTRIES_MAX, ENTRY_SERIALS_MAX, StockCardEntry
from services.ics.ledger.posting import insufficient
from services.ics.serial.domain import Dates, SerialUnit
from services.ics.stock.fields import SERIALS_MAX, SerialList
from services.ics.stock.posting import posting
from services.ics.stock.serial_rules import serial_problems
from services.ics.words import ADJUST, Bucket

endpoints = Endpoints("ics", "/serial")

GOOD_STOCK: tuple[Bucket, ...] = ("available", "reserved", "committed")


class SerialAssignEnvelope(Answer):
    operation_id: Id
    entries: Annotated[list[StockCardEntry], Meta(min_length=1, max_length=ENTRIES_MAX)]
    items: Annotated[list[SerialUnit], Meta(min_length=1, max_length=SERIALS_MAX)]


class SerialAssignRequest(Request):
    variant_id: Guid
    serials: SerialList
    bucket: Literal["quarantine", "damaged", "consignment"] | None = None
    zone_id: Id | None = None
    bin_id: Id | None = None
    lot_code: Lot | None = None
    expiry_date: Date | None = None
    manufacture_date: Date | None = None
    reason: Reason | None = None

    def problems(self) -> Sequence[tuple[str, str]]:
        return serial_problems(self.serials, None)


@endpoints.post(
    "/assign",
    roles=ADJUST,
    needs=["logical_guid"],
    emits=["ics.serial.assigned", "ics.serial.registered", "ics.serial.updated"],
    refusals={
        "insufficient_stock": "fewer units without a serial at the position",
        "conflict_state": "a serial is already in stock, or scrapped",
    },
)
async def ics_serial_assign(call: Call, change: Change, body: SerialAssignRequest) -> SerialAssignEnvelope:
    """Give units that are in stock their serial numbers, where they are; no unit moves."""
    place = await place_of(change, call.logical_guid, body.zone_id, body.bin_id)
    given = Dates(body.expiry_date, body.manufacture_date)
    async with posting(change, "serial", reason=body.reason, listed=True) as p:
        item = await p.open(body.variant_id, [body.lot_code] if body.lot_code else [], fills=False)
        lot_code = await p.arrivals.check(item, body.lot_code, body.serials, given)
        key = PositionKey(place.zone_id, place.bin_id, lot_code)
        named = await p.arrivals.bring(item, lot_code, body.serials, given)
        buckets = (body.bucket,) if body.bucket is not None else GOOD_STOCK
        if _needs_holders(item.position(key), body.bucket, len(body.serials)):
            await p.take_up_holders(item, buckets, Pin(exact=key), len(body.serials))
        legs = legs_at(p, item, key, buckets, oldest_first=True)
        wanted = [leg for leg in legs if leg.stage in {None, "open"}]
        done = assign(p, wanted, named.units, at_once=ENTRY_SERIALS_MAX)
        if done < len(body.serials):
            bucket = body.bucket or "available"
            raise insufficient(item, bucket, len(body.serials), done, "fewer units there have no serial")
        operation_id, entries = p.operation.operation_id, p.entries
        # An operation has no record of its own and exactly one event, so its revision is always 1.
        change.emit("ics.serial.assigned", operation_id, revision=1, operation_id=operation_id, entries=entries)
    # The posting is written: its units are as the entries leave them.
    items = [p.serials.units[body.variant_id, serial_no] for serial_no in body.serials]
    return SerialAssignEnvelope(operation_id=operation_id, entries=entries, items=items)


def _needs_holders(position: StockPosition, bucket: Bucket | None, units: int) -> bool:
    """Whether units of holders may have to be named, so that their records are read."""
    match bucket:
        case None:
            return position.available < units and position.reserved + position.open > 0
        case "quarantine":
            return position.quarantine < units and position.inspection > 0
        case _:
            return position.consignment > 0

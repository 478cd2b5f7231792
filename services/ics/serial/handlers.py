"""The serial endpoints, specified in the contract's ics.yaml."""

from collections.abc import Sequence
from typing import Annotated

from msgspec import Meta, field
from msgspec.structs import replace

from chassis.endpoint import Answer, Endpoints, Listed, Request, Revised
from chassis.errors import NotFound
from chassis.page import Page, PageRequest
from chassis.unit import Change, View, between
from chassis.values import Barcode, Date, Guid, Id, Lot, Map, Reason, SerialNo
from services.ics.serial.domain import (
    SerialKind,
    SerialStatus,
    SerialUnit,
    as_lot,
    check_gtin,
    gtin14,
    lot_key,
    serial_key,
)
from services.ics.serial.facts import SerialFacts, blocked, registered, with_udi
from services.ics.serial.ledger_lots import stamp_changed
from services.ics.serial.life import SerialLife
from services.ics.serial.reading import LIST_LEADS, LOOKUP_LEADS, life_of, page_of, seen
from services.ics.serial.shelf import recount
from services.ics.serial.store import SERIALS
from services.ics.serial.udi import Udi, read_udi
from services.ics.words import OPERATOR, READ

UdiText = Annotated[str, Meta(min_length=1, max_length=256)]
"""A GS1 element string, with brackets or raw."""

endpoints = Endpoints("ics", "/serial")


class SerialEnvelope(Answer):
    serial: SerialUnit
    life: SerialLife | None = None


class SerialListEnvelope(Listed[SerialUnit]):
    udi: Udi | None = None


class SerialRegisterRequest(Request):
    variant_id: Guid
    kind: SerialKind = "serial"
    serial_no: SerialNo | None = None
    lot_code: Lot | None = None
    gtin: Barcode | None = None
    udi: UdiText | None = None
    expiry_date: Date | None = None
    manufacture_date: Date | None = None
    attributes: Map = field(default_factory=dict)


@endpoints.post(
    "/register",
    roles=OPERATOR,
    emits=["ics.serial.registered"],
    refusals={"conflict": "the serial_no, or the lot_code of a batch, is known for this variant"},
)
async def ics_serial_register(change: Change, body: SerialRegisterRequest) -> SerialEnvelope:
    """Register a unit or a batch without moving stock."""
    said = SerialFacts(
        serial_no=body.serial_no,
        lot_code=body.lot_code,
        gtin=body.gtin,
        expiry_date=body.expiry_date,
        manufacture_date=body.manufacture_date,
    )
    facts = with_udi(said, body.udi, _year(change))
    unit = registered(change.new_id(), body.variant_id, body.kind, facts, body.attributes)
    unit = await seen(change, await change.insert(SERIALS, unit))
    change.emit("ics.serial.registered", unit.serial_id, serial=unit)
    return SerialEnvelope(serial=unit)


class SerialGetRequest(Request):
    serial_id: Id


@endpoints.post("/get", roles=READ)
async def ics_serial_get(view: View, body: SerialGetRequest) -> SerialEnvelope:
    """Show a unit or a batch."""
    return SerialEnvelope(serial=await seen(view, await view.load(SERIALS, body.serial_id)))


class SerialLookupRequest(Request, PageRequest):
    serial_no: SerialNo | None = None
    lot_code: Lot | None = None
    gtin: Barcode | None = None
    variant_id: Guid | None = None

    def problems(self) -> Sequence[tuple[str, str]]:
        if self.serial_no is None and self.lot_code is None and self.gtin is None:
            return [("serial_no", "is required, or lot_code or gtin in its place")]
        return ()


@endpoints.post("/lookup", roles=READ)
async def ics_serial_lookup(view: View, body: SerialLookupRequest) -> SerialListEnvelope:
    """Find units and batches by serial number, lot code or GTIN."""
    wanted = {
        "serial_no": body.serial_no,
        "lot_code": body.lot_code,
        "gtin_key": gtin14(body.gtin) if body.gtin is not None else None,
        "variant_id": body.variant_id,
    }
    return _listed(await page_of(view, wanted, LOOKUP_LEADS, body))


class SerialLookupUdiRequest(Request, PageRequest):
    udi: UdiText


@endpoints.post("/lookup-udi", roles=READ)
async def ics_serial_lookup_udi(view: View, body: SerialLookupUdiRequest) -> SerialListEnvelope:
    """Read a UDI and find the units and batches that match it."""
    udi = read_udi(body.udi, _year(view))
    wanted = {"serial_no": udi.serial_no, "lot_code": udi.lot_code, "gtin_key": udi.di}
    return replace(_listed(await page_of(view, wanted, LOOKUP_LEADS, body)), udi=udi)


class SerialListRequest(Request, PageRequest):
    kind: SerialKind | None = None
    variant_id: Guid | None = None
    lot_code: Lot | None = None
    status: SerialStatus | None = None
    logical_guid: Guid | None = None
    blocked: bool | None = None
    expires_by: Date | None = None


@endpoints.post("/list", roles=READ)
async def ics_serial_list(view: View, body: SerialListRequest) -> SerialListEnvelope:
    """List units and batches, newest first."""
    wanted = {
        "kind": body.kind,
        "variant_id": body.variant_id,
        "lot_code": body.lot_code,
        "blocked": body.blocked,
        "expiry_date": between(at_most=body.expires_by) if body.expires_by is not None else None,
    }
    page = await page_of(view, wanted, LIST_LEADS, body, status=body.status, facility=body.logical_guid)
    return _listed(page)


class SerialUpdateRequest(Revised):
    serial_id: Id
    gtin: Barcode | None = None
    expiry_date: Date | None = None
    manufacture_date: Date | None = None
    blocked: bool | None = None
    block_reason: Reason | None = None
    attributes: Map | None = None

    def problems(self) -> Sequence[tuple[str, str]]:
        facts = (self.gtin, self.expiry_date, self.manufacture_date, self.attributes)
        if {*map(type, facts), type(self.blocked), type(self.block_reason)} == {type(None)}:
            return [("serial_id", "comes with nothing to change")]
        if self.blocked and self.block_reason is None:
            return [("block_reason", "is required where blocked is true")]
        return ()


@endpoints.post("/update", roles=OPERATOR, emits=["ics.serial.updated"])
async def ics_serial_update(change: Change, body: SerialUpdateRequest) -> SerialEnvelope:
    """Change the data of a unit or batch, or block it; only ledger entries change its place."""
    if body.gtin is not None:
        check_gtin(body.gtin)
    unit = await change.load(SERIALS, body.serial_id, body.expected_revision)
    fields = ("gtin", "expiry_date", "manufacture_date", "attributes")
    given = {name: value for name in fields if (value := getattr(body, name)) is not None}
    before, unit = unit, replace(blocked(unit, body.blocked, body.block_reason), **given)
    await recount(change, before, unit)
    if unit.kind == "batch" and as_lot(unit) != as_lot(before):
        await stamp_changed(change, unit.variant_id)
    unit = await seen(change, await change.update(SERIALS, unit, body.block_reason))
    change.emit("ics.serial.updated", unit.serial_id, serial=unit)
    return SerialEnvelope(serial=unit)


class Serial360Request(Request):
    serial_id: Id | None = None
    variant_id: Guid | None = None
    serial_no: SerialNo | None = None
    lot_code: Lot | None = None

    def problems(self) -> Sequence[tuple[str, str]]:
        number = ("serial_no", "lot_code")
        named = [name for name in number if getattr(self, name) is not None]
        if self.serial_id is not None:
            others = (["variant_id"] if self.variant_id is not None else []) + named
            return [(name, "goes without serial_id") for name in others]
        if self.variant_id is None:
            return [("variant_id" if named else "serial_id", "is required")]
        if len(named) != 1:
            return [("serial_no", "is required, or lot_code for a batch, and not both")]
        return ()


@endpoints.post("/360", roles=READ, snapshot=True)
async def ics_serial_360(view: View, body: Serial360Request) -> SerialEnvelope:
    """Show everything about a unit or batch: its places, history, documents and comments."""
    unit = await seen(view, await _named(view, body))
    return SerialEnvelope(serial=unit, life=await life_of(view, unit))


async def _named(view: View, body: Serial360Request) -> SerialUnit:
    """The unit by its id, or by variant and number; the batch by variant and lot."""
    if body.serial_id is not None:
        return await view.load(SERIALS, body.serial_id)
    variant = body.variant_id or ""
    key = serial_key(variant, body.serial_no) if body.serial_no is not None else lot_key(variant, body.lot_code or "")
    found = await view.lookup(SERIALS, "number", *key)
    if found is None:
        raise NotFound("there is no such serial")
    return found


def _listed(page: Page[SerialUnit]) -> SerialListEnvelope:
    return SerialListEnvelope.of(page)


def _year(view: View) -> int:
    return int(view.now[:4])

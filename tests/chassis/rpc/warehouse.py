"""A service with shelves, boxes, crates and notes, its graph and its vacuum behind a real port."""

from collections.abc import Awaitable, Callable
from typing import Any, ClassVar, TypeVar

from msgspec import field
from msgspec.structs import replace

from chassis.caller import Call, Caller
from chassis.clock import FixedClock, Utc
from chassis.entity import HUB, Document, Entity, Record, edge, index, unique
from chassis.finder import found_by
from chassis.mongo.unit import MongoUnits
from chassis.record_history import RecordedBy, WrittenOnce
from chassis.rpc.client import Channels
from chassis.rpc.server import RpcServer
from chassis.sealed import Sealed
from chassis.unit import Change
from chassis.values import Code, Guid, Id, Qty0
from retailstack.chassis.v1.vacuum_pb2_grpc import VacuumStub
from retailstack.graph.v1.source_pb2_grpc import GraphSourceStub

T = TypeVar("T")
NOON = Utc("2026-03-01T12:00:00.000Z")


class Shelf(Record):
    """A place."""

    shelf_id: Id
    facility: Guid
    code: Code
    pin: str = "1234"
    lock: Sealed = field(default_factory=lambda: Sealed.of("open sesame"))


class Box(Record):
    """Something on a shelf."""

    box_id: Id
    shelf_id: Id
    units: Qty0 = 0


class Crate(Record):
    """Something else on a shelf, kept beside boxes."""

    crate_id: Id
    shelf_id: Id


class Bay(Record):
    """A part of a shelf, with an id made of its keys."""

    bay_id: str
    shelf_id: Id
    number: int
    weight: int = 0


class Weighing(Document):
    """A change of a bay's weight, written once. It names bays in a list, and the shelf."""

    weighing_id: Id
    orgcode: str
    bay_ids: list[str]
    work_id: str
    weight: int
    note: str
    at_utc: Utc
    by: str


class Note(Record):
    """Belongs to no org, and stays."""

    kept: ClassVar[bool] = True

    note_id: str
    text: str


class Trace(Document):
    """Technical."""

    trace_id: str
    orgcode: str


SHELVES = Entity(
    "shelf",
    Shelf,
    collection="shelves",
    id="shelf_id",
    keys=("ORG#{orgcode}#FACILITY#{facility}", "SHELF#{shelf_id}"),
    indexes=[unique("facility", "code", refusal="taken"), index("facility", name="everywhere", every_org=True)],
    lookups={1: ("FACILITY#{facility}", "SHELF#{code}")},
    edges=[edge("in", to="facility", by="facility", service=HUB)],
    sealed=("pin",),
    label="{code} in {facility}",
)
BOXES = Entity(
    "box",
    Box,
    collection="things",
    kind="box",
    id="box_id",
    keys=("ORG#{orgcode}", "BOX#{box_id}"),
    indexes=[index("shelf_id"), index("kind"), index("kind", name="kind_everywhere", every_org=True)],
    edges=[edge("on", to="shelf", by="shelf_id")],
)
CRATES = Entity(
    "crate",
    Crate,
    collection="things",
    kind="crate",
    id="crate_id",
    keys=("ORG#{orgcode}", "CRATE#{crate_id}"),
    indexes=[index("kind"), index("kind", name="kind_everywhere", every_org=True)],
    edges=[edge("on", to="shelf", by="shelf_id")],
)
BAYS = Entity(
    "bay",
    Bay,
    collection="bays",
    id="bay_id",
    keys=("ORG#{orgcode}", "BAY#{shelf_id}#{number}"),
    id_pattern="{shelf_id}/{number:03d}",
    indexes=[index("refs", "shelf_id", "number")],
    derived={"refs": lambda bay: ["*", f"s:{bay.shelf_id}"]},
    finders={"shelf_id": found_by(refs="s:{value}"), "orgcode": found_by(refs="*")},
    edges=[edge("of", to="shelf", by="shelf_id")],
    history=False,
    history_from=RecordedBy(
        "weighing", by="bay_ids", value="{bay_id}", changed=lambda _, one: [("weight", None, one.weight)]
    ),
    label="{number}",
)
WEIGHINGS = Entity(
    "weighing",
    Weighing,
    collection="weighings",
    id="weighing_id",
    keys=("ORG#{orgcode}", "WEIGHING#{weighing_id}"),
    indexes=[index("bay_ids"), index("work_id"), index("weighing_id")],
    edges=[
        edge("weighs", to="bay", by="bay_ids", cardinality="many", at=""),
        edge("beside", to="weighing", by="work_id", cardinality="many"),
    ],
    history=False,
    history_from=WrittenOnce(at="at_utc", by="by", reason="note"),
    operation="work_id",
)
NOTES = Entity("note", Note, collection="notes", id="note_id", keys=("STACK", "NOTE#{note_id}"), org_scoped=False)
TRACES = Entity("trace", Trace, collection="traces", id="trace_id", technical=True, history=False)
ENTITIES: list[Entity[Any]] = [SHELVES, BOXES, CRATES, BAYS, WEIGHINGS, NOTES, TRACES]


class Warehouse:
    """A service with these entities, its graph and its vacuum."""

    def __init__(self, units: MongoUnits, clock: FixedClock, server: RpcServer, channels: Channels) -> None:
        self.units = units
        self.clock = clock
        self.server = server
        self.channels = channels

    @property
    def graph(self) -> Any:
        return GraphSourceStub(self.channels.channel("ics"))

    @property
    def vacuum(self) -> Any:
        return VacuumStub(self.channels.channel("ics"))

    async def change(self, org: str, handler: Callable[[Change], Awaitable[T]], traceparent: str | None = None) -> T:
        caller = Caller(kind="user", actor="ann", orgcode=org, owner=True)
        now = self.clock.advance(1)
        call = Call(caller=caller, name="t", request_id=f"r-{now}", started_utc=now, traceparent=traceparent)
        return await self.units.change(call, handler)

    async def shelf(self, org: str, code: str, facility: str = "f1") -> Shelf:
        async def work(change: Change) -> Shelf:
            return await change.insert(SHELVES, Shelf(shelf_id=change.new_id(), facility=facility, code=code))

        return await self.change(org, work)

    async def box(self, org: str, shelf: Shelf) -> Box:
        async def work(change: Change) -> Box:
            return await change.insert(BOXES, Box(box_id=change.new_id(), shelf_id=shelf.shelf_id))

        return await self.change(org, work)

    async def bay(self, org: str, shelf: Shelf, number: int) -> Bay:
        async def work(change: Change) -> Bay:
            bay = Bay(bay_id=f"{shelf.shelf_id}/{number:03d}", shelf_id=shelf.shelf_id, number=number)
            return await change.insert(BAYS, bay)

        return await self.change(org, work)

    async def weigh(self, org: str, work_id: str, weight: int, *bays: Bay) -> Weighing:
        async def work(change: Change) -> Weighing:
            weighing = Weighing(
                weighing_id=change.new_id(),
                orgcode=org,
                bay_ids=[bay.bay_id for bay in bays],
                work_id=work_id,
                weight=weight,
                note="monthly",
                at_utc=change.now,
                by="bob",
            )
            for bay in bays:
                found = await change.load(BAYS, bay.bay_id)
                await change.update(BAYS, replace(found, weight=weight))
            return await change.insert(WEIGHINGS, weighing)

        return await self.change(org, work)

    async def fill(self, org: str, box: Box, units: int, reason: str | None = None) -> Box:
        async def work(change: Change) -> Box:
            found = await change.load(BOXES, box.box_id)
            filled = await change.update(BOXES, replace(found, units=units), reason)
            change.emit("ics.box.filled", filled.box_id, box=filled)
            return filled

        return await self.change(org, work)

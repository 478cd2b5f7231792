"""A service with shelves, boxes, crates and notes, its graph and its vacuum behind a real port."""

from collections.abc import Awaitable, Callable
from typing import Any, ClassVar, TypeVar

from msgspec import field

from chassis.caller import Call, Caller
from chassis.clock import FixedClock, Utc
from chassis.entity import Document, Entity, Record, edge, index, unique
from chassis.mongo.unit import MongoUnits
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
    keys=("ORG#{orgcode}#FACILITY#{facility}", "SHELF#{code}"),
    indexes=[unique("facility", "code", refusal="taken")],
    lookups={1: ("FACILITY#{facility}", "SHELF#{code}")},
    edges=[edge("in", to="facility", by="facility", service="gateway")],
    sealed=("pin",),
    label="code",
)
BOXES = Entity(
    "box",
    Box,
    collection="things",
    kind="box",
    id="box_id",
    keys=("ORG#{orgcode}", "BOX#{box_id}"),
    indexes=[index("shelf_id")],
    edges=[edge("on", to="shelf", by="shelf_id")],
)
CRATES = Entity(
    "crate",
    Crate,
    collection="things",
    kind="crate",
    id="crate_id",
    keys=("ORG#{orgcode}", "CRATE#{crate_id}"),
    edges=[edge("on", to="shelf", by="shelf_id")],
)
NOTES = Entity("note", Note, collection="notes", id="note_id", keys=("STACK", "NOTE#{note_id}"), org_scoped=False)
TRACES = Entity("trace", Trace, collection="traces", id="trace_id", technical=True, history=False)
ENTITIES: list[Entity[Any]] = [SHELVES, BOXES, CRATES, NOTES, TRACES]


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

    async def change(self, org: str, handler: Callable[[Change], Awaitable[T]]) -> T:
        caller = Caller(kind="user", actor="ann", orgcode=org, owner=True)
        self.clock.advance(1)
        return await self.units.change(
            Call(caller=caller, name="t", request_id="r", started_utc=self.clock.now()), handler
        )

    async def shelf(self, org: str, code: str, facility: str = "f1") -> Shelf:
        async def work(change: Change) -> Shelf:
            return await change.insert(SHELVES, Shelf(shelf_id=change.new_id(), facility=facility, code=code))

        return await self.change(org, work)

    async def box(self, org: str, shelf: Shelf) -> Box:
        async def work(change: Change) -> Box:
            return await change.insert(BOXES, Box(box_id=change.new_id(), shelf_id=shelf.shelf_id))

        return await self.change(org, work)

    async def fill(self, org: str, box: Box, units: int, reason: str | None = None) -> Box:
        async def work(change: Change) -> Box:
            found = await change.load(BOXES, box.box_id)
            changed = Box(**{**{f: getattr(found, f) for f in found.__struct_fields__}, "units": units})
            filled = await change.update(BOXES, changed, reason)
            change.emit("ics.box.filled", filled.box_id, box=filled)
            return filled

        return await self.change(org, work)

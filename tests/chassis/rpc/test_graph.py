import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, ClassVar, TypeVar

import pytest

from chassis.caller import Call, Caller
from chassis.clock import FixedClock, Utc
from chassis.entity import Document, Entity, Record, edge, index, unique
from chassis.errors import Forbidden, Invalid, NotFound
from chassis.mongo.client import Database
from chassis.mongo.unit import MongoUnits
from chassis.rpc.client import Channels
from chassis.rpc.context import acting_for
from chassis.rpc.graph import graph
from chassis.rpc.server import RpcServer
from chassis.rpc.vacuum import vacuum
from chassis.service import Parts
from chassis.unit import Change
from chassis.values import Code, Guid, Id, Qty0
from retailstack.chassis.v1.vacuum_pb2 import VacuumRequest
from retailstack.chassis.v1.vacuum_pb2_grpc import VacuumStub
from retailstack.graph.v1 import source_pb2 as pb
from retailstack.graph.v1.source_pb2_grpc import GraphSourceStub
from tests.chassis.rpc.given import a_context, sign, verify

T = TypeVar("T")
NOON = Utc("2026-03-01T12:00:00.000Z")


class Shelf(Record):
    """A place."""

    shelf_id: Id
    facility: Guid
    code: Code
    pin: str = "1234"


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


@pytest.fixture
async def warehouse(mongodb_uri: str, database_name: str) -> AsyncIterator[Warehouse]:
    clock = FixedClock(NOON)
    database = await Database.connect(mongodb_uri, database_name)
    units = MongoUnits(database, ENTITIES, clock, "ics", page_key=b"k" * 32)
    await units.start()
    parts = Parts(endpoints=[], entities=ENTITIES, events=[], consumers=[], jobs=[], servicers=[])
    context = a_context(Channels({}), units=units, database=database, parts=parts, clock=clock)
    server = RpcServer("127.0.0.1", 0, [graph, vacuum], context, verify=verify)
    await server.start()
    channels = Channels({"ics": [f"127.0.0.1:{server.port}"]}, sign=sign, clock=clock)
    try:
        yield Warehouse(units, clock, server, channels)
    finally:
        await channels.close()
        await server.stop(0)
        await units.stop()
        await database.close()


async def every(warehouse: Warehouse, table: str, **more: Any) -> list[pb.Record]:
    """All records of a table, two a page."""
    records: list[pb.Record] = []
    token = None
    while True:
        page = pb.Page(limit=2, next_token=token)
        answer = await warehouse.graph.ListRecords(pb.ListRecordsRequest(table=table, page=page, **more))
        assert len(answer.items) <= 2
        records += answer.items
        if not answer.HasField("next_token"):
            return records
        token = answer.next_token


async def test_the_schema_shows_tables_entities_and_edges(warehouse: Warehouse) -> None:
    await warehouse.shelf("ACME", "A")
    schema = await warehouse.graph.Schema(pb.SchemaRequest())

    tables = {table.table: table for table in schema.tables}
    assert set(tables) == {"ics_shelves", "ics_things", "ics_notes"}
    assert list(tables["ics_things"].entities) == ["box", "crate"]
    assert (tables["ics_shelves"].approximate_count, list(tables["ics_shelves"].keys)) == (
        1,
        ["PK", "SK", "GSI1PK", "GSI1SK"],
    )
    shelf = next(entity for entity in schema.entities if entity.entity == "shelf")
    types = {field.name: field.type for field in shelf.fields}
    assert (types["shelf_id"], types["facility"], types["code"], types["revision"]) == ("id", "guid", "code", "int")
    edges = {(each.from_entity, each.edge): each for each in schema.edges}
    assert edges["shelf", "in"].to_service == "gateway"
    assert (edges["box", "on"].inward, edges["crate", "on"].inward, edges["box", "on"].to_service) == (
        True,
        False,
        "ics",
    )


async def test_a_table_is_paged_to_its_end_over_all_orgs_and_kinds(warehouse: Warehouse) -> None:
    shelf = await warehouse.shelf("ACME", "A")
    boxes = [await warehouse.box("ACME", shelf) for _ in range(3)]
    other = await warehouse.box("OTHER", shelf)

    async def crate(change: Change) -> Crate:
        return await change.insert(CRATES, Crate(crate_id=change.new_id(), shelf_id=shelf.shelf_id))

    crates = [await warehouse.change("ACME", crate) for _ in range(3)]

    seen = await every(warehouse, "ics_things")
    assert [record.id for record in seen] == [
        *(box.box_id for box in reversed([*boxes, other])),
        *(crate.crate_id for crate in reversed(crates)),
    ]
    assert {record.entity for record in await every(warehouse, "ics_things", entity="crate")} == {"crate"}
    with pytest.raises(NotFound):
        await warehouse.graph.ListRecords(pb.ListRecordsRequest(table="ics_traces"))
    page = pb.Page(next_token="0.made-up")
    with pytest.raises(Invalid):
        await warehouse.graph.ListRecords(pb.ListRecordsRequest(table="ics_things", page=page))


async def test_a_partition_lists_what_lies_in_it(warehouse: Warehouse) -> None:
    mine = await warehouse.shelf("ACME", "A", "f1")
    await warehouse.shelf("ACME", "B", "f2")
    await warehouse.shelf("OTHER", "A", "f1")
    found = await every(warehouse, "ics_shelves", partition="ORG#ACME#FACILITY#f1")
    assert [record.id for record in found] == [mine.shelf_id]
    boxes = [await warehouse.box("ACME", mine) for _ in range(3)]
    found = await every(warehouse, "ics_things", partition="ORG#ACME", entity="box")
    assert {record.id for record in found} == {box.box_id for box in boxes}


async def test_a_record_is_found_by_its_keys_and_shows_no_secret(warehouse: Warehouse) -> None:
    shelf = await warehouse.shelf("ACME", "A-1", "f1")
    record = await warehouse.graph.GetRecord(
        pb.GetRecordRequest(table="ics_shelves", pk="ORG#ACME#FACILITY#f1", sk="SHELF#A-1")
    )
    assert dict(record.keys) == {
        "PK": "ORG#ACME#FACILITY#f1",
        "SK": "SHELF#A-1",
        "GSI1PK": "FACILITY#f1",
        "GSI1SK": "SHELF#A-1",
    }
    said = json.loads(record.properties)
    assert (said["shelf_id"], said["code"], said["pin"], said["created_by"]) == (
        shelf.shelf_id,
        "A-1",
        "<sealed>",
        "ann",
    )
    assert (record.label, record.revision, record.size_bytes) == ("A-1", 1, len(record.properties))

    for pk, sk in (
        ("ORG#ACME#FACILITY#f1", "SHELF#Z"),
        ("ORG#OTHER#FACILITY#f1", "SHELF#A-1"),
        ("nonsense", "SHELF#A-1"),
    ):
        with pytest.raises(NotFound):
            await warehouse.graph.GetRecord(pb.GetRecordRequest(table="ics_shelves", pk=pk, sk=sk))


async def test_an_edge_is_followed_there_and_back(warehouse: Warehouse) -> None:
    shelf = await warehouse.shelf("ACME", "A")
    boxes = [await warehouse.box("ACME", shelf) for _ in range(3)]
    await warehouse.box("OTHER", shelf)

    there = await warehouse.graph.ListNeighbours(
        pb.ListNeighboursRequest(entity="shelf", values=[shelf.shelf_id], orgcode="ACME")
    )
    assert [record.id for record in there.items] == [shelf.shelf_id]

    back = pb.ListNeighboursRequest(entity="box", field="shelf_id", values=[shelf.shelf_id], orgcode="ACME")
    back.page.limit = 2
    page = await warehouse.graph.ListNeighbours(back)
    assert ([record.id for record in page.items], page.count) == ([boxes[2].box_id, boxes[1].box_id], 3)
    back.page.next_token = page.next_token
    page = await warehouse.graph.ListNeighbours(back)
    assert ([record.id for record in page.items], page.HasField("count")) == ([boxes[0].box_id], False)

    unknown = pb.ListNeighboursRequest(entity="holder", values=[boxes[0].box_id], orgcode="ACME")
    assert [record.entity for record in (await warehouse.graph.ListNeighbours(unknown)).items] == ["box"]
    stranger = pb.ListNeighboursRequest(entity="shelf", values=[shelf.shelf_id], orgcode="OTHER")
    assert not (await warehouse.graph.ListNeighbours(stranger)).items
    unserved = pb.ListNeighboursRequest(entity="crate", field="shelf_id", values=["x"], orgcode="ACME")
    with pytest.raises(Invalid):
        await warehouse.graph.ListNeighbours(unserved)


async def test_history_says_who_changed_what(warehouse: Warehouse) -> None:
    shelf = await warehouse.shelf("ACME", "A")
    box = await warehouse.box("ACME", shelf)
    await warehouse.fill("ACME", box, 5)
    await warehouse.fill("ACME", box, 3, "broken")

    asked = pb.HistoryRequest(table="ics_things", pk="ORG#ACME", sk=f"BOX#{box.box_id}", page=pb.Page(limit=2))
    first = await warehouse.graph.History(asked)
    asked.page.next_token = first.next_token
    last = await warehouse.graph.History(asked)

    said = [
        (item.action, item.actor, item.revision, item.reason, [(c.field, c.before, c.after) for c in item.changed])
        for item in first.items
    ]
    assert said == [
        ("ics.box.filled", "ann", 3, "broken", [("units", "5", "3")]),
        ("ics.box.filled", "ann", 2, "", [("units", "0", "5")]),
    ]
    made = {change.field: (change.before, change.after) for change in last.items[0].changed}
    assert made["units"] == ("", "0")
    assert not last.HasField("next_token")

    hidden = pb.HistoryRequest(table="ics_shelves", pk="ORG#ACME#FACILITY#f1", sk="SHELF#A")
    shown = await warehouse.graph.History(hidden)
    assert "1234" not in str(shown)


async def test_only_the_stack_and_its_operator_may_look(warehouse: Warehouse) -> None:
    user = Caller(kind="user", actor="ann", orgcode="ACME", owner=True)
    call = Call(caller=user, name="t", request_id="r", started_utc=NOON)
    with acting_for(call):
        with pytest.raises(Forbidden):
            await warehouse.graph.Schema(pb.SchemaRequest())
        own = warehouse.channels.own_name()
        assert (await warehouse.graph.Schema(pb.SchemaRequest(), metadata=own)).service == "ics"
        with pytest.raises(Forbidden):
            await warehouse.vacuum.Count(VacuumRequest(all=True))


async def test_an_org_is_deleted_and_the_others_are_not(
    warehouse: Warehouse, mongodb_client: Any, database_name: str
) -> None:
    for org in ("ACME", "OTHER"):
        shelf = await warehouse.shelf(org, "A")
        await warehouse.box(org, shelf)
    await trace(warehouse, "ACME")
    before = await counted(warehouse, "OTHER")

    mine = await counted(warehouse, "ACME")
    assert (mine["shelves"], mine["things"], mine["traces"]) == (1, 1, 1)
    assert mine["events"] == 2
    assert await deleted(warehouse, VacuumRequest(orgcode="ACME")) == mine

    assert await counted(warehouse, "ACME") == {}
    assert await counted(warehouse, "OTHER") == before
    assert await deleted(warehouse, VacuumRequest(orgcode="ACME")) == {}


async def test_everything_is_deleted_but_what_is_kept(
    warehouse: Warehouse, mongodb_client: Any, database_name: str
) -> None:
    shelf = await warehouse.shelf("ACME", "A")
    for _ in range(5):
        await warehouse.box("ACME", shelf)

    async def note(change: Change) -> None:
        await change.insert(NOTES, Note(note_id="n-1", text="stays"))

    await warehouse.change("ACME", note)
    await deleted(warehouse, VacuumRequest(all=True))

    database = mongodb_client[database_name]
    left = {name: database[name].count_documents({}) for name in database.list_collection_names()}
    assert {name: count for name, count in left.items() if count} == {"notes": 1}
    assert len(list(database["shelves"].list_indexes())) > 1


async def test_a_vacuum_is_of_an_org_or_of_everything(warehouse: Warehouse) -> None:
    for request in (VacuumRequest(), VacuumRequest(orgcode="ACME", all=True)):
        with pytest.raises(Invalid):
            await warehouse.vacuum.Count(request)


async def trace(warehouse: Warehouse, org: str) -> None:
    async def work(change: Change) -> None:
        await change.insert(TRACES, Trace(trace_id="t-1", orgcode=org))

    await warehouse.change(org, work)


async def counted(warehouse: Warehouse, org: str) -> dict[str, int]:
    answer = await warehouse.vacuum.Count(VacuumRequest(orgcode=org))
    return {tally.collection: tally.matched for tally in answer.collections}


async def deleted(warehouse: Warehouse, request: VacuumRequest) -> dict[str, int]:
    found: dict[str, int] = {}
    async for tally in warehouse.vacuum.Delete(request):
        found[tally.collection] = tally.deleted
    return found

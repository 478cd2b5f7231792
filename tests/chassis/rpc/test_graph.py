import json
import os
from collections.abc import Iterable
from typing import Any

import pytest

from chassis.caller import Call, Caller
from chassis.errors import Forbidden, Invalid, NotFound
from chassis.mongo.direct_reader import DirectReader
from chassis.page import Page, PageRequest
from chassis.rpc.context import acting_for
from chassis.rpc.graph.indexed_queries import IndexedQueries
from chassis.rpc.graph.neighbours import ByIndex
from chassis.rpc.graph.records import Bounds, Listing, Position, Presenter, fill
from chassis.unit import Change
from retailstack.chassis.v1.vacuum_pb2 import VacuumRequest
from retailstack.graph.v1 import source_pb2 as pb
from tests.chassis.rpc.warehouse import BOXES, CRATES, NOON, NOTES, Box, Crate, Note, Warehouse
from tests.reading import reads_of


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


def a_hop(kind: str, field: str, *values: str) -> pb.Hop:
    return pb.Hop(entities=[kind], field=field, values=values)


def ids(records: Iterable[pb.Record]) -> list[str]:
    return [record.id for record in records]


async def test_the_schema_shows_tables_entities_and_edges(warehouse: Warehouse) -> None:
    await warehouse.shelf("ACME", "A")
    schema = await warehouse.graph.Schema(pb.SchemaRequest())

    tables = {table.table: table for table in schema.tables}
    assert set(tables) == {"ics_shelves", "ics_things", "ics_bays", "ics_weighings", "ics_notes"}
    assert list(tables["ics_things"].entities) == ["box", "crate"]
    assert (tables["ics_shelves"].approximate_count, list(tables["ics_shelves"].keys)) == (
        1,
        ["PK", "SK", "GSI1PK", "GSI1SK"],
    )
    shelf = next(entity for entity in schema.entities if entity.entity == "shelf")
    assert (shelf.label_pattern, shelf.label_field, shelf.id_field) == ("{code} in {facility}", "code", "shelf_id")
    types = {field.name: field.type for field in shelf.fields}
    assert (types["shelf_id"], types["facility"], types["code"], types["revision"]) == ("id", "guid", "code", "int")
    edges = {(each.from_entity, each.edge): each for each in schema.edges}
    assert (edges["shelf", "in"].to_service, list(edges["shelf", "in"].to_entities)) == ("stack", [])
    assert (edges["box", "on"].inward, edges["crate", "on"].inward, edges["box", "on"].to_service) == (
        True,
        False,
        "ics",
    )
    weighs = edges["weighing", "weighs"]
    assert (weighs.via, weighs.value_pattern, weighs.to_field, weighs.from_field, weighs.inward) == (
        "bay_ids",
        "{bay_ids}",
        "",
        "bay_ids",
        True,
    )
    assert (edges["weighing", "beside"].to_field, list(weighs.to_entities)) == ("work_id", ["bay"])


async def test_a_schema_of_a_known_version_has_only_its_tables_and_their_counts(warehouse: Warehouse) -> None:
    whole = await warehouse.graph.Schema(pb.SchemaRequest())
    other = await warehouse.graph.Schema(pb.SchemaRequest(known_version="another"))
    await warehouse.shelf("ACME", "A")
    brief = await warehouse.graph.Schema(pb.SchemaRequest(known_version=whole.version))

    assert (other.version, list(other.entities), list(other.edges)) == (
        whole.version,
        list(whole.entities),
        list(whole.edges),
    )
    assert whole.entities
    assert whole.edges
    assert (brief.service, brief.version, len(brief.entities), len(brief.edges)) == ("ics", whole.version, 0, 0)
    assert [table.table for table in brief.tables] == [table.table for table in whole.tables]
    grown = [new.approximate_count - old.approximate_count for new, old in zip(brief.tables, whole.tables, strict=True)]
    assert (sum(grown), len(grown)) == (1, 5)


async def test_a_table_is_paged_to_its_end_over_all_orgs_and_kinds(warehouse: Warehouse) -> None:
    shelf = await warehouse.shelf("ACME", "A")
    boxes = [await warehouse.box("ACME", shelf) for _ in range(3)]
    other = await warehouse.box("OTHER", shelf)

    async def crate(change: Change) -> Crate:
        return await change.insert(CRATES, Crate(crate_id=change.new_id(), shelf_id=shelf.shelf_id))

    crates = [await warehouse.change("ACME", crate) for _ in range(3)]

    seen = await every(warehouse, "ics_things")
    assert ids(seen) == [
        *(box.box_id for box in reversed([*boxes, other])),
        *(crate.crate_id for crate in reversed(crates)),
    ]
    assert {record.entity for record in await every(warehouse, "ics_things", entity="crate")} == {"crate"}
    assert ids(await every(warehouse, "ics_things", orgcode="OTHER")) == [other.box_id]


async def test_what_does_not_exist_is_refused(warehouse: Warehouse) -> None:
    async def ask(**asked: Any) -> Any:
        return await warehouse.graph.ListRecords(pb.ListRecordsRequest(**asked))

    with pytest.raises(NotFound):
        await ask(table="ics_traces")
    for wrong in (
        {"table": "ics_things", "entity": "shelf"},
        {"table": "ics_things", "page": pb.Page(next_token="0.made-up")},
        {},
        {"cause": "0" * 32, "entity": "nothing"},
    ):
        with pytest.raises(Invalid):
            await ask(**wrong)
    shelf = await warehouse.shelf("ACME", "A")
    for _ in range(2):
        await warehouse.box("ACME", shelf)
    token = (await ask(table="ics_things", page=pb.Page(limit=1))).next_token
    with pytest.raises(Invalid):
        await ask(table="ics_things", orgcode="ACME", page=pb.Page(next_token=token))


async def test_a_partition_lists_what_lies_in_it(warehouse: Warehouse) -> None:
    mine = await warehouse.shelf("ACME", "A", "f1")
    await warehouse.shelf("ACME", "B", "f2")
    other = await warehouse.shelf("OTHER", "A", "f1")
    assert ids(await every(warehouse, "ics_shelves", partition="ORG#ACME#FACILITY#f1")) == [mine.shelf_id]
    assert ids(await every(warehouse, "ics_shelves", partition="FACILITY#f1")) == [other.shelf_id, mine.shelf_id]
    assert not await every(warehouse, "ics_shelves", partition="nonsense")
    boxes = [await warehouse.box("ACME", mine) for _ in range(3)]
    found = await every(warehouse, "ics_things", partition="ORG#ACME", entity="box")
    assert ids(found) == [box.box_id for box in reversed(boxes)]


async def test_a_partition_in_the_order_of_its_index_is_paged_to_its_end(warehouse: Warehouse) -> None:
    shelf = await warehouse.shelf("ACME", "A")
    bays = [await warehouse.bay("ACME", shelf, number) for number in range(5)]
    assert ids(await every(warehouse, "ics_bays", partition="ORG#ACME")) == [bay.bay_id for bay in bays]


async def test_a_record_is_found_by_its_keys_and_shows_no_secret(warehouse: Warehouse) -> None:
    shelf = await warehouse.shelf("ACME", "A-1", "f1")
    key = f"SHELF#{shelf.shelf_id}"
    record = await warehouse.graph.GetRecord(
        pb.GetRecordRequest(table="ics_shelves", pk="ORG#ACME#FACILITY#f1", sk=key)
    )
    assert dict(record.keys) == {
        "PK": "ORG#ACME#FACILITY#f1",
        "SK": key,
        "GSI1PK": "FACILITY#f1",
        "GSI1SK": "SHELF#A-1",
    }
    said = json.loads(record.properties)
    assert (said["shelf_id"], said["code"], said["pin"], said["lock"], said["created_by"]) == (
        shelf.shelf_id,
        "A-1",
        "<sealed>",
        "<sealed>",
        "ann",
    )
    assert (record.label, record.revision, record.size_bytes, record.orgcode) == (
        "A-1 in f1",
        1,
        len(record.properties),
        "ACME",
    )

    for pk, sk in (
        ("ORG#ACME#FACILITY#f1", "SHELF#Z"),
        ("ORG#OTHER#FACILITY#f1", key),
        ("nonsense", key),
    ):
        with pytest.raises(NotFound):
            await warehouse.graph.GetRecord(pb.GetRecordRequest(table="ics_shelves", pk=pk, sk=sk))


async def test_a_key_that_does_not_contain_the_id_makes_it(warehouse: Warehouse) -> None:
    shelf = await warehouse.shelf("ACME", "A")
    bay = await warehouse.bay("ACME", shelf, 7)
    keys = {"pk": "ORG#ACME", "sk": f"BAY#{shelf.shelf_id}#7"}
    assert (await warehouse.graph.GetRecord(pb.GetRecordRequest(table="ics_bays", **keys))).id == bay.bay_id
    with pytest.raises(NotFound):
        await warehouse.graph.GetRecord(pb.GetRecordRequest(table="ics_bays", pk="ORG#ACME", sk=keys["sk"] + "x"))


async def test_an_id_alone_finds_records_of_any_org(warehouse: Warehouse) -> None:
    shelf = await warehouse.shelf("ACME", "A")
    box = await warehouse.box("ACME", shelf)

    async def note(change: Change) -> Note:
        return await change.insert(NOTES, Note(note_id=box.box_id, text="the same id"))

    await warehouse.change("OTHER", note)
    found = await every(warehouse, "", id=box.box_id)
    assert [(record.entity, record.id) for record in found] == [("box", box.box_id), ("note", box.box_id)]
    assert not await every(warehouse, "", id=box.box_id, orgcode="OTHER")


async def test_an_edge_is_followed_there_and_back(warehouse: Warehouse) -> None:
    shelf = await warehouse.shelf("ACME", "A")
    boxes = [await warehouse.box("ACME", shelf) for _ in range(3)]
    bays = [await warehouse.bay("ACME", shelf, number) for number in range(3)]
    await warehouse.box("OTHER", shelf)

    async def ask(*hops: pb.Hop, org: str = "ACME", **more: Any) -> Any:
        return await warehouse.graph.ListNeighbours(pb.ListNeighboursRequest(orgcode=org, hops=hops, **more))

    there = a_hop("shelf", "", shelf.shelf_id)
    back = a_hop("box", "shelf_id", shelf.shelf_id)
    lying = a_hop("bay", "shelf_id", shelf.shelf_id)
    answer = await ask(there, back, lying, counts=True, limit=3)
    assert [(ids(each.items), each.count, each.reached) for each in answer.results] == [
        ([shelf.shelf_id], 1, True),
        ([boxes[2].box_id, boxes[1].box_id], 3, True),
        ([], 3, False),
    ]
    back.next_token = answer.results[1].next_token
    answer = await ask(back, lying)
    assert [ids(each.items) for each in answer.results] == [[boxes[0].box_id], [bay.bay_id for bay in bays]]
    assert not any(each.HasField("next_token") or each.HasField("count") for each in answer.results)

    only = await ask(lying, counts=True, limit=0)
    assert (only.results[0].count, len(only.results[0].items)) == (3, 0)
    either = pb.Hop(entities=["box", "crate"], values=[boxes[0].box_id])
    assert [record.entity for record in (await ask(either)).results[0].items] == ["box"]
    assert not (await ask(there, org="OTHER")).results[0].items
    for wrong in (a_hop("crate", "shelf_id", "x"), a_hop("holder", "", "x"), a_hop("box", "")):
        with pytest.raises(Invalid):
            await ask(wrong)


async def test_a_single_neighbour_is_read_once_though_it_is_counted(warehouse: Warehouse) -> None:
    shelf = await warehouse.shelf("ACME", "A")
    for limit, shown in ((25, [shelf.shelf_id]), (0, [])):
        hop = a_hop("shelf", "", shelf.shelf_id, "nobody")
        asked = pb.ListNeighboursRequest(orgcode="ACME", hops=[hop], counts=True, limit=limit)
        async with reads_of("shelves") as reads:
            (result,) = (await warehouse.graph.ListNeighbours(asked)).results
        assert (ids(result.items), result.count, reads.queries) == (shown, 1, 1)


async def test_a_record_of_no_org_has_neighbours_in_any(warehouse: Warehouse) -> None:
    shelves = [await warehouse.shelf(org, "A", "f1") for org in ("ACME", "OTHER")]
    hop = a_hop("shelf", "facility", "f1")
    answer = await warehouse.graph.ListNeighbours(pb.ListNeighboursRequest(hops=[hop], counts=True))
    assert (answer.results[0].count, ids(answer.results[0].items)) == (
        2,
        [shelves[1].shelf_id, shelves[0].shelf_id],
    )


async def test_an_edge_out_of_a_list_and_one_by_an_operation(warehouse: Warehouse) -> None:
    shelf = await warehouse.shelf("ACME", "A")
    bays = [await warehouse.bay("ACME", shelf, number) for number in range(3)]
    first = await warehouse.weigh("ACME", "w-1", 5, *bays[:2])
    second = await warehouse.weigh("ACME", "w-1", 6, bays[1])

    hops = [
        a_hop("bay", "", *first.bay_ids),
        a_hop("weighing", "bay_ids", bays[1].bay_id),
        a_hop("weighing", "work_id", "w-1"),
    ]
    answer = await warehouse.graph.ListNeighbours(pb.ListNeighboursRequest(orgcode="ACME", hops=hops))
    both = [second.weighing_id, first.weighing_id]
    assert [ids(each.items) for each in answer.results] == [[bays[1].bay_id, bays[0].bay_id], both, both]


async def test_a_page_ends_at_four_mebibytes(warehouse: Warehouse) -> None:
    for number in range(5):

        async def note(change: Change, number: int = number) -> None:
            await change.insert(NOTES, Note(note_id=f"n{number}", text="x" * 1_500_000))

        await warehouse.change("ACME", note)
    sizes, token = [], None
    while True:
        asked = pb.ListRecordsRequest(table="ics_notes", page=pb.Page(limit=256, next_token=token))
        answer = await warehouse.graph.ListRecords(asked)
        sizes.append(ids(answer.items))
        if not answer.HasField("next_token"):
            break
        token = answer.next_token
    assert sizes == [["n4", "n3"], ["n2", "n1"], ["n0"]]


async def test_a_page_that_is_cut_short_goes_on_behind_its_last_record_whatever_is_inserted(
    warehouse: Warehouse,
) -> None:
    shelf = await warehouse.shelf("ACME", "A")
    boxes = [await warehouse.box("ACME", shelf) for _ in range(4)]

    class Inserting(ByIndex):
        """Another box is stored behind each read."""

        async def read(self, page: PageRequest) -> Page[Any]:
            found = await super().read(page)
            await warehouse.box("ACME", shelf)
            return found

    reader = DirectReader(warehouse.units.database, warehouse.clock, b"k" * 32)
    query = IndexedQueries(BOXES).by_values("shelf_id", [shelf.shelf_id], "ACME")
    assert query is not None
    listing = Listing(Presenter("ics", BOXES), Inserting(reader, BOXES, "ACME", query))
    size = listing.presenter.to_proto(boxes[0]).ByteSize()
    seen: list[str] = []
    position: Position | None = (0, None)
    while position is not None:
        found, position = await fill([listing], position, Bounds(4, size * 5 // 2))
        seen += ids(found)
    assert seen == [box.box_id for box in reversed(boxes)]


async def test_a_trace_and_an_operation_find_what_they_changed(warehouse: Warehouse) -> None:
    shelf = await warehouse.shelf("ACME", "A")
    bay = await warehouse.bay("ACME", shelf, 1)
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    weighing = await warehouse.weigh("ACME", "w-9", 4, bay)

    async def boxes(change: Change) -> list[str]:
        made = [Box(box_id=change.new_id(), shelf_id=shelf.shelf_id) for _ in range(100)]
        return [(await change.insert(BOXES, box)).box_id for box in made]

    made = await warehouse.change("ACME", boxes, traceparent=f"00-{trace}-00f067aa0ba902b7-01")

    found = await every(warehouse, "", cause="w-9")
    assert [(record.entity, record.id) for record in found] == [
        ("bay", bay.bay_id),
        ("weighing", weighing.weighing_id),
    ]
    assert ids(await every(warehouse, "", cause=trace)) == made[::-1]
    assert not await every(warehouse, "ics_bays", cause=trace)
    assert not await every(warehouse, "", cause="0" * 32)


async def test_a_crowd_at_a_record_is_counted_to_a_bound_and_paged_to_its_end(warehouse: Warehouse) -> None:
    """Boxes at one shelf: as many as the count can say, and more; GRAPH_CROWD sets how many."""
    shelf = await warehouse.shelf("ACME", "A")
    made: list[str] = []

    async def fill(change: Change) -> list[str]:
        boxes = [Box(box_id=change.new_id(), shelf_id=shelf.shelf_id) for _ in range(100)]
        return [(await change.insert(BOXES, box)).box_id for box in boxes]

    while len(made) < int(os.environ.get("GRAPH_CROWD", "400")):
        made += await warehouse.change("ACME", fill)

    hop = a_hop("box", "shelf_id", shelf.shelf_id)
    asked = pb.ListNeighboursRequest(orgcode="ACME", hops=[hop], counts=True)
    (first,) = (await warehouse.graph.ListNeighbours(asked)).results
    assert (first.count, ids(first.items)) == (257, made[:-26:-1])

    seen, token = ids(first.items), first.next_token
    while token:
        hop.next_token = token
        further = pb.ListNeighboursRequest(orgcode="ACME", hops=[hop], limit=256)
        (result,) = (await warehouse.graph.ListNeighbours(further)).results
        seen, token = seen + ids(result.items), result.next_token
    assert seen == made[::-1]


async def test_only_the_stack_and_its_operator_may_look(warehouse: Warehouse) -> None:
    user = Caller(kind="user", actor="ann", orgcode="ACME", owner=True)
    call = Call(caller=user, name="t", request_id="r", started_utc=NOON)
    graph = warehouse.graph
    with acting_for(call):
        for ask, nothing in (
            (graph.Schema, pb.SchemaRequest()),
            (graph.ListRecords, pb.ListRecordsRequest(table="no such table")),
            (graph.GetRecord, pb.GetRecordRequest(table="no such table")),
            (graph.ListNeighbours, pb.ListNeighboursRequest()),
            (graph.History, pb.HistoryRequest(table="no such table")),
        ):
            with pytest.raises(Forbidden):
                await ask(nothing)
        own = warehouse.channels.own_name("ics")
        assert (await graph.Schema(pb.SchemaRequest(), metadata=own)).service == "ics"
        with pytest.raises(Forbidden):
            await warehouse.vacuum.Count(VacuumRequest(all=True))

import json
from typing import Any

import pytest

from chassis.caller import Call, Caller
from chassis.errors import Forbidden, Invalid, NotFound
from chassis.rpc.context import acting_for
from chassis.unit import Change
from retailstack.chassis.v1.vacuum_pb2 import VacuumRequest
from retailstack.graph.v1 import source_pb2 as pb
from tests.chassis.rpc.warehouse import CRATES, NOON, Crate, Warehouse


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
    assert (said["shelf_id"], said["code"], said["pin"], said["lock"], said["created_by"]) == (
        shelf.shelf_id,
        "A-1",
        "<sealed>",
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

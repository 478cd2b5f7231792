import pytest

from chassis.errors import NotFound
from chassis.unit import Change
from retailstack.graph.v1 import source_pb2 as pb
from tests.chassis.rpc.warehouse import BOXES, Warehouse


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
    assert len(first.items[0].trace_id) == 32

    hidden = pb.HistoryRequest(table="ics_shelves", pk="ORG#ACME#FACILITY#f1", sk=f"SHELF#{shelf.shelf_id}")
    shown = await warehouse.graph.History(hidden)
    assert shown.items
    assert "1234" not in str(shown)
    for sk in ("BOX#no-such-box", "nonsense"):
        with pytest.raises(NotFound):
            await warehouse.graph.History(pb.HistoryRequest(table="ics_things", pk="ORG#ACME", sk=sk))


async def test_the_history_of_a_deleted_record_remains(warehouse: Warehouse) -> None:
    shelf = await warehouse.shelf("ACME", "A")
    box = await warehouse.box("ACME", shelf)

    async def delete(change: Change) -> None:
        await change.delete(BOXES, await change.load(BOXES, box.box_id))

    await warehouse.change("ACME", delete)
    asked = pb.HistoryRequest(table="ics_things", pk="ORG#ACME", sk=f"BOX#{box.box_id}")
    assert len((await warehouse.graph.History(asked)).items) == 2


async def test_the_history_of_what_is_written_once_is_made_of_the_records(warehouse: Warehouse) -> None:
    shelf = await warehouse.shelf("ACME", "A")
    bays = [await warehouse.bay("ACME", shelf, number) for number in range(2)]
    weighings = [await warehouse.weigh("ACME", f"w-{weight}", weight, *bays) for weight in (5, 6, 7)]

    asked = pb.HistoryRequest(table="ics_weighings", pk="ORG#ACME", sk=f"WEIGHING#{weighings[0].weighing_id}")
    (once,) = (await warehouse.graph.History(asked)).items
    assert (once.action, once.actor, once.reason, once.at_utc) == (
        "ics.weighing.recorded",
        "bob",
        "monthly",
        weighings[0].at_utc,
    )
    assert {(each.field, each.before, each.after) for each in once.changed} >= {("weight", "", "5")}

    told = pb.HistoryRequest(table="ics_bays", pk="ORG#ACME", sk=f"BAY#{shelf.shelf_id}#1", page=pb.Page(limit=2))
    first = await warehouse.graph.History(told)
    told.page.next_token = first.next_token
    last = await warehouse.graph.History(told)
    assert [[(c.field, c.after) for c in item.changed] for item in (*first.items, *last.items)] == [
        [("weight", "7")],
        [("weight", "6")],
        [("weight", "5")],
    ]
    assert not last.HasField("next_token")


async def test_a_long_history_is_paged_to_its_end(warehouse: Warehouse) -> None:
    box = await warehouse.box("ACME", await warehouse.shelf("ACME", "A"))
    for units in range(1, 100):
        await warehouse.fill("ACME", box, units)

    asked = pb.HistoryRequest(table="ics_things", pk="ORG#ACME", sk=f"BOX#{box.box_id}", page=pb.Page(limit=70))
    first = await warehouse.graph.History(asked)
    asked.page.next_token = first.next_token
    last = await warehouse.graph.History(asked)

    items = [*first.items, *last.items]
    assert [item.revision for item in items] == list(range(100, 0, -1))
    assert all([change.field for change in item.changed] == ["units"] for item in items[:-1])
    assert not last.HasField("next_token")

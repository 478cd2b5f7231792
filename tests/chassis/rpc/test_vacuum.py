from typing import Any

import pytest

from chassis.errors import Invalid
from chassis.unit import Change
from retailstack.chassis.v1.vacuum_pb2 import VacuumRequest
from tests.chassis.rpc.warehouse import NOTES, TRACES, Note, Trace, Warehouse


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

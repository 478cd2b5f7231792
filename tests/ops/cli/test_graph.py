"""`stackctl graph`, against the graph of a service with records of several kinds."""

import json
from typing import Any

import pytest

from chassis.errors import NotFound
from chassis.rpc.refusals import PeerUnreachable
from chassis.telemetry.trace import trace_begun_by
from services.ops.cli.graph import graph_find, graph_show, graph_trace
from services.ops.cli.hubs import HUBS
from services.ops.cli.output import Output
from services.ops.cli.stack import Stack
from services.visualgrid.graph import hubs as explored
from tests.chassis.rpc.conftest import warehouse as a_warehouse
from tests.chassis.rpc.warehouse import Warehouse

REQUEST = "0192e4a0-0000-7000-8000-00000000000a"
warehouse = a_warehouse


class SomeUp(Stack):
    """The stack, of which one service answers and another does not."""

    def __init__(self, warehouse: Warehouse) -> None:
        self.output = Output(as_json=True)
        self.channels: Any = self
        self._warehouse = warehouse

    @property
    def peers(self) -> list[str]:
        return ["ics", "pmc"]

    def channel(self, peer: str) -> Any:
        if peer == "pmc":
            raise PeerUnreachable("pmc does not answer")
        return self._warehouse.channels.channel(peer)


async def test_a_record_is_found_by_its_id_while_a_service_is_down(
    warehouse: Warehouse, capsys: pytest.CaptureFixture[str]
) -> None:
    shelf = await warehouse.shelf("ACME", "A")
    stack = SomeUp(warehouse)

    stack.output.show(await graph_find(shelf.shelf_id, stack=stack))

    shown = capsys.readouterr()
    (item,) = json.loads(shown.out)["items"]
    assert item["node"]["ddb_keys"]["SK"] == f"SHELF#{shelf.shelf_id}"
    assert item["node"]["metadata"]["label"] == "A in f1"
    assert item["node"]["properties"]["pin"] == "<sealed>"
    assert "pmc does not answer" in shown.err


async def test_a_record_is_shown_with_its_edges_counted(warehouse: Warehouse) -> None:
    shelf = await warehouse.shelf("ACME", "A")
    for number in range(2):
        await warehouse.bay("ACME", shelf, number)
    box = await warehouse.box("ACME", shelf)
    stack = SomeUp(warehouse)

    shown = await graph_show("ics_shelves", "ORG#ACME#FACILITY#f1", f"SHELF#{shelf.shelf_id}", stack=stack)
    assert shown.document["edges"] == [
        {"edge": "in", "direction": "out", "entity_type": "facility", "approximate_count": 1},
        {"edge": "on", "direction": "in", "entity_type": "box", "approximate_count": 1},
        {"edge": "of", "direction": "in", "entity_type": "bay", "approximate_count": 2},
    ]
    shown = await graph_show("ics_things", "ORG#ACME", f"BOX#{box.box_id}", stack=stack)
    assert shown.document["edges"] == [
        {"edge": "on", "direction": "out", "entity_type": "shelf", "approximate_count": 1}
    ]
    with pytest.raises(NotFound):
        await graph_show("ics_nothing", "a", "b", stack=stack)


async def test_a_hub_is_shown_while_a_record_names_it(warehouse: Warehouse) -> None:
    for code in ("A", "B"):
        await warehouse.shelf("ACME", code)
    stack = SomeUp(warehouse)

    shown = await graph_show("stack_facilities", "ORG#ACME", "FACILITY#f1", stack=stack)
    assert shown.document["node"]["properties"] == {"orgcode": "ACME", "logical_guid": "f1"}
    assert shown.document["edges"] == [
        {"edge": "in", "direction": "in", "entity_type": "shelf", "approximate_count": 2}
    ]
    for pk, sk in (("ORG#ACME", "FACILITY#f2"), ("ORG#OTHER", "FACILITY#f1"), ("ORG#ACME", "FACILITY#"), ("x", "y")):
        with pytest.raises(NotFound):
            await graph_show("stack_facilities", pk, sk, stack=stack)


def test_hubs_are_those_of_the_explorer() -> None:
    shown = {hub.kind: (hub.table, hub.field, hub.keys("ACME", "x")) for hub in explored.HUBS.values()}
    assert {hub.kind: (hub.table, hub.field, hub.keys("ACME", "x")) for hub in HUBS} == shown


async def test_what_a_request_changed_is_found_by_its_request_trace_or_operation_id(warehouse: Warehouse) -> None:
    shelf = await warehouse.shelf("ACME", "A")
    bay = await warehouse.bay("ACME", shelf, 1)
    weighing = await warehouse.weigh("ACME", "w-1", 5, bay)
    stack = SomeUp(warehouse)

    async def changed(cause: str) -> list[str]:
        found = (await graph_trace(cause, stack=stack)).document["items"]
        return [item["node"]["metadata"]["entity_type"] for item in found]

    assert await changed("w-1") == ["bay", "weighing"]
    trace_id = trace_begun_by(f"r-{weighing.at_utc}").split("-")[1]
    assert await changed(trace_id) == ["bay", "weighing"]
    assert await changed(f"r-{weighing.at_utc}") == ["bay", "weighing"]
    assert await changed(REQUEST) == []

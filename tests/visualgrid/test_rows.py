"""The rows over a whole stack: what they list, find, follow and refuse."""

from typing import Any
from unittest.mock import patch

import pytest

from services.visualgrid.node import listing
from tests.visualgrid.explorer import ORG, TRACE, Explorer, ref_of


async def test_the_entry_page_lists_every_service_and_its_tables(explorer: Explorer) -> None:
    data = (await explorer.get("root/graph")).data
    assert data == (await explorer.post("root/graph")).data
    services = {service["service_code"]: service for service in data["services"]}
    assert set(services) == {"gateway", "ops", "ics", "pmc", "slc", "visualgrid", "stack"}
    assert all(service["available"] for service in services.values())
    assert services["visualgrid"]["tables"] == []
    assert [table["table"] for table in services["stack"]["tables"]] == [
        "stack_facilities",
        "stack_variants",
        "stack_channel_codes",
    ]
    tables = [table for service in services.values() for table in service["tables"]]
    assert data["totals"] == {
        "services": 7,
        "tables": len(tables),
        "nodes": sum(table["approximate_count"] for table in tables),
    }


async def test_a_record_is_what_its_own_service_says(explorer: Explorer) -> None:
    zone = explorer.world.zone
    node = await explorer.one("ics_zones", zone["zone_id"])
    assert {name: node["properties"][name] for name in zone} == zone
    assert node["metadata"] | {"size_bytes": 0} == {
        "service_code": "ics",
        "table": "ics_zones",
        "entity_type": "zone",
        "label": node["metadata"]["label"],
        "revision": zone["revision"],
        "size_bytes": 0,
    }
    assert (node["ddb_keys"]["PK"], node["ddb_keys"]["SK"]) == (f"ORG#{ORG}", f"ZONE#{zone['zone_id']}")


async def test_a_hub_that_nobody_names_is_not_there(explorer: Explorer) -> None:
    for sk in ("FACILITY#NOWHERE", "FACILITY#", "ELSE#FAC-A"):
        reply = await explorer.post("node/load", table="stack_facilities", pk=f"ORG#{ORG}", sk=sk)
        assert reply.error == (404, "not-found"), sk


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 400),
        ({"table": ""}, 400),
        ({"table": "x" * 129}, 400),
        ({"table": "ics_zones", "surprise": 1}, 400),
        ({"table": "ics_zones", "sk": "ZONE#1"}, 400),
        ({"table": "ics_zones", "edge": "in"}, 400),
        ({"table": "ics_zones", "pk": "ORG#X", "filter": "org:X"}, 400),
        ({"table": "ics_zones", "filter": "colour:red"}, 400),
        ({"table": "ics_zones", "filter": "entity:unicorn"}, 400),
        ({"table": "ics_zones", "filter": "org:"}, 400),
        ({"table": "ics_zones", "filter": "org:A  id:B"}, 400),
        ({"table": "ics_zones", "filter": "org:A org:A"}, 400),
        ({"table": "ics_zones", "filter": f"trace:{TRACE}"}, 400),
        ({"table": "*", "filter": "trace:abc"}, 400),
        ({"table": "*", "filter": f"id:x trace:{TRACE}"}, 400),
        ({"table": "*"}, 404),
        ({"table": "*", "filter": "org:GRID0001"}, 404),
        ({"table": "no_such"}, 404),
        ({"table": "ics_zones", "pk": "ORG#GRID0001", "sk": "nonsense"}, 404),
        ({"table": "ics_zones", "limit": 1.5}, 400),
        ({"table": "ics_zones", "limit": "1"}, 400),
        ({"table": "ics_zones", "next_token": "abc"}, 400),
    ],
    ids=str,
)
async def test_what_is_no_question_is_refused(explorer: Explorer, body: dict[str, Any], status: int) -> None:
    assert (await explorer.post("node/children", **body)).status == status


async def test_a_page_token_is_bound_to_its_question(explorer: Explorer) -> None:
    first = (await explorer.post("node/children", table="ics_zones", limit=1)).data
    token = first["next_token"]
    second = (await explorer.post("node/children", table="ics_zones", limit=256, next_token=token)).data
    assert first["items"] + second["items"] == (await explorer.post("node/children", table="ics_zones")).data["items"]
    for body in (
        {"table": "ics_bins", "next_token": token},
        {"table": "ics_zones", "filter": f"org:{ORG}", "next_token": token},
        {"table": "ics_zones", "next_token": token[:-2] + ("AA" if token[-2:] != "AA" else "BB")},
    ):
        assert (await explorer.post("node/children", **body)).error == (400, "invalid-input"), body
    assert (await explorer.post("node/children", table="ics_zones", limit=-3)).data["count"] == 1


async def test_a_partition_lists_the_records_of_its_key(explorer: Explorer) -> None:
    zones = await explorer.every(table="ics_zones", pk=f"ORG#{ORG}", limit=2)
    assert len(zones) == 3
    assert await explorer.every(table="ics_zones", pk="ORG#NOBODY01") == []
    assert await explorer.every(table="ics_zones", pk="no key at all") == []


async def test_an_id_alone_finds_its_record(explorer: Explorer) -> None:
    zone_id = explorer.world.zone["zone_id"]
    (node,) = await explorer.every(table="*", filter=f"id:{zone_id}")
    assert node["properties"]["zone_id"] == zone_id
    assert await explorer.every(table="*", filter=f"id:{zone_id} entity:bin") == []
    assert await explorer.every(table="*", filter="id:nobody") == []


async def test_a_trace_finds_what_its_request_changed(explorer: Explorer) -> None:
    nodes = await explorer.every(table="*", filter=f"trace:{TRACE}", limit=1)
    kinds = {node["metadata"]["entity_type"] for node in nodes}
    assert "reservation" in kinds
    assert await explorer.every(table="*", filter=f"trace:{TRACE} org:NOBODY01") == []
    assert await explorer.every(table="*", filter="trace:" + "0" * 32) == []


async def test_a_page_of_all_tables_ends_at_its_bytes(explorer: Explorer) -> None:
    """Its bound is lowered, so that the records of two services are too large for one page."""
    zone_id = explorer.world.zone["zone_id"]
    users = explorer.world.operator.collection("gateway", "users")
    users.insert_one({**users.find_one(), "_id": zone_id})
    try:
        with patch.object(listing, "BYTES_MAX", 1):
            pages = [page async for page in explorer.pages(table="*", filter=f"id:{zone_id}", limit=256)]
    finally:
        users.delete_one({"_id": zone_id})
    shown = [[item["node"]["metadata"]["table"] for item in page["items"]] for page in pages]
    assert shown == [["gateway_users"], ["ics_zones"]]


async def test_history_tells_who_changed_what(explorer: Explorer) -> None:
    node = await explorer.one("ics_promises", explorer.world.reservation["reservation_id"], "reservation")
    data = (await explorer.post("node/history", **ref_of(node))).data
    (item,) = data["items"]
    assert (item["action"], item["revision"], item["trace_id"]) == ("ics.reservation.created", 1, TRACE)
    assert {"field": "quantity", "after": 2} in item["changed"]
    assert (data["has_more"], data["count"], data["next_token"]) == (False, 1, None)
    assert (await explorer.post("node/history", **ref_of(node) | {"sk": "RESERVATION#x"})).error == (404, "not-found")

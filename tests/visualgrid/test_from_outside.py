"""What a tester can check from outside: records of other APIs, paging among writers, and that nothing is changed."""

from collections.abc import Sequence
from hashlib import sha256
from typing import Any
from unittest.mock import patch

import pytest

from chassis.mongo import collection_sizes
from services.visualgrid import reads
from services.visualgrid.node import export, walk
from tests.ops.vacuum.stack import CODE
from tests.visualgrid.explorer import ORG, Explorer, World, ref_of
from tests.visualgrid.lateness import late
from tests.waiting import until

OWN_TRACE = "0af7651916cd43dd8448eb211c80319c"
HUB = {"table": "stack_facilities", "pk": f"ORG#{ORG}", "sk": "FACILITY#FAC-A"}


async def done(world: World, path: str, **body: Any) -> dict[str, Any]:
    """What a service answers to the shop."""
    status, _, envelope = await world.shop.ask(path, **body)
    assert status == 200, envelope
    data: dict[str, Any] = envelope["data"]
    return data


async def test_a_record_and_its_changes_are_what_its_own_api_says(explorer: Explorer) -> None:
    world = explorer.world
    made = (await done(world, "/ics/reservation/create", variant_id="V-1", quantity=3))["reservation"]
    world.shop.headers["traceparent"] = f"00-{OWN_TRACE}-00f067aa0ba902b7-01"
    try:
        seen = {"reservation_id": made["reservation_id"], "expected_revision": 1, "quantity": 1}
        after = (await done(world, "/ics/reservation/release", **seen))["reservation"]
    finally:
        del world.shop.headers["traceparent"]

    keys = {"table": "ics_promises", "pk": f"ORG#{ORG}", "sk": f"RESERVATION#{made['reservation_id']}"}
    node = (await explorer.post("node/load", **keys)).data["node"]
    assert {name: node["properties"][name] for name in after} == after

    pages = [(await explorer.post("node/history", **keys, limit=1)).data]
    pages.append((await explorer.post("node/history", **keys, limit=1, next_token=pages[0]["next_token"])).data)
    (released,), (created,) = (page["items"] for page in pages)
    assert [page["has_more"] for page in pages] == [True, False]
    assert (released["revision"], released["actor"], released["trace_id"]) == (2, after["updated_by"], OWN_TRACE)
    assert {"field": "remaining", "before": 3, "after": 2} in released["changed"]
    assert (created["revision"], created["actor"]) == (1, made["created_by"])
    assert not any("before" in field for field in created["changed"])
    assert not {"revision", "updated_utc"} & {field["field"] for field in created["changed"]}

    touched = await explorer.every(table="*", filter=f"trace:{OWN_TRACE}")
    kinds = sorted(node["metadata"]["entity_type"] for node in touched)
    assert kinds == ["balance", "entry", "reservation"]


async def test_every_kind_has_a_table_and_every_edge_leads_to_a_kind_or_a_hub(explorer: Explorer) -> None:
    schema = (await explorer.get("schema")).data
    tables = {(service["service_code"], table) for service in schema["services"] for table in service["tables"]}
    kinds = {(kind["service_code"], kind["entity_type"]) for kind in schema["entity_types"]}
    assert {(kind["service_code"], kind["table"]) for kind in schema["entity_types"]} == tables
    assert {kind for service, kind in kinds if service == "stack"} == {"facility", "variant", "channel_code"}
    for edge in schema["edges"]:
        assert (edge["from_service"], edge["from_entity"]) in kinds
        for target in edge.get("to_entities") or [edge["to_entity"]]:
            assert (edge["to_service"], target) in kinds, edge


async def test_the_history_of_a_deleted_record_can_still_be_read(explorer: Explorer) -> None:
    zone = (await done(explorer.world, "/ics/zone/create", code="DELETED"))["zone"]
    keys = {"table": "ics_zones", "pk": f"ORG#{ORG}", "sk": f"ZONE#{zone['zone_id']}"}
    explorer.world.operator.collection("ics", "zones").delete_one({"_id": zone["zone_id"]})
    assert (await explorer.post("node/load", **keys)).error == (404, "not-found")
    assert (await explorer.post("node/children", **keys)).error == (404, "not-found")
    (item,) = (await explorer.post("node/history", **keys)).data["items"]
    assert (item["action"], item["revision"]) == ("ics.zone.created", 1)


async def test_a_balance_tells_its_history_by_its_entries(explorer: Explorer) -> None:
    keys = {"table": "ics_balances", "pk": f"ORG#{ORG}", "sk": "ITEM#FAC-A#V-0"}
    balance = (await explorer.post("node/load", **keys)).data["node"]["properties"]
    items = (await explorer.post("node/history", **keys, limit=256)).data["items"]
    now: dict[str, int] = {}
    for item in items:
        assert item["action"] == "ics.entry.recorded"
        for field in item["changed"]:
            # Newest first: what a bucket was before an entry is what the entry before that left.
            assert now.get(field["field"], field["after"]) == field["after"], item
            now[field["field"]] = field["before"]
    assert set(now.values()) == {0}
    newest = {field["field"]: field["after"] for item in reversed(items) for field in item["changed"]}
    assert newest == {bucket: balance[bucket] for bucket in newest}

    entries = await explorer.every(table="ics_entries", filter=f"org:{ORG}", limit=256)
    entry = entries[0]
    (item,) = (await explorer.post("node/history", **ref_of(entry))).data["items"]
    properties = entry["properties"]
    assert (item["action"], item["at_utc"], item["actor"]) == (
        "ics.entry.recorded",
        properties["recorded_utc"],
        properties["recorded_by"],
    )
    told = {field["field"]: field["after"] for field in item["changed"]}
    assert told == {name: properties[name] for name in told}
    assert set(told) == set(properties)
    assert not any("before" in field for field in item["changed"])


async def test_counts_of_tables_follow_every_change_and_the_schema_stays(explorer: Explorer) -> None:
    async def zones() -> int:
        services = (await explorer.get("root/graph")).data["services"]
        return sum(
            table["approximate_count"]
            for service in services
            for table in service["tables"]
            if table["table"] == "ics_zones"
        )

    schema = (await explorer.get("schema")).data
    shop = explorer.world.shop
    # As for a table that is too large to be counted each time.
    with patch.object(collection_sizes, "COUNTED_EACH_TIME_MAX", 0):
        before = await zones()
        for number in range(3):
            status, _, made = await shop.ask("/ics/zone/create", code=f"COUNTED-{number}")
            assert status == 200, made
            assert await zones() == before + number + 1
    assert before + 3 == len(await explorer.every(table="ics_zones", limit=256))
    assert (await explorer.get("schema")).data == schema


@pytest.mark.parametrize("place", [{}, {"pk": f"ORG#{ORG}"}], ids=["table", "partition"])
async def test_paging_visits_each_record_once_while_others_insert(explorer: Explorer, place: dict[str, str]) -> None:
    before = {str(ref_of(node)) for node in await explorer.every(table="ics_zones", **place, limit=256)}
    seen: list[str] = []
    async for page in explorer.pages(table="ics_zones", **place, limit=1):
        seen += [str(ref_of(item["node"])) for item in page["items"]]
        await done(explorer.world, "/ics/zone/create", code=f"MEANWHILE-{len(place)}-{len(seen)}")
    assert len(set(seen)) == len(seen)
    assert before <= set(seen)


async def test_no_row_changes_anything(explorer: Explorer) -> None:
    operator = explorer.world.operator
    await operator.calm()
    before = stored(operator.documents())
    graph = (await explorer.get("root/graph")).data
    assert (await explorer.get("schema")).status == 200
    for table in [each["table"] for service in graph["services"] for each in service["tables"]]:
        for node in (await explorer.every(table=table, limit=256))[:3]:
            for row in ("load", "children", "history", "export"):
                assert (await explorer.post(f"node/{row}", **ref_of(node))).status == 200, (row, node)
    assert stored(operator.documents()) == before


def stored(documents: dict[str, bytes]) -> dict[str, bytes]:
    """The documents, without VisualGrid's own tokens."""
    return {key: document for key, document in documents.items() if "/root_tokens/" not in key}


async def test_each_read_is_one_line_that_names_the_token_by_its_id(explorer: Explorer) -> None:
    zone = ref_of(await explorer.one("ics_zones", explorer.world.zone["zone_id"]))
    rows: Sequence[tuple[str, dict[str, Any]]] = (
        ("root/graph", {}),
        ("node/load", zone),
        ("node/children", zone),
        ("node/history", zone),
        ("node/export", zone),
    )
    with patch.object(reads, "log") as log:
        for row, body in rows:
            assert (await explorer.post(row, **body)).status == 200
        lines = [(call.args, call.kwargs) for call in log.info.call_args_list]
    assert [(args, line["row"]) for args, line in lines] == [(("vg.read",), row) for row, _ in rows]
    for _, line in lines:
        assert set(line) == {"token_id", "row", "table", "pk", "sk", "records"}
        assert line["token_id"] == sha256(explorer.token.encode()).hexdigest()[:16]
        assert line["records"] > 0
    assert explorer.token not in repr(lines)


async def test_credentials_of_the_stack_are_nothing_here(explorer: Explorer) -> None:
    others = {"x-session-guid": "x", "x-api-key": "y", "x-orgcode": "NOBODY01"}
    assert (await explorer.get("schema", headers={"x-vg-token": explorer.token, **others})).status == 200
    session = explorer.world.shop.headers
    assert (await explorer.get("schema", headers=session)).error == (401, "unauthorized")


async def test_only_signing_in_needs_ops(explorer: Explorer) -> None:
    stack = explorer.world.operator.stack
    zone = ref_of(await explorer.one("ics_zones", explorer.world.zone["zone_id"]))
    await stack.stop("ops")
    try:
        assert (await explorer.post("node/load", **zone)).status == 200
        async with Explorer(explorer.world) as other:
            refused = await other.sign_in(CODE)
        assert refused.error == (503, "maintenance-active")
    finally:
        await stack.start("ops")

        async def back() -> bool:
            async with Explorer(explorer.world) as other:
                return (await other.sign_in(CODE)).status == 200

        await until(back, 10, "nobody can sign in again")


async def test_a_hub_and_its_neighbours_take_one_question_to_each_service(explorer: Explorer) -> None:
    with late("nobody") as asked:
        page = (await explorer.post("node/children", **HUB, limit=256)).data
    assert page["items"]
    assert set(asked.values()) == {1}
    # No serial is there: other records name the hub, and none names the other one.
    serials = {"edge": "in", "direction": "in", "entity_type": "serial"}
    assert (await explorer.post("node/children", **HUB, **serials)).data["items"] == []
    for narrowed in ({}, serials):
        nowhere = HUB | {"sk": "FACILITY#NOWHERE"} | narrowed
        assert (await explorer.post("node/children", **nowhere)).error == (404, "not-found")


async def test_a_hub_is_only_missing_if_every_service_says_so(explorer: Explorer) -> None:
    with late("slc"):
        assert (await explorer.post("node/load", **HUB)).status == 200
        unknown = await explorer.post("node/load", **HUB | {"sk": "FACILITY#NOWHERE"})
    assert unknown.error == (503, "maintenance-active")
    assert "slc" in unknown.body["error"]["message"]


@pytest.mark.parametrize(
    ("where", "bound", "value"),
    [(walk, "PER_EDGE_MAX", 1), (export, "EXPORT_SECONDS_MAX", 0.0), (export, "CONTENT_BYTES_MAX", 400)],
    ids=["records of an edge", "time", "bytes"],
)
async def test_an_export_that_leaves_something_out_says_so(
    explorer: Explorer, where: Any, bound: str, value: float
) -> None:
    with patch.object(where, bound, value):
        less = (await explorer.post("node/export", **HUB, depth=1, max_nodes=2000)).data
    whole = (await explorer.post("node/export", **HUB, depth=1, max_nodes=2000)).data
    assert (less["truncated"], whole["truncated"]) == (True, False)
    assert 1 <= less["nodes"] < whole["nodes"]
    assert less["content"]["nodes"][0] == whole["content"]["nodes"][0]
    kept = {str(ref_of(node)) for node in less["content"]["nodes"]}
    for link in less["content"]["links"]:
        assert {str(link["from"]), str(link["to"])} <= kept

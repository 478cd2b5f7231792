"""Walks over the whole graph of a running stack: tables, edges, hubs, exports, and a service that is down."""

import csv
import io
from typing import Any
from xml.etree import ElementTree as ET

from tests.visualgrid.explorer import ORG, TRACE, Explorer, ref_of
from tests.waiting import until


async def test_every_table_lists_to_its_end_and_every_record_loads(explorer: Explorer) -> None:
    graph = (await explorer.get("root/graph")).data
    for table in [each["table"] for service in graph["services"] for each in service["tables"]]:
        nodes = await explorer.every(table=table, limit=256)
        refs = [str(ref_of(node)) for node in nodes]
        assert len(set(refs)) == len(refs), table
        for node in nodes[:2]:
            assert (await explorer.post("node/load", **ref_of(node))).data["node"] == node
            children = await explorer.post("node/children", **ref_of(node))
            assert children.status == 200, (table, children)


async def test_neighbours_carry_their_links_and_the_first_page_the_counts(explorer: Explorer) -> None:
    node = await explorer.one("ics_zones", explorer.world.zone["zone_id"])
    page = (await explorer.post("node/children", **ref_of(node))).data
    hub = next(item for item in page["items"] if item["node"]["metadata"]["entity_type"] == "facility")
    assert hub["link"] == {
        "edge": "in",
        "direction": "out",
        "from": ref_of(node),
        "to": {"table": "stack_facilities", "pk": f"ORG#{ORG}", "sk": "FACILITY#FAC-A"},
    }
    assert {"edge": "in", "direction": "out", "entity_type": "facility", "approximate_count": 1} in page["edges"]
    assert page["unavailable"] == []
    directions = [edge["direction"] for edge in page["edges"]]
    assert directions == sorted(directions, reverse=True), "out before in"


async def test_a_hub_is_surrounded_by_what_names_it_page_by_page(explorer: Explorer) -> None:
    hub = {"table": "stack_facilities", "pk": f"ORG#{ORG}", "sk": "FACILITY#FAC-A"}
    assert (await explorer.post("node/load", **hub)).data["node"]["properties"] == {
        "orgcode": ORG,
        "logical_guid": "FAC-A",
    }
    pages = [page async for page in explorer.pages(**hub, limit=2)]
    items = [item for page in pages for item in page["items"]]
    whole = (await explorer.post("node/children", **hub, limit=256)).data
    assert [item["link"] for item in items] == [item["link"] for item in whole["items"]]
    assert pages[0]["edges"] == whole["edges"]
    assert all(page["edges"] == [] for page in pages[1:])
    counts = sum(edge["approximate_count"] for edge in whole["edges"])
    assert counts == len(whole["items"]) > 4
    assert (await explorer.post("node/history", **hub)).data == {
        "items": [],
        "has_more": False,
        "count": 0,
        "next_token": None,
    }


async def test_neighbours_are_narrowed_by_edge_direction_and_kind(explorer: Explorer) -> None:
    hub = {"table": "stack_facilities", "pk": f"ORG#{ORG}", "sk": "FACILITY#FAC-A"}
    page = (await explorer.post("node/children", **hub, entity_type="zone", direction="in", edge="in")).data
    assert {item["node"]["metadata"]["entity_type"] for item in page["items"]} == {"zone"}
    assert [edge["entity_type"] for edge in page["edges"]] == ["zone"]
    for wrong in ({"edge": "no-such"}, {"entity_type": "org"}, {"direction": "out"}):
        assert (await explorer.post("node/children", **hub, **wrong)).error == (400, "invalid-input"), wrong


async def whole_export(explorer: Explorer, **body: Any) -> dict[str, Any]:
    """An export to which every service contributed. A service on a busy machine may miss the second that it has, which
    the answer says; then it is asked for again."""

    async def whole() -> dict[str, Any] | None:
        reply = await explorer.post("node/export", **body)
        if reply.status == 503:
            return None
        data: dict[str, Any] = reply.data
        return None if data["unavailable"] else data

    found: dict[str, Any] = await until(whole, 10, "some service never answers in time")
    return found


async def test_exports_agree_in_all_formats(explorer: Explorer) -> None:
    node = await explorer.one("ics_promises", explorer.world.reservation["reservation_id"], "reservation")
    made = {
        name: await whole_export(explorer, **ref_of(node), format=name, depth=2, include_history=True)
        for name in ("json", "cytoscape", "csv", "graphml")
    }
    counts = {(each["nodes"], each["links"], each["truncated"]) for each in made.values()}
    assert len(counts) == 1
    nodes, links, _ = counts.pop()
    assert (len(made["json"]["content"]["nodes"]), len(made["json"]["content"]["links"])) == (nodes, links)
    assert nodes > 3
    assert made["json"]["content"]["nodes"][0]["history"]
    elements = made["cytoscape"]["content"]["elements"]
    ids = {each["data"]["id"] for each in elements["nodes"]}
    assert all({each["data"]["source"], each["data"]["target"]} <= ids for each in elements["edges"])
    rows = list(csv.DictReader(io.StringIO(made["csv"]["content"])))
    assert [row["row"] for row in rows] == ["node"] * nodes + ["link"] * links
    assert {row["id"] for row in rows if row["row"] == "node"} == ids
    tree = ET.fromstring(made["graphml"]["content"])  # noqa: S314  it is our own
    space = "{http://graphml.graphdrawing.org/xmlns}"
    assert {each.get("id") for each in tree.iter(f"{space}node")} == ids
    assert len(list(tree.iter(f"{space}edge"))) == links


async def test_an_export_stays_within_its_bounds(explorer: Explorer) -> None:
    node = await explorer.one("ics_zones", explorer.world.zone["zone_id"])
    alone = await whole_export(explorer, **ref_of(node), depth=0)
    few = await whole_export(explorer, **ref_of(node), depth=3, max_nodes=3)
    assert (alone["nodes"], alone["links"], alone["truncated"]) == (1, 0, False)
    assert (few["nodes"], few["truncated"]) == (3, True)
    assert few == await whole_export(explorer, **ref_of(node), depth=3, max_nodes=3)
    for wrong in ({"max_nodes": 2001}, {"max_nodes": 0}, {"depth": 4}, {"format": "xml"}):
        assert (await explorer.post("node/export", **ref_of(node), **wrong)).error == (400, "invalid-input")


async def test_one_service_down_leaves_the_rest(explorer: Explorer) -> None:
    stack = explorer.world.operator.stack
    zone = ref_of(await explorer.one("ics_zones", explorer.world.zone["zone_id"]))
    hub = {"table": "stack_facilities", "pk": f"ORG#{ORG}", "sk": "FACILITY#FAC-A"}
    await stack.stop("pmc")
    try:
        graph = (await explorer.get("root/graph")).data
        down = next(service for service in graph["services"] if service["service_code"] == "pmc")
        assert not down["available"]
        assert down["tables"]
        assert not any(table["available"] for table in down["tables"])

        refused = await explorer.post("node/children", table=down["tables"][0]["table"])
        assert refused.error == (503, "maintenance-active")
        assert "pmc" in refused.body["error"]["message"]
        assert refused.headers["Retry-After"]
        assert (await explorer.post("node/load", **zone)).status == 200
        assert (await explorer.post("node/children", **hub)).status == 200
        found = (await explorer.post("node/children", table="*", filter=f"trace:{TRACE}")).data
        assert found["unavailable"] == ["pmc"]
    finally:
        await stack.start("pmc")

    async def back() -> bool:
        graph = (await explorer.get("root/graph")).data
        return all(service["available"] for service in graph["services"])

    await until(back, 5, "pmc is not seen again")

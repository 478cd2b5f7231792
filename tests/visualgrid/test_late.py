"""A service that misses its second once: what it did not answer is read once more behind the end of a listing."""

from typing import Any

import pytest

from tests.visualgrid.explorer import ORG, TRACE, Explorer, ref_of
from tests.visualgrid.lateness import late

HUB = {"table": "stack_facilities", "pk": f"ORG#{ORG}", "sk": "FACILITY#FAC-A"}


def told(pages: list[dict[str, Any]]) -> list[Any]:
    """The items of pages, in an order of their own."""
    items = [item for page in pages for item in page["items"]]
    return sorted((str(item.get("link")), str(ref_of(item["node"]))) for item in items)


def missed(pages: list[dict[str, Any]]) -> set[str]:
    """The services that some page says are unavailable."""
    return {service for page in pages for service in page["unavailable"]}


async def walk(explorer: Explorer, **body: Any) -> list[dict[str, Any]]:
    """All pages of a listing."""
    return [page async for page in explorer.pages(**body)]


async def test_a_walk_around_a_hub_misses_nothing_of_a_service_that_is_late_once(explorer: Explorer) -> None:
    whole = await walk(explorer, **HUB, limit=256)
    # Where the first question of all is late, nothing tells whether the hub is there.
    for number in range(2, 10):
        with late("ics", number):
            pages = await walk(explorer, **HUB, limit=2)
        assert told(pages) == told(whole), number
        assert missed(pages) == {"ics"}, number


@pytest.mark.parametrize("service", ["gateway", "ics", "slc"])
async def test_a_search_of_all_tables_misses_nothing_of_a_service_that_is_late_once(
    explorer: Explorer, service: str
) -> None:
    asked: dict[str, Any] = {"table": "*", "filter": f"trace:{TRACE}", "limit": 1}
    whole = await walk(explorer, **asked)
    with late(service, 1):
        pages = await walk(explorer, **asked)
    assert told(pages) == told(whole) != []
    assert missed(pages) == {service}


async def test_a_service_that_stays_away_costs_one_page_and_is_named(explorer: Explorer) -> None:
    whole = await walk(explorer, **HUB, limit=256)
    with late("slc"):
        pages = await walk(explorer, **HUB, limit=256)
    assert [(len(page["items"]), page["unavailable"]) for page in pages] == [
        (len(whole[0]["items"]), ["slc"]),
        (0, ["slc"]),
    ]
    assert not any(edge["entity_type"] == "channel" for edge in pages[0]["edges"])


async def test_a_record_that_changes_between_two_pages_is_listed_on(explorer: Explorer) -> None:
    """A count plan covers zones by a list in it, which the token of a page within the list is bound to."""
    shop = explorer.world.shop
    zones = await explorer.every(table="ics_zones")
    ids = [zone["properties"]["zone_id"] for zone in zones]
    status, _, made = await shop.ask("/ics/count/plan/set", code="ROUND", zone_ids=ids[:2])
    assert status == 200, made
    plan = made["data"]["plan"]
    node = ref_of(await explorer.one("ics_count_plans", plan["plan_id"]))
    asked: dict[str, Any] = {**node, "edge": "covers_zone", "limit": 1}
    first = (await explorer.post("node/children", **asked)).data

    status, _, _ = await shop.ask(
        "/ics/count/plan/set", code="ROUND", expected_revision=plan["revision"], zone_ids=ids[:3]
    )
    assert status == 200
    rest = await walk(explorer, **asked, next_token=first["next_token"])

    seen = {item["node"]["properties"]["zone_id"] for page in [first, *rest] for item in page["items"]}
    assert seen == set(ids[:3])


async def test_an_export_says_what_a_late_service_left_out(explorer: Explorer) -> None:
    zone = ref_of(await explorer.one("ics_zones", explorer.world.zone["zone_id"]))
    whole = (await explorer.post("node/export", **zone, depth=1)).data
    with late("ics", 2):
        less = (await explorer.post("node/export", **zone, depth=1)).data
    assert (whole["truncated"], less["truncated"], less["unavailable"]) == (False, True, ["ics"])
    assert less["nodes"] <= whole["nodes"]

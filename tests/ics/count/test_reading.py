"""Counts as get and list show them."""

from typing import Any

from chassis.clock import FixedClock
from chassis.testing.client import ServiceClient
from services.ics.count.store import COUNTS
from tests.ics.crowds import crowd_like, walked
from tests.ics.floor import Floor
from tests.ics.given import an_id

CROWD = 2_500
_WITHOUT = {"lines", "entry_ids"}


def head(count: dict[str, Any]) -> dict[str, Any]:
    """What a list shows of a count."""
    shown = {name: value for name, value in count.items() if name not in _WITHOUT}
    return {**shown, "line_count": len(count["lines"])}


async def test_counts_are_found_by_each_filter_and_shown_without_their_lines(ics: ServiceClient) -> None:
    floor = Floor(ics, "V-1")
    zone = (await floor.do("/zone/create", code="Z-1"))["zone"]["zone_id"]
    other_zone = (await floor.do("/zone/create", code="Z-2"))["zone"]["zone_id"]
    await floor.stocked(5, zone_id=zone)
    plan = (await floor.do("/count/plan/set", code="WEEKLY", zone_ids=[zone]))["plan"]
    planned = (await floor.do("/count/create", plan_id=plan["plan_id"]))["count"]
    lines = [{"variant_id": "V-1", "zone_id": other_zone}, {"variant_id": "V-2", "zone_id": zone}]
    mixed = (await floor.do("/count/create", lines=lines))["count"]
    asked = {"count_id": mixed["count_id"], "expected_revision": 1}
    counted = [{"line_no": 1, "counted": 0}, {"line_no": 2, "counted": 3}]
    mixed = (await floor.do("/count/submit", **asked, lines=counted))["count"]

    assert (await floor.do("/count/get", count_id=planned["count_id"]))["count"] == planned, "blind: nothing expected"
    assert planned["lines"][0]["expected"] is None
    assert (await floor.do("/count/get", count_id=mixed["count_id"]))["count"] == mixed
    assert await walked(ics, "/count/list") == [head(mixed), head(planned)], "newest first"
    for filters, found in (
        ({"status": "submitted"}, [mixed]),
        ({"plan_id": plan["plan_id"]}, [planned]),
        ({"plan_id": plan["plan_id"], "status": "submitted"}, []),
        ({"variant_id": "V-1"}, [mixed, planned]),
        ({"variant_id": "V-2"}, [mixed]),
        ({"zone_id": other_zone}, [mixed]),
        ({"variant_id": "V-1", "zone_id": zone}, [planned]),
        ({"variant_id": "V-2", "zone_id": other_zone}, []),
        ({"logical_guid": "FAC-B"}, []),
    ):
        assert await walked(ics, "/count/list", **filters) == [head(each) for each in found], filters
    assert (await ics.post("/count/get", count_id=an_id())).status == 404


async def test_the_approvers_queue_is_found_among_thousands(ics: ServiceClient, clock: FixedClock) -> None:
    floor = Floor(ics, "V-1")
    waiting = (await floor.do("/count/create", lines=[{"variant_id": "V-1"}]))["count"]
    asked = {"count_id": waiting["count_id"], "expected_revision": 1, "lines": [{"line_no": 1, "counted": 2}]}
    waiting = (await floor.do("/count/submit", **asked))["count"]
    done = (await floor.do("/count/create", lines=[{"variant_id": "V-2"}]))["count"]
    named = {"count_id": done["count_id"], "expected_revision": 1, "reason": "never mind"}
    done = (await floor.do("/count/reject", **named))["count"]
    crowd = await crowd_like(ics, COUNTS, done["count_id"], CROWD, now=clock.now())

    assert await walked(ics, "/count/list", status="submitted") == [head(waiting)]
    assert await walked(ics, "/count/list", variant_id="V-1") == [head(waiting)]
    everything = await walked(ics, "/count/list", limit=256)
    assert [each["count_id"] for each in everything] == [*reversed(crowd), done["count_id"], waiting["count_id"]]


async def test_a_taken_position_names_the_count_and_the_line_that_have_it(ics: ServiceClient) -> None:
    floor = Floor(ics, "V-1")
    zone = (await floor.do("/zone/create", code="Z-1"))["zone"]["zone_id"]
    lines: list[dict[str, Any]] = [{"variant_id": "V-1"}, {"variant_id": "V-1", "zone_id": zone}]
    first = (await floor.do("/count/create", lines=lines))["count"]

    refused = await floor.ask("/count/create", lines=[{"variant_id": "V-2"}, lines[1]])
    assert (refused.status, refused.error_code) == (409, "ics.conflict")
    assert refused.details == {"count_id": first["count_id"], "line_no": 2}

    second = (await floor.do("/count/create", lines=[{"variant_id": "V-2"}]))["count"]
    added = [{"line_no": 1, "counted": 1}, {**lines[0], "counted": 1}]
    refused = await floor.ask("/count/submit", count_id=second["count_id"], expected_revision=1, lines=added)
    assert (refused.status, refused.details) == (409, {"count_id": first["count_id"], "line_no": 1})

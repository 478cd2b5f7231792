"""Zones and bins get other names, purposes and capacities."""

import asyncio
from typing import Any

import pytest

from chassis.caller import SYSTEM, Call
from chassis.clock import FixedClock
from chassis.testing.client import ServiceClient
from services.ics.ledger import places
from services.ics.ledger.jobs import AuditAnswer, AuditParams, audit_ledger
from tests.ics.floor import Floor
from tests.waiting import until

Record = dict[str, Any]


async def zone_of(floor: Floor, code: str, purpose: str) -> Record:
    zone: Record = (await floor.do("/zone/create", code=code, purpose=purpose, name="First"))["zone"]
    return zone


async def update(floor: Floor, record: Record, **body: Any) -> Record:
    """The zone or bin after an update."""
    noun = "bin" if "bin_id" in record else "zone"
    named = {f"{noun}_id": record[f"{noun}_id"], "expected_revision": record["revision"]}
    changed: Record = (await floor.do(f"/{noun}/update", **named, **body))[noun]
    return changed


async def audited(ics: ServiceClient) -> list[Any]:
    """What the audit of the org finds wrong."""
    runtime = ics.application.runtime
    call = Call(caller=SYSTEM, name="job", request_id="job", started_utc=runtime.clock.now())
    assert ics.caller is not None
    answer = await audit_ledger(runtime.units, call, AuditParams(orgcode=ics.caller.orgcode))
    assert isinstance(answer, AuditAnswer)
    return list(answer.differences)


async def test_a_zone_gets_another_name_and_purpose_and_keeps_its_code(ics: ServiceClient) -> None:
    floor = Floor(ics, "V")
    zone = await zone_of(floor, "Z-1", "storage")
    ics.events.clear()

    named = await update(floor, zone, name="Second", purpose="pick")
    cleared = await update(floor, named, clear=["name"])

    assert (named["name"], named["purpose"], named["code"], named["revision"]) == ("Second", "pick", "Z-1", 2)
    assert (cleared["name"], cleared["purpose"]) == (None, "pick")
    assert ics.events == ["ics.zone.updated"] * 2
    assert (await floor.do("/zone/get", zone_id=zone["zone_id"]))["zone"] == cleared


async def test_what_is_neither_given_nor_cleared_or_both_is_refused(ics: ServiceClient) -> None:
    floor = Floor(ics, "V")
    zone = await zone_of(floor, "Z-1", "storage")
    place = (await floor.do("/bin/create", zone_id=zone["zone_id"], code="B-1"))["bin"]
    for path, record, body, field in (
        ("/zone/update", zone, {}, "name"),
        ("/zone/update", zone, {"name": "N", "clear": ["name"]}, "name"),
        ("/zone/update", zone, {"clear": ["purpose"]}, "clear.0"),
        ("/bin/update", place, {}, "name"),
        ("/bin/update", place, {"capacity": 1, "clear": ["capacity"]}, "capacity"),
        ("/bin/update", place, {"clear": ["name", "name"]}, "clear"),
    ):
        named = {key: record[key] for key in ("bin_id", "zone_id") if key in record and key.startswith(path[1:4])}
        refused = await floor.ask(path, **named, expected_revision=1, **body)
        assert (refused.status, list(refused.problems)) == (400, [field]), (path, body)


async def test_a_new_purpose_changes_the_draw_order_from_now_on(ics: ServiceClient) -> None:
    floor = Floor(ics, "V")
    await floor.policy(qc="skip")
    first, second = await zone_of(floor, "A", "storage"), await zone_of(floor, "B", "storage")
    for zone in (first, second):
        await floor.stocked(5, zone_id=zone["zone_id"])
    promised = await floor.reserve(1)
    assert [each["zone_id"] for each in promised["positions"]] == [first["zone_id"]]

    await update(floor, second, purpose="pick")

    drawn = await floor.reserve(1)
    assert [each["zone_id"] for each in drawn["positions"]] == [second["zone_id"]]
    shown = (await floor.do("/reservation/get", reservation_id=promised["reservation_id"]))["reservation"]
    assert shown == promised, "what is promised stays where it is"


async def test_more_items_than_a_transaction_changes_get_the_purpose_by_and_by(
    ics: ServiceClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(places, "ITEMS_MAX", 2)
    floors = [Floor(ics, f"V-{number}") for number in range(5)]
    zones = [await zone_of(floors[0], code, "storage") for code in ("A", "B")]
    for floor in floors:
        await floor.policy(qc="skip")
        for zone in zones:
            await floor.stocked(5, zone_id=zone["zone_id"])

    await update(floors[0], zones[1], purpose="pick")

    async def everywhere() -> bool:
        asked = [{"variant_id": floor.variant_id, "quantity": 1} for floor in floors]
        suggested = (await floors[0].do("/allocation/suggest", lines=asked))["lines"]
        drawn = {each["parts"][0]["positions"][0]["zone_id"] for each in suggested}
        return drawn == {zones[1]["zone_id"]}

    await until(everywhere, 10, "the positions do not get the new purpose")


async def test_a_capacity_counts_what_is_in_the_bin_already(ics: ServiceClient) -> None:
    one, two = Floor(ics, "V-1"), Floor(ics, "V-2")
    zone = await zone_of(one, "Z-1", "storage")
    place = (await one.do("/bin/create", zone_id=zone["zone_id"], code="B-1"))["bin"]
    for floor in (one, two):
        await floor.policy(qc="skip")
        await floor.stocked(5, bin_id=place["bin_id"])
    ics.events.clear()

    limited = await update(one, place, capacity=11)

    assert (limited["capacity"], ics.events) == (11, ["ics.bin.updated"])
    await one.stocked(1, bin_id=place["bin_id"])
    line = {"variant_id": "V-2", "quantity": 1, "bin_id": place["bin_id"]}
    full = await two.ask("/receive/record", lines=[line])
    assert (full.status, full.details["status"]) == (409, "full")
    smaller = await update(one, limited, capacity=3)
    assert (await two.ask("/receive/record", lines=[line])).status == 409, "it holds more than that"
    await two.do("/adjustment/create", variant_id="V-2", delta=-5, reason_code="loss", bin_id=place["bin_id"])
    await one.do("/adjustment/create", variant_id="V-1", delta=-4, reason_code="loss", bin_id=place["bin_id"])
    await two.stocked(1, bin_id=place["bin_id"])
    open_again = await update(one, smaller, clear=["capacity", "name"])
    assert open_again["capacity"] is None
    await two.stocked(50, bin_id=place["bin_id"], lot_code="L")
    assert await audited(ics) == []
    await update(one, open_again, capacity=54)
    await one.stocked(1, bin_id=place["bin_id"])
    assert (await two.ask("/receive/record", lines=[line])).details["status"] == "full"
    assert await audited(ics) == []


async def test_a_bin_with_many_variants_is_counted_in_bites(
    ics: ServiceClient, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(places, "ITEMS_MAX", 3)
    floor = Floor(ics, "V-0")
    zone = await zone_of(floor, "Z-1", "storage")
    place = (await floor.do("/bin/create", zone_id=zone["zone_id"], code="B-1"))["bin"]
    await floor.do("/stock/policy/set", qc="skip")
    floors = [Floor(ics, f"V-{number}") for number in range(10)]
    for each in floors:
        await each.stocked(2, bin_id=place["bin_id"])

    capped, *_ = await asyncio.gather(
        update(floor, place, capacity=25), *(each.receive(1, bin_id=place["bin_id"]) for each in floors[:5])
    )

    assert capped["capacity"] == 25
    line = {"variant_id": "V-9", "quantity": 1, "bin_id": place["bin_id"]}
    full = await floor.ask("/receive/record", lines=[line])
    assert (full.status, full.details["status"]) == (409, "full")
    assert await audited(ics) == []

import asyncio
import json
from typing import Any

from chassis.clock import FixedClock
from chassis.mongo.eventlog import EVENTS
from chassis.testing.client import ServiceClient
from tests.ics.floor import Floor
from tests.ics.given import an_id


async def test_a_reservation_names_what_it_is_for_and_how_long_it_lasts(ics: ServiceClient, clock: FixedClock) -> None:
    floor = Floor(ics, "VAR-1")
    await floor.stocked(10)
    ics.events.clear()

    made = await floor.reserve(4, demand_type="order", demand_ref="basket 7")

    assert (made["quantity"], made["remaining"], made["status"], made["revision"]) == (4, 4, "active", 1)
    assert (made["demand_type"], made["demand_ref"], made["channel_code"]) == ("order", "basket 7", "WEB")
    assert made["positions"] == [{"zone_id": None, "bin_id": None, "lot_code": None, "stage": None, "quantity": 4}]
    assert made["expires_utc"][:16] == "2026-03-02T12:15"
    assert ics.events == ["ics.reservation.created", "ics.stock.changed"]


async def test_a_promise_without_a_channel_is_refused(ics: ServiceClient) -> None:
    answer = await ics.post("/reservation/create", variant_id="VAR-1", quantity=1)
    assert (answer.status, list(answer.problems)) == (400, ["channel_code"])


async def test_what_is_promised_beyond_the_last_unit_is_refused_and_leaves_no_trace(ics: ServiceClient) -> None:
    floor = Floor(ics, "VAR-1")
    await floor.stocked(3)
    before, told = await floor.stock(), list(ics.events)

    answer = await floor.ask("/reservation/create", variant_id="VAR-1", quantity=4, channel_code="WEB")

    assert (answer.status, answer.tag, answer.error["retryable"]) == (409, "invalid-state", False)
    assert answer.details["shortages"][0] | {"logical_guid": "", "variant_id": ""} == {
        "logical_guid": "",
        "variant_id": "",
        "bucket": "available",
        "requested": 4,
        "available": 3,
    }
    assert await floor.stock() == before
    assert ics.events == told


async def test_of_two_who_name_the_same_revision_one_succeeds(ics: ServiceClient) -> None:
    floor = Floor(ics, "VAR-1")
    await floor.stocked(10)
    made = await floor.reserve(4)
    release = {"reservation_id": made["reservation_id"], "expected_revision": 1, "quantity": 1}

    answers = await asyncio.gather(*(floor.ask("/reservation/release", **release) for _ in range(2)))

    assert sorted(answer.status for answer in answers) == [200, 409]
    (stale,) = [answer for answer in answers if answer.status == 409]
    assert (stale.error_code, stale.details) == ("ics.revision_conflict", {"current_revision": 2})


async def test_a_release_without_a_revision_is_told_the_current_one(ics: ServiceClient) -> None:
    floor = Floor(ics, "VAR-1")
    await floor.stocked(10)
    made = await floor.reserve(4)

    answer = await floor.ask("/reservation/release", reservation_id=made["reservation_id"])

    assert (answer.status, answer.details) == (428, {"current_revision": 1})


async def test_a_reservation_of_another_facility_is_not_found(ics: ServiceClient) -> None:
    floor = Floor(ics, "VAR-1")
    await floor.stocked(10)
    made = await floor.reserve(4)
    named = {"reservation_id": made["reservation_id"]}

    assert (await ics.in_facility("FAC-B").post("/reservation/release", **named)).status == 404
    assert (await ics.post("/reservation/release", reservation_id=an_id(), expected_revision=1)).status == 404


async def test_more_than_remains_cannot_be_released_and_nothing_twice(ics: ServiceClient) -> None:
    floor = Floor(ics, "VAR-1")
    await floor.stocked(10)
    named: dict[str, Any] = {"reservation_id": (await floor.reserve(4))["reservation_id"]}

    more = await floor.ask("/reservation/release", **named, expected_revision=1, quantity=5)
    done = (await floor.do("/reservation/release", **named, expected_revision=1))["reservation"]
    again = await floor.ask("/reservation/release", **named, expected_revision=2)

    assert (more.status, more.error_code) == (409, "ics.conflict_state")
    assert (done["status"], done["released"], done["positions"]) == ("released", 4, [])
    assert (again.status, again.details) == (409, {"status": "released"})


async def test_the_next_promise_gets_what_is_overdue(ics: ServiceClient, clock: FixedClock) -> None:
    floor = Floor(ics, "VAR-1")
    await floor.stocked(5)
    first = await floor.reserve(3, ttl_seconds=60)
    second = await floor.reserve(2, ttl_seconds=90)
    clock.advance(70)
    ics.events.clear()

    third = await floor.reserve(3)

    assert ics.events == ["ics.reservation.expired", "ics.reservation.created"]
    lapsed = await floor.cards(document_id=first["reservation_id"], kind="expire")
    assert [(entry["quantity"], entry["recorded_by"]) for entry in lapsed] == [(3, "system")]
    (made,) = await floor.cards(document_id=third["reservation_id"])
    assert lapsed[0]["operation_id"] != made["operation_id"]
    gone = await floor.ask("/reservation/release", reservation_id=first["reservation_id"])
    assert gone.details == {"current_revision": 2}
    kept = await floor.ask("/reservation/release", reservation_id=second["reservation_id"])
    assert kept.details == {"current_revision": 1}


async def test_what_lapses_is_changed_and_told_of_in_the_systems_name(ics: ServiceClient, clock: FixedClock) -> None:
    floor = Floor(ics, "VAR-1")
    await floor.stocked(5)
    first = await floor.reserve(3, ttl_seconds=60)
    clock.advance(60 * 60)
    await floor.reserve(1)

    events = ics.application.runtime.database.collection(EVENTS.collection)
    assert ics.caller is not None
    told = await events.find({"orgcode": ics.caller.orgcode, "subject": first["reservation_id"]})
    (lapsed,) = [each for each in told if each["type"] == "ics.reservation.expired"]
    body = json.loads(lapsed["body"])
    assert (lapsed["actor"], body["actor"], body["reservation"]["updated_by"]) == ("system",) * 3
    assert body["reservation"]["created_by"] == ics.caller.actor


async def test_reading_lets_nothing_lapse(ics: ServiceClient, clock: FixedClock) -> None:
    floor = Floor(ics, "VAR-1")
    await floor.stocked(5)
    await floor.reserve(3, ttl_seconds=60)
    clock.advance(61)
    ics.events.clear()

    assert await floor.promisable() == 5
    assert (await floor.stock())["buckets"]["reserved"] == 3
    assert ics.events == []


async def test_the_same_key_promises_once(ics: ServiceClient) -> None:
    floor = Floor(ics, "VAR-1")
    await floor.stocked(5)
    body = {"variant_id": "VAR-1", "quantity": 2, "channel_code": "WEB", "idempotency_key": "basket-1"}

    first = await floor.ask("/reservation/create", **body)
    again = await floor.ask("/reservation/create", **body)

    assert (first.status, again.status) == (200, 200)
    assert first.data == again.data
    assert (await floor.stock())["buckets"]["reserved"] == 2


async def test_several_at_once_never_promise_more_than_there_is(ics: ServiceClient) -> None:
    floor = Floor(ics, "VAR-1")
    await floor.stocked(25)
    body = {"variant_id": "VAR-1", "channel_code": "WEB"}

    answers = await asyncio.gather(
        *(floor.ask("/reservation/create", **body, quantity=1 + number % 3) for number in range(60))
    )

    promised = sum(answer.data["reservation"]["quantity"] for answer in answers if answer.status == 200)
    assert promised <= 25
    assert (await floor.stock())["buckets"]["reserved"] == promised
    assert {answer.error_code for answer in answers if answer.status != 200} == {"ics.insufficient_stock"}


async def test_a_fill_serves_commits_first_and_then_whoever_promised_first(ics: ServiceClient) -> None:
    floor = Floor(ics, "VAR-1")
    await floor.policy(qc="skip", backorder_limit=6)
    zone = (await floor.do("/zone/create", code="PCK", purpose="pick"))["zone"]["zone_id"]
    first = await floor.reserve(2)
    second = await floor.reserve(2)
    commit = await floor.commit(2)

    await floor.receive(5, zone_id=zone)

    assert await floor.at("committed", zone_id=zone, held_by_id=commit["commit_id"]) == 2
    assert await floor.at("reserved", zone_id=zone, held_by_id=first["reservation_id"]) == 2
    assert await floor.at("reserved", zone_id=zone, held_by_id=second["reservation_id"]) == 1
    assert await floor.at("available", zone_id=None) == -1
    repins = await floor.cards(kind="repin")
    assert len(repins) == 6
    assert {entry["document_type"] for entry in repins} == {"receive"}

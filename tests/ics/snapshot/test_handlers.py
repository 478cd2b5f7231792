"""Snapshots through the endpoints: rows that anyone can check by replaying the cards, whatever goes on meanwhile."""

import asyncio
from collections import Counter
from contextlib import suppress
from typing import Any

import psutil
import pytest

from chassis.caller import SYSTEM, Call
from chassis.clock import FixedClock
from chassis.jobs.declaration import NoParams
from chassis.testing.client import ServiceClient
from services.ics.snapshot import building, jobs, partition, reading
from services.ics.snapshot.jobs import snapshot_build
from services.ics.snapshot.store import BUILDS, PARTS
from tests.ics.floor import Floor
from tests.ics.given import an_id
from tests.waiting import within

ACCOUNT = ("bucket", "zone_id", "bin_id", "lot_code", "stage", "held_by_type", "held_by_id")


async def rows_of(ics: ServiceClient, snapshot: Any, *, limit: int = 256, **filters: Any) -> list[dict[str, Any]]:
    """All rows of a snapshot, page by page."""
    found: list[dict[str, Any]] = []
    token: dict[str, Any] = {}
    while True:
        answer = await ics.plain.post(
            "/snapshot/detail", snapshot_id=snapshot["snapshot_id"], limit=limit, **filters, **token
        )
        assert answer.status == 200, answer
        found += answer.data["items"]
        if answer.data["next_token"] is None:
            return found
        assert answer.data["count"] == limit
        token = {"next_token": answer.data["next_token"]}


async def taken(ics: ServiceClient, **body: Any) -> Any:
    """A snapshot."""
    answer = await ics.plain.post("/snapshot/create", **body)
    assert answer.status == 200, answer
    return answer.data["snapshot"]


async def check_replay(ics: ServiceClient, rows: list[dict[str, Any]]) -> None:
    """Invariants 1 and 2: an item's rows are what its cards add up to at their seq, and a variant's add up to 0."""
    stock = [row for row in rows if row["kind"] == "stock"]
    for facility, variant in {(row["logical_guid"], row["variant_id"]) for row in stock}:
        own = [row for row in stock if (row["logical_guid"], row["variant_id"]) == (facility, variant)]
        (seq,) = {row["seq"] for row in own}
        replayed: Counter[tuple[Any, ...]] = Counter()
        for card in await Floor(ics, variant).cards(logical_guid=facility, to_seq=seq):
            for side, sign in ((card["from_account"], -1), (card["to_account"], 1)):
                if side["kind"] == "stock" and side["logical_guid"] == facility:
                    replayed[tuple(side[name] for name in ACCOUNT)] += sign * card["quantity"]
        assert {tuple(row[name] for name in ACCOUNT): row["quantity"] for row in own} == {
            account: units for account, units in replayed.items() if units
        }
    totals: Counter[str] = Counter()
    for row in rows:
        totals[row["variant_id"]] += row["quantity"]
    if any(row["kind"] == "external" for row in rows):
        assert not any(totals.values()), totals


async def a_busy_floor(ics: ServiceClient) -> tuple[Floor, str, str]:
    """Two facilities with something in every bucket that one call away from it."""
    floor = Floor(ics, "VAR-1")
    zone = (await floor.do("/zone/create", code="PCK", purpose="pick"))["zone"]["zone_id"]
    place = (await floor.do("/bin/create", zone_id=zone, code="B-01"))["bin"]["bin_id"]
    await floor.receive(30, bin_id=place)
    await floor.policy(qc="skip", backorder_limit=5)
    await floor.stocked(40, bin_id=place)
    await floor.stocked(10, zone_id=zone)
    await floor.stocked(9)
    await floor.reserve(5)
    commit = await floor.commit(6)
    named = {"commit_id": commit["commit_id"]}
    await floor.do("/pick/record", **named, expected_revision=1, quantity=4)
    await floor.do("/pack/record", **named, expected_revision=2, quantity=2)
    await floor.do("/ship/record", **named, expected_revision=3, quantity=1)
    await floor.do(
        "/adjustment/create", variant_id="VAR-1", delta=-2, counter_account="scrap", reason_code="damage", bin_id=place
    )
    await Floor(ics, "VAR-2").receive(7, lot_code="L-1", expiry_date="2031-01-01")
    there = Floor(ics.in_facility("FAC-B"), "VAR-1")
    await there.receive(3)
    return floor, zone, place


async def test_rows_are_what_the_cards_add_up_to(ics: ServiceClient) -> None:
    floor, zone, place = await a_busy_floor(ics)

    snapshot = await taken(ics, name="now")
    rows = await rows_of(ics, snapshot, level="position", include_external=True)

    assert (snapshot["status"], snapshot["name"], snapshot["logical_guid"], snapshot["revision"]) == (
        "ready",
        "now",
        None,
        1,
    )
    stock = [row for row in rows if row["kind"] == "stock"]
    assert snapshot["row_count"] == len(stock)
    assert snapshot["on_hand"] == sum(row["quantity"] for row in stock)
    await check_replay(ics, rows)
    outside = {(row["variant_id"], row["external"]): row["quantity"] for row in rows if row["kind"] == "external"}
    assert outside == {
        ("VAR-1", "customer"): 1,
        ("VAR-1", "scrap"): 2,
        ("VAR-1", "supplier"): -92,
        ("VAR-2", "supplier"): -7,
    }
    assert list(outside) == sorted(outside)
    items = [(row["logical_guid"], row["variant_id"]) for row in stock]
    assert items == sorted(items)
    shown = (await floor.stock())["positions"]
    assert [{name: row[name] for name in (*ACCOUNT, "quantity")} for row in stock if row["variant_id"] == "VAR-1"][
        : len(shown)
    ] == shown
    assert await rows_of(ics, snapshot, level="position", include_external=True, limit=1) == rows

    await floor.stocked(100, bin_id=place)
    assert await rows_of(ics, snapshot, level="position", include_external=True) == rows
    del zone


async def test_the_bucket_level_adds_up_places_and_holders(ics: ServiceClient) -> None:
    floor, _, _ = await a_busy_floor(ics)
    snapshot = await taken(ics)

    rows = await rows_of(ics, snapshot)

    own = [row for row in rows if (row["logical_guid"], row["variant_id"]) == ("FAC-A", "VAR-1")]
    buckets = (await floor.stock())["buckets"]
    assert {row["bucket"]: row["quantity"] for row in own} == {name: units for name, units in buckets.items() if units}
    assert all(row[name] is None for row in rows for name in ACCOUNT[1:])
    assert not [row for row in rows if row["kind"] == "external"]


@pytest.mark.parametrize(
    "filters",
    [
        {"logical_guid": "FAC-B"},
        {"variant_id": "VAR-1"},
        {"bucket": "reserved"},
        {"variant_id": "VAR-2", "bucket": "quarantine", "logical_guid": "FAC-A"},
        {"variant_id": "VAR-0"},
        {"bucket": "in_transit"},
    ],
)
@pytest.mark.parametrize("level", ["bucket", "position"])
async def test_filters_leave_only_what_fits(
    ics: ServiceClient, monkeypatch: pytest.MonkeyPatch, level: str, filters: dict[str, Any]
) -> None:
    monkeypatch.setattr(partition, "PART_ITEMS", 1)
    await a_busy_floor(ics)
    snapshot = await taken(ics)
    everything = await rows_of(ics, snapshot, level=level, include_external=True)

    found = await rows_of(ics, snapshot, level=level, include_external=True, limit=1, **filters)

    fitting = [row for row in everything if all(row[name] == value for name, value in filters.items())]
    assert found == fitting


async def test_a_scope_leaves_the_rest_out(ics: ServiceClient) -> None:
    await a_busy_floor(ics)
    one = await taken(ics, logical_guid="FAC-B")
    some = await taken(ics, variant_ids=["VAR-2", "VAR-9", "VAR-2"])
    both = await taken(ics, logical_guid="FAC-A", variant_ids=["VAR-2"])

    assert {row["logical_guid"] for row in await rows_of(ics, one, include_external=True)} == {"FAC-B"}
    rows = await rows_of(ics, some, include_external=True)
    assert {(row["kind"], row["variant_id"]) for row in rows} == {("stock", "VAR-2"), ("external", "VAR-2")}
    assert some["variant_ids"] == ["VAR-2", "VAR-9"]
    assert {row["kind"] for row in await rows_of(ics, both, include_external=True)} == {"stock"}
    listed = await ics.plain.post("/snapshot/list")
    assert [each["snapshot_id"] for each in listed.data["items"]] == [each["snapshot_id"] for each in (both, some, one)]
    assert (await ics.plain.post("/snapshot/list", logical_guid="FAC-B")).data["count"] == 1
    assert (await ics.plain.post("/snapshot/list", to_utc=one["taken_utc"])).data["count"] == 0
    shown = (await ics.plain.post("/snapshot/get", snapshot_id=one["snapshot_id"])).data["snapshot"]
    assert shown == one


async def test_it_makes_no_difference_whether_items_are_read_at_once_or_later(
    ics: ServiceClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    await a_busy_floor(ics)
    for size, items, in_place in ((1, 9, 9), (3, 1, 9), (2, 0, 9), (1, 9, 0), (2, 0, 0)):
        monkeypatch.setattr(reading, "ITEMS_AT_ONCE", size)
        monkeypatch.setattr(reading, "WHOLE_ITEMS", items)
        monkeypatch.setattr(reading, "ITEMS_IN_PLACE", in_place)
        snapshots = [await taken(ics), await taken(ics, variant_ids=["VAR-1", "VAR-2"])]

        read = [await rows_of(ics, each, level="position", include_external=True) for each in snapshots]

        assert read[0] == read[1]
        assert {row["variant_id"] for row in read[0]} == {"VAR-1", "VAR-2"}


async def test_more_units_than_four_bytes_can_count_are_shown_as_they_are(ics: ServiceClient) -> None:
    floor = Floor(ics, "VAR-1")
    for _ in range(3):
        await floor.receive(1_000_000_000)

    snapshot = await taken(ics)

    rows = await rows_of(ics, snapshot, include_external=True)
    assert [(row["kind"], row["quantity"]) for row in rows] == [("stock", 3_000_000_000), ("external", -3_000_000_000)]
    assert snapshot["on_hand"] == 3_000_000_000


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize("in_place", [True, False])
async def test_work_that_goes_on_meanwhile_is_in_all_rows_or_in_none(
    ics: ServiceClient, monkeypatch: pytest.MonkeyPatch, *, whole: bool, in_place: bool
) -> None:
    monkeypatch.setattr(partition, "PART_ITEMS", 2)
    monkeypatch.setattr(reading, "WHOLE_ITEMS", reading.WHOLE_ITEMS if whole else 3)
    monkeypatch.setattr(reading, "ITEMS_IN_PLACE", reading.ITEMS_IN_PLACE if in_place else 0)
    await ics.post("/stock/policy/set", logical_guid="FAC-A", qc="skip")
    names = [f"V-{number}" for number in range(12)]
    await Floor(ics, "V-0").do("/receive/record", lines=[{"variant_id": name, "quantity": 50} for name in names])
    zone = (await Floor(ics, "V-0").do("/zone/create", code="Z"))["zone"]["zone_id"]
    stopped = False

    async def work(floor: Floor) -> None:
        while not stopped:
            await floor.stocked(3, zone_id=zone)
            held = await floor.reserve(2)
            away = {"variant_id": floor.variant_id, "delta": -1, "reason_code": "loss"}
            await floor.do("/adjustment/create", **away)
            promise = {"reservation_id": held["reservation_id"], "expected_revision": 1}
            await floor.do("/reservation/release", **promise)

    working = [asyncio.create_task(work(Floor(ics, name))) for name in names]
    try:
        snapshots = [await taken(ics) for _ in range(4)]
    finally:
        stopped = True
        await asyncio.gather(*working)
    for snapshot in snapshots:
        await check_replay(ics, await rows_of(ics, snapshot, level="position", include_external=True))


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Snapshots with more than two rows are built behind the answer, an item a part."""
    monkeypatch.setattr(building, "ROWS_AT_ONCE", 2)
    monkeypatch.setattr(partition, "PART_ITEMS", 1)


def as_job(ics: ServiceClient) -> tuple[Any, Call]:
    """What a job is given."""
    runtime = ics.application.runtime
    return runtime.units, Call(caller=SYSTEM, name="job", request_id="job", started_utc=runtime.clock.now())


async def until_decided(ics: ServiceClient, snapshot: Any) -> Any:
    """The snapshot once it is no longer being built."""
    async with within(30):
        while True:
            shown = (await ics.plain.post("/snapshot/get", snapshot_id=snapshot["snapshot_id"])).data["snapshot"]
            if shown["status"] != "building":
                return shown
            await snapshot_build(*as_job(ics), NoParams(), ics.application.runtime.gate)


async def test_a_large_one_is_built_behind_the_answer_as_of_its_moment(ics: ServiceClient, small: None) -> None:
    floor, _, place = await a_busy_floor(ics)
    snapshot = await taken(ics)
    assert (snapshot["status"], snapshot["row_count"], snapshot["on_hand"]) == ("building", 0, 0)
    early = await ics.plain.post("/snapshot/detail", snapshot_id=snapshot["snapshot_id"])
    assert early.status == 200 or (early.error_code, early.details) == ("ics.conflict_state", {"status": "building"})
    for _ in range(3):
        await floor.stocked(1, bin_id=place)
        await Floor(ics, "VAR-2").receive(2)

    shown = await until_decided(ics, snapshot)

    rows = await rows_of(ics, snapshot, level="position", include_external=True)
    assert (shown["status"], shown["taken_utc"], shown["revision"]) == ("ready", snapshot["taken_utc"], 2)
    assert shown["row_count"] == len([row for row in rows if row["kind"] == "stock"])
    await check_replay(ics, rows)
    assert {row["quantity"] for row in rows if row["variant_id"] == "VAR-2"} == {7, -7}


async def test_what_cannot_be_built_is_given_up(
    ics: ServiceClient, small: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    await a_busy_floor(ics)

    async def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("no")

    monkeypatch.setattr(jobs, "go_on", broken)
    snapshot = await taken(ics)

    shown = await until_decided(ics, snapshot)

    assert shown["status"] == "failed"
    refused = await ics.plain.post("/snapshot/detail", snapshot_id=snapshot["snapshot_id"])
    assert (refused.status, refused.details) == (409, {"status": "failed"})
    await ics.collect_events()
    assert [event for event in ics.events if "snapshot" in event] == ["ics.snapshot.created", "ics.snapshot.failed"]


async def test_what_is_not_ready_in_time_is_answered_building(
    ics: ServiceClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    await a_busy_floor(ics)
    ics.events.clear()
    at_once = await taken(ics)
    monkeypatch.setattr(building, "AT_ONCE_SECONDS", 0.0)
    later = await taken(ics)
    assert (at_once["status"], later["status"], later["row_count"]) == ("ready", "building", 0)
    shown = await until_decided(ics, later)
    assert (shown["status"], shown["row_count"]) == ("ready", at_once["row_count"])
    await ics.collect_events()
    assert [event for event in ics.events if "snapshot" in event] == ["ics.snapshot.created", "ics.snapshot.ready"] * 2


async def test_what_nobody_was_answered_is_cleared_away(
    ics: ServiceClient, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    await a_busy_floor(ics)

    async def cut_off(*_: Any, **__: Any) -> None:
        raise RuntimeError("the process died here")

    monkeypatch.setattr(building, "complete", cut_off)
    assert (await ics.plain.post("/snapshot/create")).status == 500
    database = ics.application.runtime.database
    assert ics.caller is not None
    mine = {"orgcode": ics.caller.orgcode}
    assert await database.collection(PARTS.collection).count(mine)
    clock.advance(jobs.ABANDONED_SECONDS + 1)

    async with within(20):
        while await database.collection(BUILDS.collection).count(mine):
            await snapshot_build(*as_job(ics), NoParams(), ics.application.runtime.gate)

    assert await database.collection(PARTS.collection).count(mine) == 0


async def test_where_the_process_beside_is_killed_nothing_is_taken_and_the_next_try_succeeds(
    ics: ServiceClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    await a_busy_floor(ics)
    monkeypatch.setattr(reading, "ITEMS_IN_PLACE", 0)
    taking = asyncio.create_task(ics.plain.post("/snapshot/create", idempotency_key="once"))

    (await process_beside()).kill()
    refused = await taking
    assert (refused.status, refused.error_code) == (503, "ics.upstream_failed")
    assert (await ics.plain.post("/snapshot/list")).data["count"] == 0
    assert (await taken(ics, idempotency_key="once"))["status"] == "ready"


async def process_beside() -> psutil.Process:
    """The process that this one begins for a reading, as soon as there is one."""
    async with within(20):
        while True:
            for child in psutil.Process().children():
                with suppress(psutil.NoSuchProcess):
                    if any("spawn_main" in word for word in child.cmdline()):
                        return child
            await asyncio.sleep(0.005)


async def test_a_repeated_key_takes_one_snapshot(ics: ServiceClient) -> None:
    await a_busy_floor(ics)
    first = await ics.plain.post("/snapshot/create", idempotency_key="once", name="a")
    again = await ics.plain.post("/snapshot/create", idempotency_key="once", name="a")
    other = await ics.plain.post("/snapshot/create", idempotency_key="once", name="b")

    assert again.data == first.data
    assert again.headers.get("Idempotent-Replayed") == "true"
    assert (other.status, other.error_code) == (409, "ics.conflict")
    assert (await ics.plain.post("/snapshot/list")).data["count"] == 1


async def test_tokens_that_were_altered_or_are_of_another_query_are_refused(ics: ServiceClient) -> None:
    await a_busy_floor(ics)
    snapshot = await taken(ics)
    named = {"snapshot_id": snapshot["snapshot_id"], "limit": 1}
    token = (await ics.plain.post("/snapshot/detail", **named)).data["next_token"]
    for body in (
        {**named, "next_token": token[:-2] + "AA"},
        {**named, "next_token": token, "level": "position"},
        {**named, "next_token": "nonsense"},
        # A wrong token is told before an unknown snapshot.
        {**named, "next_token": token, "snapshot_id": an_id()},
    ):
        refused = await ics.plain.post("/snapshot/detail", **body)
        assert (refused.status, list(refused.problems)) == (400, ["next_token"])

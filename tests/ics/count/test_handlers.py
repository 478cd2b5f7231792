"""Counting through the endpoints: a position is looked at while work goes on, and only the difference is posted."""

from typing import Any

import pytest

from chassis.clock import FixedClock
from chassis.testing.client import ServiceClient
from tests.ics.floor import Floor


async def a_bin(floor: Floor, code: str = "B-01", zone: str = "PCK", **given: Any) -> tuple[str, str]:
    """A bin in a pick zone: ids of both."""
    made = await floor.do("/zone/create", code=zone, purpose="pick")
    place = await floor.do("/bin/create", zone_id=made["zone"]["zone_id"], code=code, **given)
    return made["zone"]["zone_id"], place["bin"]["bin_id"]


async def counting(floor: Floor, **body: Any) -> Any:
    """A count just begun."""
    return (await floor.do("/count/create", **body))["count"]


async def submit(floor: Floor, count: Any, *lines: dict[str, Any]) -> Any:
    """Submit a count that was just begun."""
    asked = {"count_id": count["count_id"], "expected_revision": count["revision"], "lines": list(lines)}
    return (await floor.do("/count/submit", **asked))["count"]


async def approve(floor: Floor, count: Any, **body: Any) -> Any:
    """Approve a count just submitted."""
    asked = {"count_id": count["count_id"], "expected_revision": count["revision"], **body}
    return (await floor.do("/count/approve", **asked))["count"]


async def test_scenario_2_steps_6_to_10_and_15(ics: ServiceClient) -> None:
    floor = Floor(ics, "VAR-2")
    await floor.policy(qc="skip")
    zone_id, bin_id = await a_bin(floor)
    await floor.stocked(19, bin_id=bin_id)
    broken = {"variant_id": "VAR-2", "delta": 1, "from_bucket": "damaged", "reason_code": "found"}
    await floor.do("/adjustment/create", **broken, counter_account="supplier")
    assert await floor.totals() == (19, 0, 1, 0, 0, 0, 0, 20)

    # 6 count/create B-01, blind
    count = await counting(floor, lines=[{"variant_id": "VAR-2", "bin_id": bin_id}])
    assert (count["status"], count["blind"], count["lines"][0]["expected"]) == ("counting", True, None)
    assert count["lines"][0]["zone_id"] == zone_id

    # 7 count/submit counted 17
    count = await submit(floor, count, {"line_no": 1, "counted": 17})
    line = count["lines"][0]
    assert (line["expected"], line["variance"], line["within_tolerance"]) == (19, -2, False)
    assert (count["status"], count["out_of_tolerance"]) == ("submitted", 1)

    # 8 reservation/create 4: work goes on
    reservation = await floor.reserve(4)
    assert await floor.totals() == (15, 0, 1, 0, 4, 0, 0, 20)

    # 9 count/approve: adjustment 2; the reservation is whole
    count = await approve(floor, count)
    assert await floor.totals() == (13, 0, 1, 0, 4, 0, 0, 18)
    assert await floor.external("adjustment") == 2
    assert (count["status"], count["revision"]) == ("approved", 3)

    # 10 reservation/release 4
    await floor.do("/reservation/release", reservation_id=reservation["reservation_id"], expected_revision=1)
    assert await floor.totals() == (17, 0, 1, 0, 0, 0, 0, 18)

    # 15 once 12 more are there: count/create B-01, submit 30, approve
    await floor.stocked(12, bin_id=bin_id)
    count = await counting(floor, lines=[{"variant_id": "VAR-2", "bin_id": bin_id}])
    count = await submit(floor, count, {"line_no": 1, "counted": 30})
    assert (count["lines"][0]["expected"], count["lines"][0]["variance"]) == (29, 1)
    await approve(floor, count)
    assert await floor.totals() == (30, 0, 1, 0, 0, 0, 0, 31)
    assert await floor.external("adjustment") == 1


async def test_expected_is_what_the_ledger_had_when_it_was_counted(ics: ServiceClient, clock: FixedClock) -> None:
    floor = Floor(ics, "VAR-9")
    await floor.policy(qc="skip")
    zone_id, bin_id = await a_bin(floor)
    await floor.stocked(50, bin_id=bin_id)
    count = await counting(floor, lines=[{"variant_id": "VAR-9", "bin_id": bin_id}], blind=False)
    assert count["lines"][0]["expected"] == 50
    clock.advance(60)
    moment = clock.now()
    clock.advance(60)
    await floor.stocked(5, bin_id=bin_id)
    await floor.stocked(100)
    commit = await floor.commit(7)
    picked = {"commit_id": commit["commit_id"], "expected_revision": 1, "quantity": 7, "zone_id": zone_id}
    await floor.do("/pick/record", **picked)

    count = await submit(floor, count, {"line_no": 1, "counted": 49, "counted_utc": moment})

    assert (count["lines"][0]["expected"], count["lines"][0]["variance"]) == (50, -1)
    assert count["lines"][0]["counted_utc"] == moment
    await approve(floor, count)
    assert await floor.at("available", bin_id=bin_id) == 50 + 5 - 7 - 1


async def test_what_moved_since_is_taken_back_over_many_entries(ics: ServiceClient, clock: FixedClock) -> None:
    floor = Floor(ics, "VAR-9")
    await floor.policy(qc="skip")
    await floor.stocked(500)
    count = await counting(floor, lines=[{"variant_id": "VAR-9"}])
    clock.advance(60)
    moment = clock.now()
    clock.advance(60)
    for _ in range(4):
        lines = [{"variant_id": "VAR-9", "quantity": 1}] * 200
        await floor.do("/receive/record", lines=lines)

    count = await submit(floor, count, {"line_no": 1, "counted": 500, "counted_utc": moment})

    assert count["lines"][0]["expected"] == 500
    assert count["status"] == "submitted"


async def test_a_shortage_is_absorbed_in_order_and_the_newest_promise_goes_first(ics: ServiceClient) -> None:
    floor = Floor(ics, "VAR-1")
    await floor.policy(qc="skip")
    _, bin_id = await a_bin(floor)
    await floor.stocked(20, bin_id=bin_id)
    move = {"variant_id": "VAR-1", "from_bucket": "available", "quantity": 2, "bin_id": bin_id}
    await floor.do("/stock/transition", **move, to_bucket="quarantine")
    await floor.do("/stock/transition", **move, to_bucket="damaged")
    older, newer = await floor.reserve(4), await floor.reserve(4)
    commit = await floor.commit(6)
    picked = {"commit_id": commit["commit_id"], "expected_revision": 1, "quantity": 3, "bin_id": bin_id}
    await floor.do("/pick/record", **picked, to_bin_id=bin_id)
    assert await floor.totals() == (2, 2, 2, 0, 8, 6, 0, 20)

    count = await counting(floor, lines=[{"variant_id": "VAR-1", "bin_id": bin_id}])
    count = await submit(floor, count, {"line_no": 1, "counted": 4})
    await approve(floor, count)

    cards = [card for card in await floor.cards() if card["kind"] == "count"]
    lost = [
        (card["from_account"]["bucket"], card["from_account"]["stage"], card["from_account"]["held_by_id"])
        for card in cards
    ]
    assert lost == [
        ("available", None, None),
        ("quarantine", None, None),
        ("damaged", None, None),
        ("reserved", None, newer["reservation_id"]),
        ("reserved", None, older["reservation_id"]),
        ("committed", "open", commit["commit_id"]),
    ]
    assert [card["quantity"] for card in cards] == [2, 2, 2, 4, 4, 2]
    assert all(card["document_line"] == 1 and card["document_id"] == count["count_id"] for card in cards)
    assert await floor.totals() == (0, 0, 0, 0, 0, 4, 0, 4)
    released = await floor.ask("/reservation/release", reservation_id=newer["reservation_id"], expected_revision=2)
    assert (released.status, released.details) == (409, {"status": "lost"})


async def test_what_cannot_be_absorbed_refuses_the_whole_approval(ics: ServiceClient) -> None:
    floor = Floor(ics, "VAR-1")
    await floor.policy(qc="skip")
    zone_id, bin_id = await a_bin(floor)
    await floor.stocked(10, bin_id=bin_id)
    await floor.stocked(5)
    count = await counting(floor, lines=[{"variant_id": "VAR-1"}, {"variant_id": "VAR-1", "bin_id": bin_id}])
    count = await submit(floor, count, {"line_no": 1, "counted": 4}, {"line_no": 2, "counted": 1})
    away = {"variant_id": "VAR-1", "quantity": 3, "from_zone_id": zone_id, "from_bin_id": bin_id}
    await floor.do("/putaway/record", **away, to_zone_id=zone_id)
    before = await floor.cards()

    body = {"count_id": count["count_id"], "expected_revision": 2}
    refused = await floor.ask("/count/approve", **body)

    assert (refused.status, refused.error_code) == (409, "ics.insufficient_stock")
    assert refused.details["shortages"] == [
        {"logical_guid": "FAC-A", "variant_id": "VAR-1", "bucket": "available", "requested": 9, "available": 7}
    ]
    assert await floor.cards() == before
    rejected = (await floor.do("/count/reject", **body, reason="goods went"))["count"]
    assert (rejected["status"], rejected["revision"]) == ("rejected", 3)
    again = await counting(floor, recount_of=count["count_id"])
    assert [(line["line_no"], line["bin_id"]) for line in again["lines"]] == [(1, None), (2, bin_id)]
    assert again["recount_of"] == count["count_id"]


async def test_a_surplus_goes_to_those_who_wait(ics: ServiceClient) -> None:
    floor = Floor(ics, "VAR-1")
    await floor.policy(qc="skip", backorder_limit=5)
    _, bin_id = await a_bin(floor, capacity=10)
    await floor.stocked(2, bin_id=bin_id)
    waiting = await floor.reserve(5)
    assert waiting["backordered"] == 3

    count = await counting(floor, lines=[{"variant_id": "VAR-1", "bin_id": bin_id}])
    count = await submit(floor, count, {"line_no": 1, "counted": 14})
    assert count["lines"][0]["expected"] == 2
    await approve(floor, count)

    assert await floor.totals() == (9, 0, 0, 0, 5, 0, 0, 14)
    assert await floor.at("reserved", bin_id=bin_id) == 5


async def test_a_position_is_in_one_open_count_at_a_time(ics: ServiceClient) -> None:
    floor = Floor(ics, "VAR-1")
    await floor.policy(qc="skip")
    _, bin_id = await a_bin(floor)
    await floor.stocked(3, bin_id=bin_id)
    here = [{"variant_id": "VAR-1", "bin_id": bin_id}]
    first = await counting(floor, lines=here)
    other = await counting(floor, lines=[{"variant_id": "VAR-2"}])

    twice = await floor.ask("/count/create", lines=here)
    lines = [{"line_no": 1, "counted": 0}, {**here[0], "counted": 3}]
    found = await floor.ask("/count/submit", count_id=other["count_id"], expected_revision=1, lines=lines)

    assert (twice.status, twice.error_code) == (409, "ics.conflict")
    assert (found.status, found.error_code) == (409, "ics.conflict")
    await floor.do("/count/reject", count_id=first["count_id"], expected_revision=1, reason="never mind")
    found = await floor.do("/count/submit", count_id=other["count_id"], expected_revision=1, lines=lines)
    assert [(line["line_no"], line["variance"]) for line in found["count"]["lines"]] == [(1, 0), (2, 0)]
    taken = await floor.ask("/count/create", lines=here)
    assert taken.status == 409


async def test_a_plan_says_what_is_counted_and_how_exactly(ics: ServiceClient, clock: FixedClock) -> None:
    floor = Floor(ics, "VAR-1")
    await ics.post("/stock/policy/set", logical_guid="FAC-A", qc="skip")
    zone_id, first = await a_bin(floor)
    second = (await floor.do("/bin/create", zone_id=zone_id, code="B-02"))["bin"]["bin_id"]
    for variant, place in (("VAR-2", second), ("VAR-2", first), ("VAR-1", first), ("VAR-1", None)):
        await Floor(ics, variant).stocked(100, **({"bin_id": place} if place else {}))
    made = await floor.do(
        "/count/plan/set", code="weekly", zone_ids=[zone_id], tolerance_percent=5, frequency_days=7, auto_approve=True
    )
    plan = made["plan"]
    assert (plan["code"], plan["blind"], plan["last_counted_date"], plan["next_due_date"]) == (
        "WEEKLY",
        True,
        None,
        None,
    )

    count = await counting(floor, plan_id=plan["plan_id"])
    assert [(line["variant_id"], line["bin_id"]) for line in count["lines"]] == [
        ("VAR-1", first),
        ("VAR-2", first),
        ("VAR-2", second),
    ]
    ics.events.clear()
    count = await submit(
        floor, count, {"line_no": 3, "counted": 95}, {"line_no": 1, "counted": 100}, {"line_no": 2, "counted": 105}
    )

    assert (count["status"], count["revision"], count["out_of_tolerance"]) == ("approved", 2, 0)
    assert [line["variance"] for line in count["lines"]] == [0, 5, -5]
    shown = (await floor.do("/count/plan/get", plan_id=plan["plan_id"]))["plan"]
    today = clock.now()[:10]
    assert (shown["last_counted_date"], shown["revision"]) == (today, 1)
    due = shown["next_due_date"]
    assert due > today
    for by, there in ((due, 1), (today, 0)):
        assert (await floor.do("/count/plan/list", due_by=by))["count"] == there


async def test_a_page_of_due_plans_goes_on_for_the_day_it_was_made_for(ics: ServiceClient) -> None:
    floor = Floor(ics, "VAR-1")
    await floor.policy(qc="skip")
    await floor.stocked(3)
    for code in ("P", "Q"):
        plan = (await floor.do("/count/plan/set", code=code, auto_approve=True, frequency_days=1))["plan"]
        await submit(floor, await counting(floor, plan_id=plan["plan_id"]), {"line_no": 1, "counted": 3})

    first = await floor.do("/count/plan/list", due_by="2999-01-01", limit=1)
    token = first["next_token"]
    second = await floor.do("/count/plan/list", due_by="2999-01-01", limit=1, next_token=token)
    assert [plan["code"] for plan in (*first["items"], *second["items"])] == ["Q", "P"]
    for day in ({"due_by": "2999-01-02"}, {}):
        answer = await floor.ask("/count/plan/list", **day, limit=1, next_token=token)
        assert (answer.status, list(answer.problems)) == (400, ["next_token"])


async def test_four_eyes_are_two_people(ics: ServiceClient) -> None:
    floor = Floor(ics, "VAR-1")
    await floor.policy(qc="skip")
    await floor.stocked(3)
    plan = (await floor.do("/count/plan/set", code="P", four_eyes=True))["plan"]
    count = await counting(floor, plan_id=plan["plan_id"])
    count = await submit(floor, count, {"line_no": 1, "counted": 3})
    body = {"count_id": count["count_id"], "expected_revision": 2}

    own = await floor.ask("/count/approve", **body)
    other = await ics.as_caller(actor="bertha").post("/count/approve", **body)

    assert (own.status, own.error_code) == (403, "ics.forbidden")
    assert (other.status, other.data["count"]["decided_by"]) == (200, "bertha")


async def test_plans_are_set_paused_and_archived(ics: ServiceClient) -> None:
    floor = Floor(ics, "VAR-1")
    plan = (await floor.do("/count/plan/set", code="P", name="old", tolerance_units=2))["plan"]
    named = {"plan_id": plan["plan_id"]}
    again = {"code": "P", "expected_revision": 1}
    both = await floor.ask("/count/plan/set", **again, auto_approve=True, four_eyes=True)
    plan = (await floor.do("/count/plan/set", **again, four_eyes=True))["plan"]
    clash = await floor.ask("/count/plan/set", code="P", expected_revision=2, auto_approve=True)
    assert (both.status, clash.status) == (400, 400)
    assert (plan["name"], plan["tolerance_units"], plan["four_eyes"]) == ("old", 2, True)
    paused = await floor.do("/count/plan/status/set", **named, expected_revision=2, status="paused")
    assert paused["plan"]["status"] == "paused"
    assert (await floor.ask("/count/create", **named)).details == {"status": "paused"}
    await floor.do("/count/plan/status/set", **named, expected_revision=3, status="archived")
    for path, body in (
        ("/count/plan/status/set", {**named, "status": "active"}),
        ("/count/plan/set", {"code": "P", "blind": False}),
    ):
        refused = await floor.ask(path, **body, expected_revision=4)
        assert (refused.status, refused.error_code) == (409, "ics.conflict_state")


@pytest.mark.parametrize(
    ("lines", "path"),
    [
        ([{"line_no": 1, "counted": 1}], "lines"),
        ([{"line_no": 1, "counted": 1}, {"line_no": 3, "counted": 1}], "lines.1.line_no"),
        ([{"line_no": 1, "counted": 1}, {"line_no": 1, "counted": 1}], "lines.1.line_no"),
        ([{"line_no": 1, "counted": 1}, {"line_no": 2, "counted": 1}, {"counted": 1}], "lines.2.variant_id"),
        ([{"line_no": 1, "counted": 1}, {"line_no": 2, "counted": 1, "variant_id": "VAR-1"}], "lines.1.variant_id"),
        (
            [{"line_no": 1, "counted": 1}, {"line_no": 2, "counted": 1, "counted_utc": "2020-01-01T00:00:00.000Z"}],
            "lines.1.counted_utc",
        ),
        (
            [{"line_no": 1, "counted": 1}, {"line_no": 2, "counted": 1, "counted_utc": "2030-01-01T00:00:00.000Z"}],
            "lines.1.counted_utc",
        ),
        (
            [{"line_no": 1, "counted": 1}, {"line_no": 2, "counted": 1}, {"variant_id": "VAR-1", "counted": 1}],
            "lines.2",
        ),
    ],
)
async def test_what_is_submitted_must_be_the_counts_lines(ics: ServiceClient, lines: Any, path: str) -> None:
    floor = Floor(ics, "VAR-1")
    count = await counting(floor, lines=[{"variant_id": "VAR-1"}, {"variant_id": "VAR-2"}])
    answer = await floor.ask("/count/submit", count_id=count["count_id"], expected_revision=1, lines=lines)
    assert (answer.status, list(answer.problems)) == (400, [path])


async def test_exactly_one_source_and_no_position_twice(ics: ServiceClient) -> None:
    floor = Floor(ics, "VAR-1")
    _, bin_id = await a_bin(floor)
    zone_id, _ = await a_bin(floor, zone="OTH")
    twice = [{"variant_id": "VAR-1", "bin_id": bin_id}] * 2
    for body in ({}, {"lines": twice[:1], "recount_of": bin_id}, {"lines": twice}):
        assert (await floor.ask("/count/create", **body)).status == 400
    wrong = await floor.ask("/count/create", lines=[{"variant_id": "VAR-1", "bin_id": bin_id, "zone_id": zone_id}])
    assert list(wrong.problems) == ["lines.0.bin_id"]
    nothing = (await floor.do("/count/plan/set", code="P"))["plan"]
    assert (await floor.ask("/count/create", plan_id=nothing["plan_id"])).error_code == "ics.conflict_state"


async def test_five_hundred_positions_are_approved_at_once(ics: ServiceClient) -> None:
    floor = Floor(ics, "V-000")
    await ics.post("/stock/policy/set", logical_guid="FAC-A", qc="skip")
    names = [f"V-{number:03d}" for number in range(500)]
    for start in range(0, 500, 200):
        lines = [{"variant_id": name, "quantity": 5} for name in names[start : start + 200]]
        await floor.do("/receive/record", lines=lines)
    await Floor(ics, "V-001").reserve(5)
    plan = (await floor.do("/count/plan/set", code="ALL"))["plan"]
    count = await counting(floor, plan_id=plan["plan_id"])
    counted = [{"line_no": number, "counted": 4 if number % 2 else 7} for number in range(1, 501)]
    count = await submit(floor, count, *counted)
    await approve(floor, count)

    assert sum(line["variance"] for line in count["lines"]) == 250
    for name, on_hand in (("V-000", 4), ("V-001", 7), ("V-498", 4), ("V-499", 7)):
        assert (await Floor(ics, name).totals())[-1] == on_hand
    await Floor(ics, "V-500").stocked(1)
    again = await floor.ask("/count/create", plan_id=plan["plan_id"])
    assert (again.status, again.details) == (409, {"status": "too_many"})

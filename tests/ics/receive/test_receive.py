from typing import Any

import pytest

from chassis.testing.client import ServiceClient
from tests.ics.floor import Floor
from tests.ics.given import an_id

LATER, SOON = "2031-06-30", "2031-03-31"


async def inspected(floor: Floor, receipt: Any, *results: dict[str, Any]) -> Any:
    """A receipt after results were recorded."""
    body = {"receive_id": receipt["receive_id"], "expected_revision": receipt["revision"], "results": list(results)}
    return (await floor.do("/qc/complete", **body))["receive"]


async def test_goods_wait_for_inspection_in_the_receipts_name(ics: ServiceClient) -> None:
    floor = Floor(ics, "V1")
    zone = (await floor.do("/zone/create", code="RCV", purpose="receiving"))["zone"]["zone_id"]
    lines = [
        {"variant_id": "V1", "quantity": 5, "expected_quantity": 6, "zone_id": zone},
        {"variant_id": "V2", "quantity": 3, "lot_code": "L-A", "expiry_date": LATER},
    ]
    ics.events.clear()
    receipt = (await floor.do("/receive/record", lines=lines, code="in-7", source_ref="PO 7", note="one box"))[
        "receive"
    ]

    assert (receipt["code"], receipt["source"], receipt["source_ref"]) == ("IN-7", "supplier", "PO 7")
    assert (receipt["status"], receipt["revision"], receipt["note"]) == ("received", 1, "one box")
    assert receipt["lines"][0] == {
        "line_no": 1,
        "variant_id": "V1",
        "quantity": 5,
        "expected_quantity": 6,
        "pending": 5,
        "accepted": 0,
        "rejected": 0,
        "damaged": 0,
        "lost": 0,
        "zone_id": zone,
        "bin_id": None,
        "lot_code": None,
        "expiry_date": None,
        "serials": [],
    }
    assert await floor.at("quarantine", zone_id=zone, held_by_id=receipt["receive_id"]) == 5
    assert (await floor.do("/receive/get", receive_id=receipt["receive_id"]))["receive"] == receipt
    assert ics.events == [
        "ics.receive.recorded",
        "ics.serial.registered",
        "ics.stock.changed",
        "ics.stock.changed",
    ]


async def test_goods_that_need_no_inspection_are_available_at_once(ics: ServiceClient) -> None:
    floor = Floor(ics, "V1")
    await floor.policy(qc="skip")
    receipt = await floor.receive(5)
    assert (receipt["status"], receipt["lines"][0]["accepted"]) == ("completed", 5)
    assert await floor.totals() == (5, 0, 0, 0, 0, 0, 0, 5)


async def test_inspection_goes_on_until_nothing_is_pending(ics: ServiceClient) -> None:
    floor = Floor(ics, "V1")
    zone = (await floor.do("/zone/create", code="STO"))["zone"]["zone_id"]
    receipt = await floor.receive(5)

    accepted = {"line_no": 1, "outcome": "accepted", "quantity": 2, "zone_id": zone}
    receipt = await inspected(floor, receipt, accepted, {"line_no": 1, "outcome": "rejected", "quantity": 1})
    assert (receipt["status"], receipt["lines"][0]["pending"], receipt["revision"]) == ("inspecting", 2, 2)
    assert (await floor.at("available", zone_id=zone), await floor.at("quarantine", held_by_id=None)) == (2, 1)

    receipt = (await floor.do("/qc/complete", receive_id=receipt["receive_id"], expected_revision=2))["receive"]
    assert (receipt["status"], receipt["lines"][0]["accepted"]) == ("completed", 4)
    again = await floor.ask("/qc/complete", receive_id=receipt["receive_id"], expected_revision=3)
    assert (again.status, again.details) == (409, {"status": "completed"})


async def test_more_than_is_pending_cannot_be_inspected(ics: ServiceClient) -> None:
    floor = Floor(ics, "V1")
    receipt = await floor.receive(5)
    results = [{"line_no": 1, "outcome": "accepted", "quantity": 3}] * 2
    named = {"receive_id": receipt["receive_id"], "expected_revision": 1}

    more = await floor.ask("/qc/complete", **named, results=results)
    other = await floor.ask("/qc/complete", **named, results=[results[0] | {"line_no": 2}])

    assert (more.status, more.error_code) == (409, "ics.conflict_state")
    assert (other.status, list(other.problems)) == (400, ["results.0.line_no"])


async def test_goods_put_away_before_inspection_are_inspected_where_they_lie(ics: ServiceClient) -> None:
    floor = Floor(ics, "V1")
    zone = (await floor.do("/zone/create", code="STO"))["zone"]["zone_id"]
    receipt = await floor.receive(5)
    await floor.do("/putaway/record", variant_id="V1", quantity=3, bucket="quarantine", to_zone_id=zone)

    receipt = (await floor.do("/qc/complete", receive_id=receipt["receive_id"], expected_revision=2))["receive"]

    assert receipt["status"] == "completed"
    assert (await floor.at("available", zone_id=zone), await floor.at("available", zone_id=None)) == (3, 2)


async def test_a_code_is_taken_once_in_a_facility(ics: ServiceClient) -> None:
    lines = [{"variant_id": "V1", "quantity": 1}]
    answers = [
        await ics.post("/receive/record", lines=lines, code="in-7"),
        await ics.post("/receive/record", lines=lines, code="IN-7"),
        await ics.in_facility("FAC-B").post("/receive/record", lines=lines, code="IN-7"),
        await ics.post("/receive/record", lines=lines),
        await ics.post("/receive/record", lines=lines),
    ]
    assert [answer.status for answer in answers] == [200, 409, 200, 200, 200]
    assert answers[1].error_code == "ics.conflict"


async def test_each_problem_of_a_line_is_named(ics: ServiceClient) -> None:
    lines: list[dict[str, Any]] = [
        {"variant_id": "V1", "quantity": 2, "serials": ["S1"]},
        {"variant_id": "V1", "quantity": 1, "serials": ["S1"]},
        {"variant_id": "V1", "quantity": 1, "zone_id": an_id()},
    ]
    by_itself = await ics.post("/receive/record", lines=lines)
    stored = await ics.post("/receive/record", lines=lines[2:])
    assert (by_itself.status, list(by_itself.problems)) == (400, ["lines.0.serials", "lines.1.serials"])
    assert (stored.status, list(stored.problems)) == (400, ["lines.0.zone_id"])


@pytest.mark.parametrize(("tracking", "field"), [("lot", "lot_code"), ("serial", "serials")])
async def test_what_the_policy_tracks_must_be_named(ics: ServiceClient, tracking: str, field: str) -> None:
    floor = Floor(ics, "V1")
    await floor.policy(tracking=tracking)
    answer = await floor.ask("/receive/record", lines=[{"variant_id": "V1", "quantity": 1}])
    assert (answer.status, list(answer.problems)) == (400, [f"lines.0.{field}"])


async def test_a_lot_keeps_the_dates_it_was_registered_with(ics: ServiceClient) -> None:
    floor = Floor(ics, "V1")
    await floor.receive(1, lot_code="L-A", expiry_date=LATER)
    await floor.receive(1, lot_code="L-A", expiry_date=LATER)
    await floor.receive(1, lot_code="L-A")
    line = {"variant_id": "V1", "quantity": 1, "lot_code": "L-A", "expiry_date": SOON}

    answer = await floor.ask("/receive/record", lines=[line])

    assert (answer.status, list(answer.problems)) == (400, ["lines.0.expiry_date"])
    assert ics.events.count("ics.serial.registered") == 1


async def test_a_wrong_date_is_told_before_a_taken_code_or_a_closed_place(ics: ServiceClient) -> None:
    floor = Floor(ics, "V1")
    known = {"variant_id": "V1", "quantity": 1, "lot_code": "L-A", "expiry_date": LATER}
    await floor.do("/receive/record", code="R-1", lines=[known])
    zone = (await floor.do("/zone/create", code="Z"))["zone"]["zone_id"]
    await floor.do("/zone/status/set", zone_id=zone, status="inactive", expected_revision=1)
    closed = {"variant_id": "V1", "quantity": 1, "zone_id": zone}
    dated = {"variant_id": "V1", "quantity": 1, "lot_code": "L-A", "expiry_date": SOON}

    answer = await floor.ask("/receive/record", code="R-1", lines=[closed, dated])
    assert (answer.status, list(answer.problems)) == (400, ["lines.1.expiry_date"])
    new = [{**dated, "lot_code": "L-B"}, {**dated, "lot_code": "L-B", "expiry_date": LATER}]
    twice = await floor.ask("/receive/record", lines=new)
    assert (twice.status, list(twice.problems)) == (400, ["lines.1.expiry_date"])


async def test_single_units_come_in_once(ics: ServiceClient) -> None:
    floor = Floor(ics, "V1")
    receipt = await floor.receive(2, serials=["S1", "S2"])
    unit = await floor.serial("S1")
    assert (unit["status"], unit["held_by_id"], unit["on_hand"]) == ("quarantined", receipt["receive_id"], 1)
    assert (unit["revision"], unit["logical_guid"]) == (1, "FAC-A")

    again = await floor.ask("/receive/record", lines=[{"variant_id": "V1", "quantity": 1, "serials": ["S2"]}])
    assert (again.status, again.error_code) == (409, "ics.conflict_state")

    result = {"line_no": 1, "outcome": "damaged", "quantity": 1, "serials": ["S2"]}
    await inspected(floor, receipt, result)
    await floor.do("/qc/complete", receive_id=receipt["receive_id"], expected_revision=2)
    assert ((await floor.serial("S1"))["status"], (await floor.serial("S2"))["status"]) == ("in_stock", "damaged")


async def test_receipts_are_listed_newest_first_by_any_filter(ics: ServiceClient) -> None:
    floor = Floor(ics, "V1")
    await Floor(ics, "V2").policy(qc="skip", logical_guid=None)
    first = await floor.receive(1)
    lines = [{"variant_id": "V2", "quantity": 1}]
    second = (await floor.do("/receive/record", lines=lines, source="customer", source_ref="RMA 1"))["receive"]
    third = (await floor.do("/receive/record", lines=lines, logical_guid="FAC-B"))["receive"]
    ids = [receipt["receive_id"] for receipt in (third, second, first)]

    async def listed(**filters: Any) -> list[str]:
        asked = {"logical_guid": None, **filters}
        return [each["receive_id"] for each in (await floor.do("/receive/list", **asked))["items"]]

    assert await listed() == ids
    assert await listed(logical_guid="FAC-A") == ids[1:]
    assert await listed(status="completed") == ids[:2]
    assert await listed(source="customer") == await listed(source_ref="RMA 1") == [ids[1]]
    assert await listed(variant_id="V2", logical_guid="FAC-A") == [ids[1]]
    assert await listed(variant_id="V1", status="completed") == []
    assert await listed(from_utc="2026-03-02T12:00:00Z") == ids
    assert await listed(to_utc="2026-03-02T12:00:00Z") == []


async def test_dates_need_a_lot_or_serials(ics: ServiceClient) -> None:
    line = {"variant_id": "V1", "quantity": 1, "expiry_date": LATER, "manufacture_date": SOON}
    answer = await ics.post("/receive/record", lines=[line])
    assert (answer.status, sorted(answer.problems)) == (400, ["lines.0.expiry_date", "lines.0.manufacture_date"])


async def test_the_first_date_of_a_lot_or_serial_is_taken_and_told(ics: ServiceClient) -> None:
    floor = Floor(ics, "V1")
    await floor.policy(qc="skip")
    await floor.receive(1, lot_code="L-A")
    await floor.do("/serial/register", variant_id="V1", serial_no="S1")
    ics.events.clear()
    await floor.receive(1, lot_code="L-A", serials=["S1"], expiry_date=LATER)
    assert ics.events == ["ics.receive.recorded"] + ["ics.serial.updated"] * 2 + ["ics.stock.changed"]
    known = [
        (await floor.do("/serial/lookup", **each))["items"][-1] for each in ({"serial_no": "S1"}, {"lot_code": "L-A"})
    ]
    assert [each["expiry_date"] for each in known] == [LATER, LATER]


async def test_a_line_takes_the_lot_of_its_serials_and_no_other(ics: ServiceClient) -> None:
    floor = Floor(ics, "V1")
    await floor.policy(qc="skip")
    for serial_no, lot_code in (("S1", "L-A"), ("S2", "L-A"), ("S3", "L-B")):
        await floor.do("/serial/register", variant_id="V1", serial_no=serial_no, lot_code=lot_code)
    receipt = await floor.receive(2, serials=["S1", "S9"])
    assert receipt["lines"][0]["lot_code"] == "L-A"
    assert (await floor.serial("S9"))["lot_code"] == "L-A"
    assert await floor.at("available", lot_code="L-A") == 2
    for wrong in ({"serials": ["S2", "S3"], "quantity": 2}, {"serials": ["S2"], "quantity": 1, "lot_code": "L-B"}):
        answer = await floor.ask("/receive/record", lines=[{"variant_id": "V1", **wrong}])
        assert (answer.status, list(answer.problems)) == (400, ["lines.0.serials"])


async def test_four_lines_of_five_hundred_serials_are_received_in_one_call(ics: ServiceClient) -> None:
    floor = Floor(ics, "V1")
    lines = [
        {"variant_id": "V1", "quantity": 500, "serials": [f"S{line}-{number}" for number in range(500)]}
        for line in range(4)
    ]
    receipt = (await floor.do("/receive/record", lines=lines))["receive"]
    await floor.do("/qc/complete", receive_id=receipt["receive_id"], expected_revision=1)
    assert await floor.totals() == (2000, 0, 0, 0, 0, 0, 0, 2000)
    assert (await floor.serial("S3-499"))["status"] == "in_stock"

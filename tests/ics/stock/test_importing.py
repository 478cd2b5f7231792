"""Imports of adjustments: many lines, all or none, and what is said of wrong ones."""

from typing import Any

from chassis.testing.client import ServiceClient, TestAnswer
from tests.ics.floor import Floor


def line(variant: str, delta: int, **more: Any) -> dict[str, Any]:
    return {"variant_id": variant, "delta": delta, **more}


async def imported(ics: ServiceClient, *lines: dict[str, Any], **body: Any) -> TestAnswer:
    return await ics.post("/adjustment/import", lines=lines, **({"reason_code": "found"} | body))


async def test_opening_stock_comes_in_as_one_operation(ics: ServiceClient) -> None:
    zone = (await Floor(ics, "V1").do("/zone/create", code="Z"))["zone"]["zone_id"]
    answer = await imported(
        ics,
        line("V2", 5, zone_id=zone, lot_code="L-A", expiry_date="2031-01-01", reason="counted by hand"),
        line("V1", 3, serials=["S1", "S2", "S3"]),
        line("V2", -1, lot_code="L-A"),
        line("V1", 2, bucket="damaged"),
        reason="opening stock",
    )
    made = answer.data["adjustment_import"]
    assert (made["line_count"], made["entry_count"], made["revision"]) == (4, 4, 1)
    balances = [(each["variant_id"], each["on_hand"], each["seq"]) for each in answer.data["balances"]]
    assert balances == [("V1", 5, 2), ("V2", 4, 2)]
    cards = await Floor(ics, "V1").cards() + await Floor(ics, "V2").cards()
    assert {each["operation_id"] for each in cards} == {made["operation_id"]}
    assert {each["document_id"] for each in cards} == {made["import_id"]}
    assert [(each["document_line"], each["reason"]) for each in cards] == [
        (2, "opening stock"),
        (4, "opening stock"),
        (1, "counted by hand"),
        (3, "opening stock"),
    ]
    assert ics.events.count("ics.adjustment.imported") == 1
    assert ics.events.count("ics.serial.registered") == 4
    assert ics.events[-2:] == ["ics.stock.changed"] * 2


async def test_every_wrong_line_is_named(ics: ServiceClient) -> None:
    floor = Floor(ics, "V3")
    await floor.policy(tracking="serial")
    stated = await imported(
        ics,
        line("V1", 1),
        line("V1", 1, expiry_date="2031-01-01"),
        line("V1", 2, serials=["S1"]),
        line("V1", 1, bucket="reserved"),
        line("V1", 1, serials=["S1"]),
    )
    assert (stated.status, sorted(stated.problems)) == (
        400,
        ["lines.1.expiry_date", "lines.2.serials", "lines.3.bucket", "lines.4.serials"],
    )
    stored = await imported(ics, line("V3", 1), line("V1", 1), line("V3", 2))
    assert (stored.status, sorted(stored.problems)) == (400, ["lines.0.serials", "lines.2.serials"])
    nowhere = "01970f3e-9a4c-7c31-8a55-3f0c4b1d2e6a"
    places = await imported(ics, line("V1", 1, zone_id=nowhere), line("V1", 1), line("V1", 1, bin_id=nowhere))
    assert (places.status, sorted(places.problems)) == (400, ["lines.0.zone_id", "lines.2.bin_id"])
    many = await imported(ics, *[line("V1", 1, bucket="reserved")] * 150)
    assert len(many.problems) == 100
    assert ics.events == ["ics.stock_policy.saved"]


async def test_one_line_that_cannot_be_applied_stops_all(ics: ServiceClient) -> None:
    floor = Floor(ics, "V1")
    await floor.policy(qc="skip")
    await floor.receive(3, serials=["S1", "S2", "S3"])
    short = await imported(ics, line("V2", 5), line("V2", -5), line("V2", -1), reason_code="loss")
    assert (short.status, short.error_code, short.details["line_no"]) == (409, "ics.insufficient_stock", 3)
    assert [each["variant_id"] for each in short.details["shortages"]] == ["V2"]
    here = await imported(ics, line("V2", 5), line("V1", 1, serials=["S2"]))
    assert (here.status, here.error_code) == (409, "ics.conflict_state")
    assert (here.details["line_no"], here.details["serial_no"]) == (2, "S2")
    assert await Floor(ics, "V2").totals() == (0,) * 8


async def test_a_thousand_lines_are_one_transaction(ics: ServiceClient) -> None:
    lines = [line(f"V{number:03}", 7, lot_code="L-A") for number in range(1000)]
    answer = await imported(ics, *lines)
    assert answer.status == 200, answer
    assert answer.data["adjustment_import"]["entry_count"] == len(answer.data["balances"]) == 1000

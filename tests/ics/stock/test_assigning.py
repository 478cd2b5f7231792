"""Serial numbers for units that are in stock already."""

from typing import Any

from chassis.testing.client import ServiceClient
from tests.ics.floor import Floor

Record = dict[str, Any]


async def assigned(floor: Floor, serials: list[str], **body: Any) -> Record:
    """The answer of an assignment that succeeds; no bucket total changes."""
    before = await floor.totals()
    answer: Record = await floor.do("/serial/assign", variant_id=floor.variant_id, serials=serials, **body)
    assert await floor.totals() == before
    return answer


async def test_units_get_their_serials_where_they_are(ics: ServiceClient) -> None:
    floor = Floor(ics, "V-1")
    await floor.policy(qc="skip")
    zone = (await floor.do("/zone/create", code="Z"))["zone"]["zone_id"]
    await floor.stocked(3, zone_id=zone, lot_code="L-A", expiry_date="2031-01-01")
    await floor.stocked(2)
    await ics.collect_events()
    ics.events.clear()
    answer = await assigned(floor, ["S2", "S1"], zone_id=zone, lot_code="L-A", reason="labelled")

    (entry,) = answer["entries"]
    assert (entry["kind"], entry["quantity"], entry["serials"]) == ("assign", 2, ["S2", "S1"])
    assert entry["from_account"] == entry["to_account"]
    assert (entry["document_type"], entry["document_id"]) == ("serial", answer["operation_id"])
    assert entry["reason"] == "labelled"
    assert [each["serial_no"] for each in answer["items"]] == ["S2", "S1"], "as asked"
    for each in answer["items"]:
        assert (each["status"], each["zone_id"], each["lot_code"]) == ("in_stock", zone, "L-A")
        assert each == (await floor.do("/serial/get", serial_id=each["serial_id"]))["serial"]
    await ics.collect_events()
    assert sorted(ics.events) == ["ics.serial.assigned", "ics.serial.registered", "ics.serial.registered"]


async def test_no_more_units_get_one_than_have_none(ics: ServiceClient) -> None:
    floor = Floor(ics, "V-1")
    await floor.policy(qc="skip")
    await floor.stocked(3)
    await assigned(floor, ["S1", "S2"])
    refused = await floor.ask("/serial/assign", variant_id="V-1", serials=["S3", "S4"])
    assert (refused.status, refused.error_code) == (409, "ics.insufficient_stock")
    shortage: Record = {"logical_guid": "FAC-A", "variant_id": "V-1", "bucket": "available"}
    assert refused.details["shortages"] == [{**shortage, "requested": 2, "available": 1}]
    assert [each["serial_no"] for each in (await floor.do("/serial/list", variant_id="V-1"))["items"]] == ["S2", "S1"]


async def test_a_serial_is_named_once_and_is_not_here_already(ics: ServiceClient) -> None:
    floor = Floor(ics, "V-1")
    await floor.policy(qc="skip")
    await floor.stocked(5)
    twice = await floor.ask("/serial/assign", variant_id="V-1", serials=["S1", "S1"])
    assert (twice.status, list(twice.problems)) == (400, ["serials"])
    await assigned(floor, ["S1", "S2"])
    here = await floor.ask("/serial/assign", variant_id="V-1", serials=["S1"])
    assert (here.status, here.error_code) == (409, "ics.conflict_state")
    assert (here.details["status"], here.details["serial_no"]) == ("in_stock", "S1")
    scrapping: Record = {"delta": -1, "serials": ["S2"], "counter_account": "scrap", "reason_code": "damage"}
    await floor.do("/adjustment/create", variant_id="V-1", **scrapping)
    gone = await floor.ask("/serial/assign", variant_id="V-1", serials=["S2"])
    assert (gone.status, gone.details["status"]) == (409, "scrapped")


async def test_units_of_other_buckets_get_theirs_and_keep_their_holder(ics: ServiceClient) -> None:
    floor = Floor(ics, "V-1")
    await floor.policy(qc="skip")
    await floor.stocked(4)
    goods = {"consignor_ref": "ANNA", "unit_cost": {"amount": "1.00", "currency": "EUR"}}
    await floor.do("/consignment/receive", **goods, variant_id="V-1", quantity=2)
    await floor.do("/stock/transition", variant_id="V-1", from_bucket="available", to_bucket="damaged", quantity=1)
    await floor.policy(expected_revision=1, qc="required")
    await floor.receive(2)
    cart = await floor.reserve(2)
    commit = await floor.commit(1)

    for bucket, status, holder in (
        ("damaged", "damaged", None),
        ("consignment", "consigned", "consignment"),
        ("quarantine", "quarantined", "receive"),
    ):
        (unit,) = (await assigned(floor, [f"S-{bucket}"], bucket=bucket))["items"]
        assert (unit["status"], unit["held_by_type"]) == (status, holder)
    answer = await assigned(floor, ["S1", "S2", "S3"])
    sides = [(each["quantity"], each["from_account"]["bucket"]) for each in answer["entries"]]
    assert sides == [(2, "reserved"), (1, "committed")], "available has none left"
    assert [each["from_account"]["held_by_id"] for each in answer["entries"]] == [
        cart["reservation_id"],
        commit["commit_id"],
    ]
    assert {each["status"] for each in answer["items"]} == {"in_stock"}
    more = await floor.ask("/serial/assign", variant_id="V-1", serials=["S4"])
    assert more.error_code == "ics.insufficient_stock"


async def test_another_lot_or_date_than_the_serials_is_refused(ics: ServiceClient) -> None:
    floor = Floor(ics, "V-1")
    await floor.policy(qc="skip")
    await floor.stocked(3, lot_code="L-A", expiry_date="2031-01-01")
    await floor.stocked(1, lot_code="L-B")
    wrong = await floor.ask(
        "/serial/assign", variant_id="V-1", serials=["S1"], lot_code="L-A", expiry_date="2032-01-01"
    )
    assert (wrong.status, list(wrong.problems)) == (400, ["expiry_date"])
    await assigned(floor, ["S1"], lot_code="L-A")
    await floor.do("/adjustment/create", variant_id="V-1", delta=-1, serials=["S1"], reason_code="loss")
    wrong = await floor.ask("/serial/assign", variant_id="V-1", serials=["S1"], lot_code="L-B")
    assert (wrong.status, list(wrong.problems)) == (400, ["serials"])
    (back,) = (await assigned(floor, ["S1"]))["items"]
    assert back["lot_code"] == "L-A", "left out, it is the serials' lot"

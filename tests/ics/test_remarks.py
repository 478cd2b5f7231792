"""What callers say with their changes is kept and shown: on the record, and in the entries it explains."""

from typing import Any

from chassis.caller import Call, Caller
from chassis.testing.client import ServiceClient
from services.ics.remarks import REMARKS_MAX, remarked
from tests.ics.floor import Floor
from tests.ics.given import NOON, ORG, a_zone

Record = dict[str, Any]


def test_a_record_keeps_its_newest_remarks() -> None:
    caller = Caller(kind="user", actor="anna", orgcode=ORG)
    call = Call(caller=caller, name="ics_zone_status_set", request_id="r", started_utc=NOON)
    zone = a_zone()
    for number in range(REMARKS_MAX + 5):
        zone = remarked(zone, call, NOON, f"remark {number}")
    assert len(zone.remarks) == REMARKS_MAX
    assert zone.remarks[0].text == f"remark {REMARKS_MAX + 4}"
    assert (zone.remarks[0].made_by, zone.remarks[0].made_utc, zone.remarks[0].revision) == ("anna", NOON, 2)
    assert remarked(zone, call, NOON, None) is zone


def said(record: Record) -> list[tuple[str, str, int]]:
    """What a record's remarks say: text, call and revision."""
    return [(each["text"], each["call"], each["revision"]) for each in record["remarks"]]


async def test_the_reason_of_a_status_is_kept_on_the_record(ics: ServiceClient) -> None:
    floor = Floor(ics, "V")
    zone = (await floor.do("/zone/create", code="Z-1"))["zone"]
    place = (await floor.do("/bin/create", zone_id=zone["zone_id"], code="B-1"))["bin"]
    plan = (await floor.do("/count/plan/set", code="WEEKLY"))["plan"]
    rule = (
        await floor.do("/replenishment/rule/set", variant_id="V", pick_zone_id=zone["zone_id"], min_qty=1, max_qty=2)
    )["rule"]
    comment = (await floor.do("/comment", subject_type="variant", subject_id="V", body="Fragile"))["comment"]
    item = (await floor.do("/inbox/create", title="Look"))["item"]
    for path, name, record, key, statuses in (
        ("/bin/status/set", "bin", place, "bin_id", ("inactive", "active")),
        ("/zone/status/set", "zone", zone, "zone_id", ("inactive", "active")),
        ("/count/plan/status/set", "plan", plan, "plan_id", ("paused", "active")),
        ("/replenishment/rule/status/set", "rule", rule, "rule_id", ("paused", "active")),
        ("/comment/status", "comment", comment, "comment_id", ("archived", "current")),
        ("/inbox/status", "item", item, "inbox_id", ("archived", "inbox")),
    ):
        named = {key: record[key]}
        await floor.do(path, **named, expected_revision=1, status=statuses[0], reason="for now")
        shown = (await floor.do(path, **named, expected_revision=2, status=statuses[1]))[name]
        assert said(shown) == [("for now", "ics_" + path[1:].replace("/", "_"), 2)], path
        assert record["remarks"] == [], path


async def test_the_notes_of_an_inspection_are_kept_by_line(ics: ServiceClient) -> None:
    floor = Floor(ics, "V")
    lines = [{"variant_id": "V", "quantity": 5}, {"variant_id": "V", "quantity": 3}]
    receipt = (await floor.do("/receive/record", lines=lines, note="by lorry"))["receive"]
    results: list[Record] = [
        {"line_no": 1, "outcome": "accepted", "quantity": 4},
        {"line_no": 1, "outcome": "damaged", "quantity": 1, "note": "wet"},
        {"line_no": 2, "outcome": "rejected", "quantity": 3, "note": "wrong colour"},
    ]
    named = {"receive_id": receipt["receive_id"], "expected_revision": 1}
    receipt = (await floor.do("/qc/complete", **named, results=results))["receive"]

    assert receipt["note"] == "by lorry"
    assert [(each["line_no"], each["text"]) for each in receipt["remarks"]] == [(2, "wrong colour"), (1, "wet")]
    assert said(receipt)[0] == ("wrong colour", "ics_qc_complete", 2)
    assert [each["reason"] for each in await floor.cards(kind="qc")] == [None, "wet", "wrong colour"]


async def test_what_is_said_of_a_transfer_is_kept_on_it_and_its_shipments(ics: ServiceClient) -> None:
    floor, there = Floor(ics, "V"), Floor(ics.in_facility("FAC-B"), "V")
    await floor.stocked(9)
    between = {"from_logical_guid": "FAC-A", "to_logical_guid": "FAC-B"}
    lines = [{"variant_id": "V", "quantity": 6}]
    transfer = (await floor.do("/transfer/request/create", **between, lines=lines, note="for the fair"))["transfer"]
    named: Record = {"transfer_id": transfer["transfer_id"]}
    await floor.do("/transfer/request/submit", **named, expected_revision=1, note="please")
    await floor.do("/transfer/request/approve", **named, expected_revision=2, note="fine")
    shipping = {"lines": [{"transfer_line_no": 1, "quantity": 4}]}
    sent = await floor.do("/transfer/shipment/record", **named, expected_revision=3, **shipping)
    shipped: Record = {"shipment_id": sent["shipment"]["shipment_id"]}
    arrived = {"lines": [{"line_no": 1, "outcome": "accepted", "quantity": 3}], "note": "torn box"}
    received = await there.do("/transfer/shipment/receive", **shipped, expected_revision=1, **arrived)
    closed = await there.do("/transfer/shipment/close", **shipped, expected_revision=2, reason="lost")
    named["expected_revision"] = closed["transfer"]["revision"]
    cancelled = (await floor.do("/transfer/request/cancel", **named, reason="the fair is over"))["transfer"]

    assert (cancelled["note"], cancelled["decision_note"]) == ("for the fair", "fine")
    assert said(cancelled) == [
        ("the fair is over", "ics_transfer_request_cancel", cancelled["revision"]),
        ("please", "ics_transfer_request_submit", 2),
    ]
    assert said(received["shipment"]) == [("torn box", "ics_transfer_shipment_receive", 2)]
    assert [each["text"] for each in closed["shipment"]["remarks"]] == ["lost", "torn box"]
    assert [each["reason"] for each in await there.cards(kind="transfer_receive")] == ["torn box", "lost"]


async def test_entries_carry_the_reason_of_moves_that_have_no_record(ics: ServiceClient) -> None:
    floor = Floor(ics, "V")
    await floor.stocked(9)
    zone = (await floor.do("/zone/create", code="Z-1"))["zone"]["zone_id"]
    pick = (await floor.do("/zone/create", code="Z-2", purpose="pick"))["zone"]["zone_id"]
    moved = {"variant_id": "V", "quantity": 5}
    await floor.do("/putaway/record", **moved, to_zone_id=zone, reason="put away")
    await floor.do("/replenishment/record", **moved, from_zone_id=zone, to_zone_id=pick, reason="empty shelf")
    await floor.do(
        "/stock/transition",
        **moved,
        from_bucket="available",
        to_bucket="damaged",
        reason="fell down",
    )
    adjusted = {"variant_id": "V", "delta": 1, "reason_code": "found", "reason": "behind the rack"}
    assert (await floor.do("/adjustment/create", **adjusted))["adjustment"]["reason"] == "behind the rack"
    reasons = [each["reason"] for each in await floor.cards() if each["kind"] not in {"receive", "qc"}]
    assert set(reasons) == {"put away", "empty shelf", "fell down", "behind the rack"}


async def test_a_reply_is_of_the_source_of_what_it_answers(ics: ServiceClient) -> None:
    subject = {"subject_type": "variant", "subject_id": "V"}
    first = (await ics.post("/comment", **subject, source="crm", body="Why?")).data["comment"]
    reply: Record = {**subject, "reply_to": first["comment_id"], "body": "Because."}
    refused = await ics.post("/comment", **reply)
    assert (refused.status, list(refused.problems)) == (400, ["reply_to"])
    assert (await ics.post("/comment", **reply, source="crm")).status == 200

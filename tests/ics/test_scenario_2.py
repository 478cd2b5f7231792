"""Scenario 2 of the contract's domain guide, step by step, with exactly its numbers: transfer, count, consignment."""

from typing import Any

from chassis.testing.client import ServiceClient
from tests.ics.floor import Floor

DAY_BEFORE, DAY = "2026-03-08", "2026-03-09"


async def atp(floor: Floor, **asked: str) -> tuple[int, int]:
    """What can be promised, with what comes in and without."""
    item = (await floor.do("/atp/query", variant_ids=[floor.variant_id], **asked))["items"][0]
    return item["atp"], item["promisable"]


async def submitted(floor: Floor, count: Any, counted: int) -> Any:
    """A count of one line, submitted."""
    named = {"count_id": count["count_id"], "expected_revision": 1}
    return (await floor.do("/count/submit", **named, lines=[{"line_no": 1, "counted": counted}]))["count"]


async def test_scenario_2_transfer_count_consignment(ics: ServiceClient) -> None:
    here, there = Floor(ics, "VAR-2"), Floor(ics.in_facility("FAC-B"), "VAR-2")
    await here.policy(qc="skip")
    pck = (await there.do("/zone/create", code="PCK", purpose="pick"))["zone"]["zone_id"]
    dmg = (await there.do("/zone/create", code="DMG", purpose="storage"))["zone"]["zone_id"]
    b_01 = (await there.do("/bin/create", zone_id=pck, code="B-01"))["bin"]["bin_id"]

    # 1 receive/record 60 from supplier
    receipt = await here.receive(60)
    assert receipt["status"] == "completed"
    assert await here.totals() == (60, 0, 0, 0, 0, 0, 0, 60)
    assert await here.external("supplier") == -60

    # 2 transfer A → B of 20: create, submit, approve
    created = await here.do(
        "/transfer/request/create",
        from_logical_guid="FAC-A",
        to_logical_guid="FAC-B",
        lines=[{"variant_id": "VAR-2", "quantity": 20}],
    )
    named = {"transfer_id": created["transfer"]["transfer_id"]}
    handed_in = await here.do("/transfer/request/submit", **named, expected_revision=1)
    approved = await here.do("/transfer/request/approve", **named, expected_revision=2)
    assert [answer["transfer"]["status"] for answer in (created, handed_in, approved)] == [
        "draft",
        "submitted",
        "approved",
    ]
    assert await here.totals() == (60, 0, 0, 0, 0, 0, 0, 60)

    # 3 shipment/record 20, expected_date D
    sent = await here.do("/transfer/shipment/record", **named, expected_revision=3, expected_date=DAY)
    shipped = {"shipment_id": sent["shipment"]["shipment_id"]}
    assert sent["transfer"]["status"] == "in_progress"
    assert await here.totals() == (40, 0, 0, 0, 0, 0, 0, 40)
    assert await there.totals() == (0, 0, 0, 0, 0, 0, 20, 0)
    assert await atp(there, by_date=DAY) == (20, 0)
    assert await atp(there, by_date=DAY_BEFORE) == (0, 0)

    # 4 shipment/receive: accepted 12 into PCK/B-01
    lines = [{"line_no": 1, "outcome": "accepted", "quantity": 12, "zone_id": pck, "bin_id": b_01}]
    part = await there.do("/transfer/shipment/receive", **shipped, expected_revision=1, lines=lines)
    assert part["shipment"]["status"] == "partially_received"
    assert await there.totals() == (12, 0, 0, 0, 0, 0, 8, 12)

    # 5 shipment/receive: accepted 7 into PCK/B-01, damaged 1 into DMG
    lines = [
        {"line_no": 1, "outcome": "accepted", "quantity": 7, "zone_id": pck, "bin_id": b_01},
        {"line_no": 1, "outcome": "damaged", "quantity": 1, "zone_id": dmg},
    ]
    whole = await there.do("/transfer/shipment/receive", **shipped, expected_revision=2, lines=lines)
    assert (whole["shipment"]["status"], whole["transfer"]["status"]) == ("received", "completed")
    assert await there.totals() == (19, 0, 1, 0, 0, 0, 0, 20)
    assert (await there.at("available", bin_id=b_01), await there.at("damaged", zone_id=dmg)) == (19, 1)

    # 6 count/create B-01, blind
    target = {"variant_id": "VAR-2", "bin_id": b_01}
    count = (await there.do("/count/create", lines=[target]))["count"]
    assert (count["status"], count["lines"][0]["expected"]) == ("counting", None)
    assert await there.totals() == (19, 0, 1, 0, 0, 0, 0, 20)

    # 7 count/submit counted 17
    count = await submitted(there, count, 17)
    line = count["lines"][0]
    assert (line["expected"], line["variance"], line["within_tolerance"]) == (19, -2, False)
    assert await there.totals() == (19, 0, 1, 0, 0, 0, 0, 20)

    # 8 reservation/create 4: work goes on
    promise = await there.reserve(4)
    assert await there.totals() == (15, 0, 1, 0, 4, 0, 0, 20)

    # 9 count/approve: adjustment 2; the reservation is whole
    await there.do("/count/approve", count_id=count["count_id"], expected_revision=2)
    assert await there.totals() == (13, 0, 1, 0, 4, 0, 0, 18)
    assert await there.external("adjustment") == 2

    # 10 reservation/release 4
    await there.do("/reservation/release", reservation_id=promise["reservation_id"], expected_revision=1)
    assert await there.totals() == (17, 0, 1, 0, 0, 0, 0, 18)

    # 11 consignment/receive 30 at 4.50 EUR into PCK/B-01
    cost = {"amount": "4.50", "currency": "EUR"}
    goods = {"consignor_ref": "CONSIGNOR", "variant_id": "VAR-2", "zone_id": pck, "bin_id": b_01}
    consignment = (await there.do("/consignment/receive", **goods, quantity=30, unit_cost=cost))["consignment"]
    named = {"consignment_id": consignment["consignment_id"]}
    assert (consignment["status"], consignment["on_hand"]) == ("open", 30)
    assert await there.totals() == (17, 0, 1, 30, 0, 0, 0, 48)
    assert (await there.external("consignor"), await atp(there)) == (-30, (17, 17))

    # 12 consignment/consume 12
    consumed = (await there.do("/consignment/consume", **named, expected_revision=1, quantity=12))["consignment"]
    assert (consumed["consumed"], consumed["settled"]) == (12, 0)
    assert await there.totals() == (29, 0, 1, 18, 0, 0, 0, 48)
    assert await atp(there) == (29, 29)

    # 13 consignment/settle quantity 12
    settled = (await there.do("/consignment/settle", **named, expected_revision=2, quantity=12))["consignment"]
    assert settled["settled_amount"] == {"amount": "54.00", "currency": "EUR"}
    assert settled["status"] == "open"
    assert await there.totals() == (29, 0, 1, 18, 0, 0, 0, 48)

    # 14 consignment/settle return_quantity 18
    settled = (await there.do("/consignment/settle", **named, expected_revision=3, return_quantity=18))["consignment"]
    assert settled["status"] == "settled"
    assert await there.totals() == (29, 0, 1, 0, 0, 0, 0, 30)
    assert await there.external("consignor") == -12

    # 15 count/create B-01, submit 30, approve
    count = (await there.do("/count/create", lines=[target]))["count"]
    count = await submitted(there, count, 30)
    assert (count["lines"][0]["expected"], count["lines"][0]["variance"]) == (29, 1)
    await there.do("/count/approve", count_id=count["count_id"], expected_revision=2)
    assert await there.totals() == (30, 0, 1, 0, 0, 0, 0, 31)

    # Check: 40 + 31 on hand = supplier 60 + consignor 12 − adjustment 1
    assert await here.totals() == (40, 0, 0, 0, 0, 0, 0, 40)
    assert [await here.external(name) for name in ("supplier", "consignor", "adjustment")] == [-60, -12, 1]

"""What a refusal names beside its status: the lot, the serial or the line that is its cause."""

from typing import Any

from chassis.testing.client import ServiceClient, TestAnswer
from tests.ics.floor import Floor


async def closed_zone(floor: Floor) -> str:
    """A zone that takes nothing in."""
    zone = (await floor.do("/zone/create", code="SHUT"))["zone"]
    await floor.do("/zone/status/set", zone_id=zone["zone_id"], expected_revision=1, status="inactive")
    return str(zone["zone_id"])


def named(answer: TestAnswer) -> Any:
    assert (answer.status, answer.error_code) == (409, "ics.conflict_state"), answer
    return answer.details


async def test_a_receipt_names_the_line_that_cannot_come_in(ics: ServiceClient) -> None:
    floor = Floor(ics, "V1")
    await floor.receive(1, serials=["S1"])
    shut = await closed_zone(floor)
    good = {"variant_id": "V1", "quantity": 1}

    closed = await floor.ask("/receive/record", lines=[good, good | {"zone_id": shut}])
    known = await floor.ask("/receive/record", lines=[good, good, good | {"serials": ["S1"]}])

    assert named(closed) == {"status": "inactive", "line_no": 2}
    assert named(known) == {"status": "quarantined", "serial_no": "S1", "line_no": 3}


async def test_an_inspection_names_the_line_with_less_pending(ics: ServiceClient) -> None:
    floor = Floor(ics, "V1")
    lines = [{"variant_id": "V1", "quantity": 1, "serials": [serial_no]} for serial_no in ("S1", "S2")]
    receipt = (await floor.do("/receive/record", lines=lines))["receive"]
    asked = {"receive_id": receipt["receive_id"], "expected_revision": 1}
    first, second = ({"line_no": line_no, "outcome": "accepted", "quantity": 1} for line_no in (1, 2))
    shut = await closed_zone(floor)

    more = await floor.ask("/qc/complete", **asked, results=[first, second | {"quantity": 2}])
    strange = await floor.ask("/qc/complete", **asked, results=[first, second | {"serials": ["S1"]}])
    closed = await floor.ask("/qc/complete", **asked, results=[first, second | {"zone_id": shut}])

    assert named(more) == {"status": "received", "line_no": 2}
    assert named(strange) == {"status": "unknown", "serial_no": "S1", "line_no": 2}
    assert named(closed) == {"status": "inactive", "line_no": 2}


async def test_a_shipment_names_the_line_that_is_too_much(ics: ServiceClient) -> None:
    here, there = Floor(ics, "V1"), Floor(ics.in_facility("FAC-B"), "V1")
    await here.stocked(4, serials=["S1", "S2", "S3", "S4"])
    lines = [{"variant_id": variant_id, "quantity": 2} for variant_id in ("V2", "V1")]
    made = {"from_logical_guid": ics.facility, "to_logical_guid": "FAC-B", "lines": lines}
    transfer = {"transfer_id": (await here.do("/transfer/request/create", **made))["transfer"]["transfer_id"]}
    await here.do("/transfer/request/submit", **transfer, expected_revision=1)
    await here.do("/transfer/request/approve", **transfer, expected_revision=2)
    sent = {"transfer_line_no": 2, "quantity": 2}

    more = await here.ask("/transfer/shipment/record", **transfer, expected_revision=3, lines=[sent | {"quantity": 3}])
    strange = {"lines": [sent | {"serials": ["S1", "S9"]}]}
    unknown = await here.ask("/transfer/shipment/record", **transfer, expected_revision=3, **strange)
    shipped = await here.do("/transfer/shipment/record", **transfer, expected_revision=3, lines=[sent])
    shipment = {"shipment_id": shipped["shipment"]["shipment_id"], "expected_revision": 1}
    got = {"line_no": 1, "outcome": "accepted", "quantity": 1}
    too_many = await there.ask("/transfer/shipment/receive", **shipment, lines=[got, got | {"quantity": 2}])
    other = await there.ask("/transfer/shipment/receive", **shipment, lines=[got | {"serials": ["S4"]}])
    closed = {"lines": [got | {"zone_id": await closed_zone(there)}]}

    assert named(more) == {"status": "approved", "line_no": 2}
    assert named(unknown) == {"status": "unknown", "serial_no": "S9", "line_no": 2}
    assert named(too_many) == {"status": "in_transit", "line_no": 1}
    assert named(other) == {"status": "unknown", "serial_no": "S4", "line_no": 1}
    assert named(await there.ask("/transfer/shipment/receive", **shipment, **closed)) == {
        "status": "inactive",
        "line_no": 1,
    }


async def test_a_serial_at_another_stage_of_its_commit_is_named(ics: ServiceClient) -> None:
    floor = Floor(ics, "V1")
    await floor.policy(qc="skip")
    await floor.receive(2, serials=["S1", "S2"])
    commit = {"commit_id": (await floor.commit(2))["commit_id"]}
    await floor.do("/pick/record", **commit, expected_revision=1, quantity=1, serials=["S1"])
    one = {**commit, "expected_revision": 2, "quantity": 1}

    packed = await floor.ask("/pack/record", **one, serials=["S2"])
    released = await floor.ask("/commit/release", **one, stage="open", serials=["S1"])
    await floor.do("/pack/record", **one, serials=["S1"])
    again = {**commit, "expected_revision": 3, "quantity": 1}
    shipped = await floor.ask("/ship/record", **again, from_stage="packed", serials=["S2"])

    assert named(packed) == {"status": "unknown", "serial_no": "S2"}
    assert named(released) == {"status": "elsewhere", "serial_no": "S1"}
    assert named(shipped) == {"status": "unknown", "serial_no": "S2"}


async def test_a_count_names_the_line_it_cannot_take(ics: ServiceClient) -> None:
    floor = Floor(ics, "V1")
    await floor.policy(qc="skip")
    await floor.receive(1, lot_code="L-A", serials=["S1"])
    await floor.do("/serial/register", variant_id="V1", serial_no="S2", lot_code="L-B")
    zone = (await floor.do("/zone/create", code="Z"))["zone"]["zone_id"]
    lines = [{"variant_id": "V1", "zone_id": zone}]
    count = {"count_id": (await floor.do("/count/create", lines=lines))["count"]["count_id"]}
    one = {"line_no": 1, "counted": 1}
    added = {"variant_id": "V1", "lot_code": "L-A", "counted": 2, "serials": ["S1", "S2"]}

    refused = await floor.ask("/count/submit", **count, expected_revision=1, lines=[one, added])
    await floor.do("/count/submit", **count, expected_revision=1, lines=[one])
    await floor.do("/zone/status/set", zone_id=zone, expected_revision=1, status="inactive")
    closed = await floor.ask("/count/approve", **count, expected_revision=2)

    assert (refused.status, list(refused.problems)) == (400, ["lines.1.serials"])
    assert named(closed) == {"status": "inactive", "line_no": 1}

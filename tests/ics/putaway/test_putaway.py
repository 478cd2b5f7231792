from typing import Any

from chassis.testing.client import ServiceClient
from tests.ics.floor import Floor


async def a_zone(floor: Floor, code: str, purpose: str = "storage") -> str:
    zone: str = (await floor.do("/zone/create", code=code, purpose=purpose))["zone"]["zone_id"]
    return zone


async def test_good_stock_goes_whatever_it_is_promised_to(ics: ServiceClient) -> None:
    floor = Floor(ics, "V1")
    zone = await a_zone(floor, "STO")
    await floor.stocked(10)
    first, second = await floor.reserve(3), await floor.reserve(3)
    commit = await floor.commit(2)
    ics.events.clear()

    answer = await floor.do("/putaway/record", variant_id="V1", quantity=7, to_zone_id=zone, reason="make room")

    moved = [(entry["from_account"]["bucket"], entry["quantity"]) for entry in answer["entries"]]
    assert moved == [("available", 2), ("reserved", 3), ("reserved", 2)]
    assert {entry["document_id"] for entry in answer["entries"]} == {answer["operation_id"]}
    assert answer["commit"] is None
    assert await floor.at("reserved", zone_id=zone, held_by_id=first["reservation_id"]) == 3
    assert await floor.at("reserved", zone_id=zone, held_by_id=second["reservation_id"]) == 2
    assert await floor.at("committed", zone_id=zone, held_by_id=commit["commit_id"]) == 0
    assert ics.events == ["ics.putaway.recorded"]
    stale = await floor.ask("/reservation/release", reservation_id=first["reservation_id"], expected_revision=1)
    assert stale.details == {"current_revision": 2}


async def test_a_bucket_named_is_the_only_one_taken_from(ics: ServiceClient) -> None:
    floor = Floor(ics, "V1")
    zone = await a_zone(floor, "STO")
    await floor.stocked(5)
    await floor.reserve(3)
    body: dict[str, Any] = {"variant_id": "V1", "to_zone_id": zone, "bucket": "available"}

    more = await floor.ask("/putaway/record", **body, quantity=3)
    await floor.do("/putaway/record", **body, quantity=2)

    assert (more.status, more.error_code) == (409, "ics.insufficient_stock")
    assert more.details["shortages"][0]["available"] == 2
    assert (await floor.at("available", zone_id=zone), await floor.at("reserved", zone_id=None)) == (2, 3)


async def test_committed_units_keep_their_stage(ics: ServiceClient) -> None:
    floor = Floor(ics, "V1")
    zone = await a_zone(floor, "STG", "staging")
    await floor.stocked(5)
    commit = await floor.commit(4)
    await floor.do("/pick/record", commit_id=commit["commit_id"], expected_revision=1, quantity=2)

    await floor.do("/putaway/record", variant_id="V1", quantity=3, bucket="committed", to_zone_id=zone)

    assert (await floor.at("committed", zone_id=zone, stage="open"), await floor.totals()) == (
        2,
        (1, 0, 0, 0, 0, 4, 0, 5),
    )
    assert await floor.at("committed", zone_id=zone, stage="picked") == 1


async def test_a_zone_named_covers_its_bins_but_not_the_target(ics: ServiceClient) -> None:
    floor = Floor(ics, "V1")
    zone = await a_zone(floor, "STO")
    bins = [(await floor.do("/bin/create", zone_id=zone, code=code))["bin"]["bin_id"] for code in ("B-1", "B-2")]
    await floor.stocked(2, zone_id=zone)
    await floor.stocked(2, bin_id=bins[0])
    await floor.stocked(2, bin_id=bins[1])
    body = {"variant_id": "V1", "from_zone_id": zone, "to_zone_id": zone, "to_bin_id": bins[1]}

    assert (await floor.ask("/putaway/record", **body, quantity=5)).status == 409
    await floor.do("/putaway/record", **body, quantity=4)

    assert await floor.at("available", bin_id=bins[1]) == 6


async def test_from_and_to_differ_and_must_exist(ics: ServiceClient) -> None:
    floor = Floor(ics, "V1")
    zone, other = await a_zone(floor, "STO"), await a_zone(floor, "OVR")
    place = (await floor.do("/bin/create", zone_id=zone, code="B-1"))["bin"]["bin_id"]
    body: dict[str, Any] = {"variant_id": "V1", "quantity": 1}

    same = await floor.ask("/putaway/record", **body, from_zone_id=zone, to_zone_id=zone)
    crossed = await floor.ask("/putaway/record", **body, to_zone_id=other, to_bin_id=place)
    missing = await floor.ask("/putaway/record", **body)

    assert [list(answer.problems) for answer in (same, crossed, missing)] == [
        ["to_zone_id"],
        ["to_bin_id"],
        ["to_zone_id"],
    ]


async def test_what_is_promised_beyond_stock_cannot_be_carried_away(ics: ServiceClient) -> None:
    floor = Floor(ics, "V1")
    await floor.policy(qc="skip", backorder_limit=3)
    zone = await a_zone(floor, "STO")
    await floor.receive(5)
    await floor.reserve(8)
    body = {"variant_id": "V1", "to_zone_id": zone}

    assert (await floor.ask("/putaway/record", **body, quantity=6)).error_code == "ics.insufficient_stock"
    await floor.do("/putaway/record", **body, quantity=5)
    assert (await floor.at("reserved", zone_id=zone), await floor.at("available", zone_id=None)) == (5, -3)


async def test_serials_move_with_their_units(ics: ServiceClient) -> None:
    floor = Floor(ics, "V1")
    zone = await a_zone(floor, "STO")
    await floor.stocked(3, serials=["S1", "S2", "S3"])

    answer = await floor.do("/putaway/record", variant_id="V1", quantity=2, to_zone_id=zone, serials=["S3", "S1"])

    assert answer["entries"][0]["serials"] == ["S3", "S1"]
    assert [(await floor.serial(each))["zone_id"] for each in ("S1", "S2", "S3")] == [zone, None, zone]
    unknown = await floor.ask("/putaway/record", variant_id="V1", quantity=1, to_zone_id=zone, serials=["S9"])
    assert (unknown.status, unknown.error_code) == (409, "ics.conflict_state")

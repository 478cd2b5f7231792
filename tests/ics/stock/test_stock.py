from typing import Any

import pytest

from chassis.testing.client import ServiceClient
from tests.ics.floor import Floor
from tests.ics.given import an_id

NOTHING = {
    "available": 0,
    "quarantine": 0,
    "damaged": 0,
    "consignment": 0,
    "reserved": 0,
    "committed": 0,
    "in_transit": 0,
}


async def zone_and_bin(floor: Floor, code: str, purpose: str, capacity: int | None = None) -> tuple[str, str]:
    """A zone of that code, and a bin in it."""
    zone = (await floor.do("/zone/create", code=code, purpose=purpose))["zone"]["zone_id"]
    limit = {"capacity": capacity} if capacity else {}
    return zone, (await floor.do("/bin/create", zone_id=zone, code="B-01", **limit))["bin"]["bin_id"]


async def adjusted(floor: Floor, delta: int, **body: Any) -> Any:
    """A correction that succeeds."""
    asked = {"variant_id": floor.variant_id, "delta": delta, "reason_code": "correction", **body}
    return await floor.do("/adjustment/create", **asked)


async def refused(floor: Floor, delta: int, **body: Any) -> Any:
    """A correction, whatever becomes of it."""
    asked = {"variant_id": floor.variant_id, "delta": delta, "reason_code": "correction", **body}
    return await floor.ask("/adjustment/create", **asked)


async def test_a_variant_nobody_has_seen_is_all_zeros(ics: ServiceClient) -> None:
    stock = await Floor(ics, "VAR-0").stock()
    assert (stock["buckets"], stock["on_hand"], stock["seq"]) == (NOTHING, 0, 0)
    assert (stock["positions"], stock["more_positions"]) == ([], False)
    assert stock["committed_stages"] == {"open": 0, "picked": 0, "packed": 0}


async def test_positions_are_listed_in_account_order(ics: ServiceClient) -> None:
    floor = Floor(ics, "VAR-1")
    zone, bin_id = await zone_and_bin(floor, "PCK", "pick")
    await floor.stocked(4)
    await floor.stocked(6, zone_id=zone, bin_id=bin_id, lot_code="L-A")
    await floor.stocked(6, zone_id=zone)
    waiting = await floor.receive(3, zone_id=zone)
    reservation = await floor.reserve(2)
    commit = await floor.commit(3)
    await floor.do("/pick/record", commit_id=commit["commit_id"], expected_revision=1, quantity=1)

    stock = await floor.stock()

    listed = [
        (each["bucket"], each["zone_id"], each["lot_code"], each["stage"], each["held_by_id"], each["quantity"])
        for each in stock["positions"]
    ]
    assert listed == [
        ("available", None, None, None, None, 4),
        ("available", zone, None, None, None, 1),
        ("available", zone, "L-A", None, None, 6),
        ("quarantine", zone, None, None, waiting["receive_id"], 3),
        ("reserved", zone, None, None, reservation["reservation_id"], 2),
        ("committed", None, None, "picked", commit["commit_id"], 1),
        ("committed", zone, None, "open", commit["commit_id"], 2),
    ]
    assert stock["committed_stages"] == {"open": 2, "picked": 1, "packed": 0}
    assert stock["on_hand"] == sum(each["quantity"] for each in stock["positions"])


async def rows(ics: ServiceClient, **filters: Any) -> list[tuple[str, str, int]]:
    """Facility, variant and units on hand of every row, page by page."""
    found: list[tuple[str, str, int]] = []
    token: dict[str, str] = {}
    while True:
        answer = await ics.plain.post("/stock/list", limit=2, **filters, **token)
        assert answer.status == 200, answer
        assert answer.data["items"] or not token, "a token led to nothing"
        found += [(row["logical_guid"], row["variant_id"], row["on_hand"]) for row in answer.data["items"]]
        if answer.data["next_token"] is None:
            return found
        token = {"next_token": answer.data["next_token"]}


async def test_stock_is_listed_by_facility_and_variant(ics: ServiceClient) -> None:
    for facility, variant, quantity in (("FAC-B", "V2", 3), ("FAC-A", "V3", 4), ("FAC-A", "V1", 5), ("FAC-A", "V2", 6)):
        await Floor(ics.in_facility(facility), variant).stocked(quantity)
    await Floor(ics, "V2").reserve(2)
    await adjusted(Floor(ics, "V3"), -4)

    assert await rows(ics) == [("FAC-A", "V1", 5), ("FAC-A", "V2", 6), ("FAC-B", "V2", 3)]
    assert await rows(ics, include_zero=True) == [
        ("FAC-A", "V1", 5),
        ("FAC-A", "V2", 6),
        ("FAC-A", "V3", 0),
        ("FAC-B", "V2", 3),
    ]
    assert await rows(ics, logical_guid="FAC-A") == [("FAC-A", "V1", 5), ("FAC-A", "V2", 6)]
    assert await rows(ics, variant_ids=["V2", "V1"]) == [("FAC-A", "V1", 5), ("FAC-A", "V2", 6), ("FAC-B", "V2", 3)]
    assert await rows(ics, bucket="reserved") == [("FAC-A", "V2", 6)]


async def test_at_a_place_only_the_units_there_count(ics: ServiceClient) -> None:
    floor = Floor(ics, "V1")
    zone, bin_id = await zone_and_bin(floor, "PCK", "pick")
    other, _ = await zone_and_bin(floor, "OVR", "overstock")
    await floor.stocked(4, zone_id=zone)
    await floor.stocked(5, bin_id=bin_id, lot_code="L-A")
    await floor.stocked(6, zone_id=other, lot_code="L-A")
    await floor.receive(7, zone_id=other)
    await Floor(ics, "V2").stocked(8, zone_id=other)

    assert await rows(ics, zone_id=zone) == [("FAC-A", "V1", 9)]
    assert await rows(ics, bin_id=bin_id) == [("FAC-A", "V1", 5)]
    assert await rows(ics, lot_code="L-A") == [("FAC-A", "V1", 11)]
    assert await rows(ics, zone_id=other, lot_code="L-A") == [("FAC-A", "V1", 6)]
    assert await rows(ics, zone_id=other, bucket="quarantine") == [("FAC-A", "V1", 13)]
    assert await rows(ics, zone_id=other) == [("FAC-A", "V1", 13), ("FAC-A", "V2", 8)]
    assert await rows(ics, zone_id=an_id()) == []
    zeros = await ics.post("/stock/list", zone_id=zone, include_zero=True)
    assert (zeros.status, list(zeros.problems)) == (400, ["include_zero"])


async def test_of_a_lot_what_is_on_its_way_counts_too(ics: ServiceClient) -> None:
    here, there = Floor(ics, "V1"), Floor(ics.in_facility("FAC-B"), "V1")
    await here.stocked(5, lot_code="L.1")
    await here.stocked(5, lot_code="L-2")
    shipment = await here.send(7, "FAC-B")

    async def in_transit(**filters: Any) -> list[tuple[str, int]]:
        answer = await ics.plain.post("/stock/list", bucket="in_transit", **filters)
        return [(item["logical_guid"], item["buckets"]["in_transit"]) for item in answer.data["items"]]

    assert await in_transit(lot_code="L-2") == [("FAC-B", 5)]
    assert await in_transit(lot_code="L.1") == [("FAC-B", 2)]
    assert await in_transit(lot_code="L.1", zone_id=an_id()) == []
    assert await rows(ics, lot_code="L.1") == [("FAC-A", "V1", 3), ("FAC-B", "V1", 0)]

    named = {"shipment_id": shipment["shipment_id"], "expected_revision": 1}
    await there.do("/transfer/shipment/receive", **named)
    assert await in_transit(lot_code="L-2") == []
    assert await rows(ics, lot_code="L.1") == [("FAC-A", "V1", 3), ("FAC-B", "V1", 2)]


async def test_a_correction_upwards_lands_where_it_says(ics: ServiceClient) -> None:
    floor = Floor(ics, "V1")
    zone, bin_id = await zone_and_bin(floor, "PCK", "pick")

    answer = await adjusted(floor, 4, bin_id=bin_id, from_bucket="damaged", reason="fell off the shelf")

    made = answer["adjustment"]
    assert (made["delta"], made["bucket"], made["counter_account"]) == (4, "damaged", "adjustment")
    assert (made["reason_code"], made["reason"], len(made["entries"])) == ("correction", "fell off the shelf", 1)
    assert made["entries"][0]["operation_id"] == made["operation_id"]
    assert await floor.at("damaged", zone_id=zone, bin_id=bin_id) == 4
    assert answer["balances"][0]["buckets"]["damaged"] == 4
    assert ics.events[-2:] == ["ics.adjustment.created", "ics.stock.changed"]


async def test_a_correction_downwards_draws_in_draw_order(ics: ServiceClient) -> None:
    floor = Floor(ics, "V1")
    pick, _ = await zone_and_bin(floor, "PCK", "pick")
    over, _ = await zone_and_bin(floor, "OVR", "overstock")
    await floor.stocked(3, zone_id=over)
    await floor.stocked(3)
    await floor.stocked(3, zone_id=pick)

    await adjusted(floor, -7)

    assert (await floor.at("available", zone_id=pick), await floor.at("available", zone_id=over)) == (0, 0)
    assert await floor.at("available", zone_id=None) == 2


@pytest.mark.parametrize(
    ("delta", "body", "path"),
    [
        (1, {"from_bucket": "reserved"}, "from_bucket"),
        (1, {"counter_account": "scrap"}, "counter_account"),
        (-1, {"expiry_date": "2031-01-01"}, "expiry_date"),
        (1, {"expiry_date": "2031-01-01"}, "expiry_date"),
        (-2, {"serials": ["S1"]}, "serials"),
        (-2, {"serials": ["S1", "S1"]}, "serials"),
        (-1, {"held_by_id": "019cae6b-6600-7275-9fb1-49d5f78a9299"}, "held_by_id"),
        (0, {}, "delta"),
        (-1, {"zone_id": "019cae6b-6600-7275-9fb1-49d5f78a9299"}, "zone_id"),
    ],
)
async def test_what_a_correction_must_not_say(ics: ServiceClient, delta: int, body: dict[str, Any], path: str) -> None:
    answer = await refused(Floor(ics, "V1"), delta, **body)
    assert (answer.status, list(answer.problems)) == (400, [path])


async def test_a_correction_rests_on_the_balance_it_names(ics: ServiceClient) -> None:
    floor = Floor(ics, "V1")
    await floor.stocked(5)

    stale = await refused(floor, -1, expected_balance=4)
    assert (stale.status, stale.error_code, stale.details) == (409, "ics.conflict", {"current_balance": 5})
    await adjusted(floor, -1, expected_balance=5)


async def test_units_that_are_not_there_cannot_be_corrected_away(ics: ServiceClient) -> None:
    floor = Floor(ics, "V1")
    await floor.stocked(5)
    await floor.reserve(3)

    answer = await refused(floor, -3)
    assert (answer.status, answer.error_code) == (409, "ics.insufficient_stock")
    assert answer.details["shortages"][0]["available"] == 2


async def test_a_loss_shrinks_the_oldest_promise(ics: ServiceClient) -> None:
    floor = Floor(ics, "V1")
    await floor.stocked(10)
    first, second = await floor.reserve(3), await floor.reserve(3)

    await adjusted(floor, -4, from_bucket="reserved", reason_code="loss")

    gone = await floor.ask("/reservation/release", reservation_id=first["reservation_id"], expected_revision=2)
    assert (gone.status, gone.details) == (409, {"status": "lost"})
    left = await floor.do("/reservation/release", reservation_id=second["reservation_id"], expected_revision=2)
    assert (left["reservation"]["lost"], left["reservation"]["released"]) == (1, 2)
    assert await floor.totals() == (6, 0, 0, 0, 0, 0, 0, 6)


async def test_a_loss_of_committed_units_takes_open_ones_first(ics: ServiceClient) -> None:
    floor = Floor(ics, "V1")
    await floor.stocked(10)
    commit = await floor.commit(6)
    named = {"commit_id": commit["commit_id"]}
    await floor.do("/pick/record", **named, expected_revision=1, quantity=3)

    await adjusted(floor, -4, from_bucket="committed", held_by_id=commit["commit_id"], counter_account="scrap")

    left = (await floor.do("/commit/release", **named, expected_revision=3))["commit"]
    assert (left["lost"], left["released"], left["status"]) == (4, 2, "released")


async def test_units_under_inspection_are_lost_by_their_receipt(ics: ServiceClient) -> None:
    floor = Floor(ics, "V1")
    receipt = await floor.receive(5)
    await adjusted(floor, 2, from_bucket="quarantine")

    await adjusted(floor, -6, from_bucket="quarantine")

    receipt = (await floor.do("/receive/get", receive_id=receipt["receive_id"]))["receive"]
    line = receipt["lines"][0]
    assert (line["pending"], line["lost"], receipt["status"], receipt["revision"]) == (1, 4, "received", 2)


async def test_units_change_their_bucket_where_they_lie_or_where_they_are_put(ics: ServiceClient) -> None:
    floor = Floor(ics, "V1")
    zone, _ = await zone_and_bin(floor, "PCK", "pick")
    await floor.stocked(5, zone_id=zone)
    asked = {"variant_id": "V1", "from_bucket": "available", "to_bucket": "damaged"}

    await floor.do("/stock/transition", **asked, quantity=2)
    answer = await floor.do("/stock/transition", **asked, quantity=1, to_zone_id=zone, expected_balance=3)

    assert await floor.at("damaged", zone_id=zone) == 3
    assert (answer["transition"]["quantity"], answer["transition"]["from_bucket"]) == (1, "available")
    assert ics.events[-2:] == ["ics.stock.transitioned", "ics.stock.changed"]


async def test_transitions_are_for_units_no_one_holds(ics: ServiceClient) -> None:
    floor = Floor(ics, "V1")
    await floor.receive(5)
    asked = {"variant_id": "V1", "quantity": 1}

    same = await floor.ask("/stock/transition", **asked, from_bucket="damaged", to_bucket="damaged")
    held = await floor.ask("/stock/transition", **asked, from_bucket="available", to_bucket="reserved")
    inspected = await floor.ask("/stock/transition", **asked, from_bucket="quarantine", to_bucket="available")

    assert (same.status, list(same.problems)) == (400, ["to_bucket"])
    assert (held.status, held.error_code) == (409, "ics.conflict_state")
    assert (inspected.status, inspected.error_code) == (409, "ics.insufficient_stock")


async def test_a_closed_place_takes_nothing_in(ics: ServiceClient) -> None:
    floor = Floor(ics, "V1")
    zone, bin_id = await zone_and_bin(floor, "PCK", "pick")
    await floor.stocked(5)
    await floor.do("/zone/status/set", zone_id=zone, expected_revision=1, status="inactive")
    move = {"variant_id": "V1", "quantity": 1}

    answers = [
        await floor.ask("/receive/record", lines=[move | {"bin_id": bin_id}]),
        await floor.ask("/putaway/record", **move, to_zone_id=zone),
        await refused(floor, 1, zone_id=zone),
        await floor.ask("/stock/transition", **move, from_bucket="available", to_bucket="damaged", to_zone_id=zone),
    ]

    inactive = {"status": "inactive"}
    refused_lines = [{**inactive, "line_no": 1}, inactive, inactive, inactive]
    assert [(answer.status, answer.details) for answer in answers] == [(409, each) for each in refused_lines]


async def test_a_place_that_holds_units_stays_open(ics: ServiceClient) -> None:
    floor = Floor(ics, "V1")
    zone, bin_id = await zone_and_bin(floor, "PCK", "pick")
    await floor.stocked(5, bin_id=bin_id)

    answers = [
        await floor.ask("/zone/status/set", zone_id=zone, expected_revision=1, status="inactive"),
        await floor.ask("/bin/status/set", bin_id=bin_id, expected_revision=1, status="inactive"),
    ]
    assert [answer.error_code for answer in answers] == ["ics.conflict_state"] * 2
    await adjusted(floor, -5)
    assert (await floor.ask("/bin/status/set", bin_id=bin_id, expected_revision=1, status="inactive")).status == 200


async def test_a_full_bin_takes_no_more_but_what_is_already_so(ics: ServiceClient) -> None:
    floor = Floor(ics, "V1")
    zone, bin_id = await zone_and_bin(floor, "PCK", "pick", capacity=5)
    await floor.stocked(4, bin_id=bin_id)
    await floor.stocked(9, zone_id=zone)
    move = {"variant_id": "V1", "from_zone_id": zone, "to_zone_id": zone, "to_bin_id": bin_id}

    full = await floor.ask("/putaway/record", **move, quantity=2)
    await floor.do("/putaway/record", **move, quantity=1)
    await adjusted(floor, 3, bin_id=bin_id)
    still = await floor.ask("/putaway/record", **move, quantity=1)
    await adjusted(floor, -4, bin_id=bin_id)
    await floor.do("/putaway/record", **move, quantity=1)

    assert (full.status, full.details["status"], still.status) == (409, "full", 409)
    assert await floor.at("available", bin_id=bin_id) == 5


async def test_stock_is_shown_by_holder_by_place_or_without_positions(ics: ServiceClient) -> None:
    floor = Floor(ics, "VAR-P")
    await floor.policy(qc="skip")
    zone, shelf = await zone_and_bin(floor, "PCK", "pick")
    await floor.stocked(10, zone_id=zone, bin_id=shelf)
    for _ in range(3):
        await floor.reserve(2)
    await floor.commit(1)

    shown = {
        which: (await floor.do("/stock/get", variant_id="VAR-P", positions=which))["stock"]
        for which in ("all", "places", "none")
    }

    assert [each["quantity"] for each in shown["all"]["positions"]] == [3, 2, 2, 2, 1]
    assert [(each["bucket"], each["stage"], each["quantity"]) for each in shown["places"]["positions"]] == [
        ("available", None, 3),
        ("reserved", None, 6),
        ("committed", "open", 1),
    ]
    assert {(each["bin_id"], each["held_by_id"]) for each in shown["places"]["positions"]} == {(shelf, None)}
    assert shown["none"]["positions"] == []
    assert shown["all"] | {"positions": []} == shown["places"] | {"positions": []} == shown["none"]
    wrong = await floor.ask("/stock/get", variant_id="VAR-P", positions="some")
    assert (wrong.status, list(wrong.problems)) == (400, ["positions"])


async def test_the_lines_of_a_call_name_so_many_serials_and_no_more(ics: ServiceClient) -> None:
    floor = Floor(ics, "VAR-N")
    await floor.policy(qc="skip")

    def lines(count: int, mark: str) -> list[dict[str, Any]]:
        numbers = [f"{mark}{number}" for number in range(count)]
        parts = [numbers[start : start + 500] for start in range(0, count, 500)]
        return [{"variant_id": "VAR-N", "quantity": len(part), "serials": part} for part in parts]

    too_many = await floor.ask("/receive/record", lines=lines(2001, "A"))
    assert (too_many.status, list(too_many.problems)) == (400, ["lines"])
    await floor.do("/receive/record", lines=lines(2000, "B"))
    assert (await floor.stock())["on_hand"] == 2000

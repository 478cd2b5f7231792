from typing import Any

from chassis.clock import FixedClock
from chassis.testing.client import ServiceClient
from tests.ics.floor import Floor
from tests.ics.given import an_id


async def allocated(floor: Floor, **body: Any) -> Any:
    """The answer of an allocation that succeeds."""
    return await floor.do("/allocation/create", **({"channel_code": "WEB", "order_ref": "O-1"} | body))


async def asked(floor: Floor, **body: Any) -> Any:
    """An allocation, whatever becomes of it."""
    return await floor.ask("/allocation/create", **({"channel_code": "WEB", "order_ref": "O-1"} | body))


async def two_zones(floor: Floor) -> tuple[str, str]:
    """A pick zone and an overstock zone with ten units each."""
    zones = []
    for code, purpose in (("PCK", "pick"), ("OVR", "overstock")):
        zones.append((await floor.do("/zone/create", code=code, purpose=purpose))["zone"]["zone_id"])
        await floor.stocked(10, zone_id=zones[-1])
    return zones[0], zones[1]


async def test_an_order_line_gets_its_own_units(ics: ServiceClient) -> None:
    floor = Floor(ics, "V1")
    await floor.stocked(10)
    ics.events.clear()

    answer = await allocated(floor, variant_id="V1", quantity=4, order_line_ref="2")

    made = answer["allocation"]
    assert (made["quantity"], made["remaining"], made["status"], made["reservation_id"]) == (4, 4, "active", None)
    assert (made["order_ref"], made["order_line_ref"], made["expires_utc"][:10]) == ("O-1", "2", "2026-03-03")
    assert answer["reservation"] is None
    assert answer["balances"][0]["buckets"]["reserved"] == 4
    assert ics.events == ["ics.allocation.created", "ics.stock.changed"]


async def test_a_pin_says_where_the_units_come_from(ics: ServiceClient) -> None:
    floor = Floor(ics, "V1")
    _, over = await two_zones(floor)

    await allocated(floor, variant_id="V1", quantity=10, zone_id=over)
    more = await asked(floor, variant_id="V1", quantity=1, zone_id=over)

    assert (await floor.at("reserved", zone_id=over), await floor.totals()) == (10, (10, 0, 0, 0, 10, 0, 0, 20))
    assert (more.status, more.error_code) == (409, "ics.insufficient_stock")


async def test_a_pin_exchanges_what_the_reservation_holds_elsewhere(ics: ServiceClient) -> None:
    floor = Floor(ics, "V1")
    pick, over = await two_zones(floor)
    reservation = await floor.reserve(6)
    ics.events.clear()

    answer = await allocated(
        floor, reservation_id=reservation["reservation_id"], expected_revision=1, quantity=4, bin_id=None, zone_id=over
    )

    assert [held["zone_id"] for held in answer["allocation"]["positions"]] == [over]
    assert (answer["reservation"]["remaining"], answer["reservation"]["revision"]) == (2, 2)
    assert (await floor.at("available", zone_id=pick), await floor.at("available", zone_id=over)) == (8, 6)
    kinds = [entry["kind"] for entry in await floor.cards(document_id=answer["allocation"]["allocation_id"])]
    assert kinds == ["repin", "repin", "allocate"]
    assert ics.events == ["ics.allocation.created"]


async def test_what_must_agree_with_the_reservation(ics: ServiceClient) -> None:
    floor = Floor(ics, "V1")
    await floor.stocked(10)
    made = await floor.reserve(4)
    named: dict[str, Any] = {"reservation_id": made["reservation_id"], "expected_revision": 1}

    answers = [
        await asked(floor, quantity=1),
        await asked(floor, **named, variant_id="V2"),
        await asked(floor, **named, channel_code="SHOP"),
        await asked(floor, **named, quantity=5),
        await asked(floor, reservation_id=an_id(), expected_revision=1),
        await asked(floor, reservation_id=made["reservation_id"]),
        await asked(floor, **named, zone_id=an_id()),
    ]
    assert [answer.status for answer in answers] == [400, 400, 400, 409, 404, 428, 400]
    assert [list(answer.problems) for answer in answers[:3]] == [["variant_id"], ["variant_id"], ["channel_code"]]


async def test_an_overdue_promise_passes_nothing_on(ics: ServiceClient, clock: FixedClock) -> None:
    floor = Floor(ics, "V1")
    await floor.stocked(10)
    reservation = await floor.reserve(4, ttl_seconds=60)
    allocation = (await allocated(floor, variant_id="V1", quantity=2, ttl_seconds=60))["allocation"]
    clock.advance(61)

    named = {"reservation_id": reservation["reservation_id"], "expected_revision": 1}
    passed = await asked(floor, **named)
    committed = await floor.ask("/commit/create", **named, order_ref="O-1")
    other = await floor.ask("/commit/create", allocation_id=allocation["allocation_id"], expected_revision=1)

    assert {answer.error_code for answer in (passed, committed, other)} == {"ics.conflict_state"}


async def test_an_allocation_is_released_in_parts_and_never_to_the_reservation(ics: ServiceClient) -> None:
    floor = Floor(ics, "V1")
    await floor.stocked(10)
    reservation = await floor.reserve(4)
    named = {"reservation_id": reservation["reservation_id"], "expected_revision": 1}
    made = (await allocated(floor, **named))["allocation"]
    allocation = {"allocation_id": made["allocation_id"]}

    first = await floor.do("/allocation/release", **allocation, expected_revision=1, quantity=1)
    second = await floor.do("/allocation/release", **allocation, expected_revision=2)

    assert (first["allocation"]["remaining"], first["reservation"]) == (3, None)
    assert (second["allocation"]["status"], second["allocation"]["released"]) == ("released", 4)
    assert await floor.totals() == (10, 0, 0, 0, 0, 0, 0, 10)
    assert ics.events[-2:] == ["ics.allocation.released", "ics.stock.changed"]


async def test_an_allocation_expires_when_its_time_is_up(ics: ServiceClient, clock: FixedClock) -> None:
    floor = Floor(ics, "V1")
    await floor.stocked(10)
    made = (await allocated(floor, variant_id="V1", quantity=4, ttl_seconds=60))["allocation"]
    named = {"allocation_id": made["allocation_id"], "expected_revision": 1}

    early = await floor.ask("/allocation/expire", **named)
    clock.advance(61)
    done = (await floor.do("/allocation/expire", **named))["allocation"]

    assert (early.status, early.error_code) == (409, "ics.conflict_state")
    assert (done["status"], done["expired"], done["revision"]) == ("expired", 4, 2)


async def test_an_unsellable_lot_is_not_promised(ics: ServiceClient) -> None:
    floor = Floor(ics, "V1")
    await floor.stocked(4, lot_code="L-A", expiry_date="2026-01-01")
    await floor.stocked(4, lot_code="L-B")
    await floor.stocked(4, lot_code="L-C")
    await floor.block("L-B")

    pinned = [await asked(floor, variant_id="V1", quantity=1, lot_code=lot) for lot in ("L-A", "L-B")]
    more = await asked(floor, variant_id="V1", quantity=5)
    made = (await allocated(floor, variant_id="V1", quantity=4))["allocation"]

    assert [(answer.status, answer.details) for answer in pinned] == [
        (409, {"status": "unsellable", "lot_code": lot}) for lot in ("L-A", "L-B")
    ]
    assert more.details["shortages"][0]["available"] == 4
    assert [held["lot_code"] for held in made["positions"]] == ["L-C"]

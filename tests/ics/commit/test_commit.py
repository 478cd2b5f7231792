from typing import Any

from chassis.testing.client import ServiceClient
from tests.ics.floor import Floor


async def a_zone(floor: Floor, code: str, purpose: str) -> str:
    zone: str = (await floor.do("/zone/create", code=code, purpose=purpose))["zone"]["zone_id"]
    return zone


async def test_exactly_one_promise_is_committed(ics: ServiceClient) -> None:
    floor = Floor(ics, "V1")
    await floor.stocked(10)
    promise = (await floor.reserve(4))["reservation_id"]

    both = await floor.ask("/commit/create", reservation_id=promise, allocation_id=promise)
    none = await floor.ask("/commit/create", order_ref="O-1")
    no_order = await floor.ask("/commit/create", reservation_id=promise, expected_revision=1)
    no_revision = await floor.ask("/commit/create", reservation_id=promise, order_ref="O-1")

    assert [answer.status for answer in (both, none, no_order, no_revision)] == [400, 400, 400, 428]
    assert list(no_order.problems) == ["order_ref"]


async def test_part_of_a_reservation_is_committed(ics: ServiceClient) -> None:
    floor = Floor(ics, "V1")
    await floor.stocked(10)
    named = {"reservation_id": (await floor.reserve(4))["reservation_id"], "expected_revision": 1}

    answer = await floor.do("/commit/create", **named, quantity=3, order_ref="O-1", due_utc="2026-03-05T00:00:00Z")

    commit, reservation = answer["commit"], answer["reservation"]
    assert (commit["source"], commit["channel_code"], commit["open"]) == ("reservation", "WEB", 3)
    assert commit["due_utc"] == "2026-03-05T00:00:00.000Z"
    assert (reservation["remaining"], reservation["committed"], reservation["status"]) == (1, 3, "active")
    assert answer["allocation"] is None
    more = await floor.ask("/commit/create", **{**named, "expected_revision": 2}, quantity=2, order_ref="O-1")
    assert (more.status, more.error_code) == (409, "ics.conflict_state")


async def test_a_direct_commit_names_no_promise(ics: ServiceClient) -> None:
    floor = Floor(ics, "V1")
    await floor.stocked(2)
    body = {"channel_code": "WEB"}

    bare = await floor.ask("/commit/create-direct", **body, expected_revision=1)
    more = await floor.ask("/commit/create-direct", **body, variant_id="V1", quantity=3, order_ref="O-1")

    assert set(bare.problems) == {"variant_id", "quantity", "order_ref", "expected_revision"}
    assert (more.status, more.error_code) == (409, "ics.insufficient_stock")


async def test_a_counter_sale_ships_from_the_shelf(ics: ServiceClient) -> None:
    floor = Floor(ics, "V1")
    await floor.stocked(5)
    commit = await floor.commit(3)

    answer = await floor.do(
        "/ship/record",
        commit_id=commit["commit_id"],
        expected_revision=1,
        quantity=2,
        from_stage="open",
        carrier="Cart",
        tracking_ref="T-1",
    )

    note = answer["commit"]["ships"][0]
    assert (note["quantity"], note["carrier"], note["tracking_ref"]) == (2, "Cart", "T-1")
    assert note["operation_id"] == answer["operation_id"] == answer["entries"][0]["operation_id"]
    assert (answer["commit"]["status"], answer["commit"]["shipped"]) == ("open", 2)
    assert answer["entries"][0]["to_account"] == {
        "kind": "external",
        "external": "customer",
        "logical_guid": None,
        "bucket": None,
        "zone_id": None,
        "bin_id": None,
        "lot_code": None,
        "stage": None,
        "held_by_type": None,
        "held_by_id": None,
        "seq": None,
    }
    assert ics.events[-2:] == ["ics.commit.shipped", "ics.stock.changed"]


async def test_each_stage_has_only_so_many_units(ics: ServiceClient) -> None:
    floor = Floor(ics, "V1")
    await floor.stocked(5)
    named: dict[str, Any] = {"commit_id": (await floor.commit(3))["commit_id"], "expected_revision": 1}

    answers = [
        await floor.ask("/pick/record", **named, quantity=4),
        await floor.ask("/pack/record", **named, quantity=1),
        await floor.ask("/ship/record", **named, quantity=1),
        await floor.ask("/ship/record", **named, quantity=1, from_stage="picked"),
        await floor.ask("/commit/release", **named, quantity=1, stage="packed"),
        await floor.ask("/commit/release", **named, quantity=4),
    ]

    assert {answer.error_code for answer in answers} == {"ics.conflict_state"}


async def test_a_release_takes_open_units_first(ics: ServiceClient) -> None:
    floor = Floor(ics, "V1")
    stage = await a_zone(floor, "STG", "staging")
    await floor.stocked(10)
    named = {"commit_id": (await floor.commit(6))["commit_id"]}
    await floor.do("/pick/record", **named, expected_revision=1, quantity=4, to_zone_id=stage)
    await floor.do("/pack/record", **named, expected_revision=2, quantity=1)

    commit = (await floor.do("/commit/release", **named, expected_revision=3, quantity=4))["commit"]
    assert (commit["open"], commit["picked"], commit["packed"], commit["released"]) == (0, 1, 1, 4)
    commit = (await floor.do("/commit/release", **named, expected_revision=4, stage="packed"))["commit"]
    assert (commit["picked"], commit["packed"], commit["status"]) == (1, 0, "picked")
    assert await floor.at("available", zone_id=stage) == 3


async def test_a_pick_puts_units_where_it_says_and_a_pack_leaves_them(ics: ServiceClient) -> None:
    floor = Floor(ics, "V1")
    stage, pack = await a_zone(floor, "STG", "staging"), await a_zone(floor, "PAK", "staging")
    await floor.stocked(5)
    named = {"commit_id": (await floor.commit(4))["commit_id"]}

    await floor.do("/pick/record", **named, expected_revision=1, quantity=4, to_zone_id=stage)
    await floor.do("/pack/record", **named, expected_revision=2, quantity=1)
    answer = await floor.do("/pack/record", **named, expected_revision=3, quantity=2, zone_id=pack, package_ref="P-1")

    assert await floor.at("committed", zone_id=stage, stage="packed") == 1
    assert await floor.at("committed", zone_id=pack, stage="packed") == 2
    assert answer["balances"][0]["buckets"]["committed"] == 4
    assert ics.events[-1] == "ics.commit.packed"


async def test_a_pin_raises_the_revision_of_no_one_but_the_commit(ics: ServiceClient) -> None:
    floor = Floor(ics, "V1")
    pick, over = await a_zone(floor, "PCK", "pick"), await a_zone(floor, "OVR", "overstock")
    await floor.stocked(3, zone_id=pick)
    await floor.stocked(2, zone_id=over)
    commit = await floor.commit(3)
    named = {"commit_id": commit["commit_id"], "expected_revision": 1}

    more = await floor.ask("/pick/record", **named, quantity=3, zone_id=over)
    answer = await floor.do("/pick/record", **named, quantity=2, zone_id=over)

    assert (more.status, more.error_code) == (409, "ics.insufficient_stock")
    assert (answer["commit"]["revision"], answer["commit"]["picked"], answer["commit"]["open"]) == (2, 2, 1)
    assert (await floor.at("available", zone_id=pick), await floor.at("available", zone_id=over)) == (2, 0)


async def test_an_unsellable_lot_is_neither_picked_nor_shipped(ics: ServiceClient) -> None:
    floor = Floor(ics, "V1")
    await floor.stocked(4, lot_code="L-A")
    named = {"commit_id": (await floor.commit(4))["commit_id"]}
    await floor.do("/pick/record", **named, expected_revision=1, quantity=2)
    await floor.block("L-A")

    answers = [
        await floor.ask("/pick/record", **named, expected_revision=2, quantity=1),
        await floor.ask("/pick/record", **named, expected_revision=2, quantity=1, lot_code="L-A"),
        await floor.ask("/ship/record", **named, expected_revision=2, quantity=1, from_stage="picked"),
        await floor.ask("/ship/record", **named, expected_revision=2, quantity=1, from_stage="open"),
    ]
    assert [(answer.status, answer.details) for answer in answers] == [
        (409, {"status": "unsellable", "lot_code": "L-A"})
    ] * 4
    assert (await floor.ask("/commit/release", **named, expected_revision=2)).status == 200


async def test_serials_go_with_their_units_from_pick_to_ship(ics: ServiceClient) -> None:
    floor = Floor(ics, "V1")
    stage = await a_zone(floor, "STG", "staging")
    await floor.stocked(5, serials=["S1", "S2", "S3", "S4", "S5"])
    commit_id = (await floor.commit(4))["commit_id"]
    named = {"commit_id": commit_id}

    picked = {**named, "quantity": 3, "to_zone_id": stage, "serials": ["S4", "S2", "S3"]}
    await floor.do("/pick/record", **picked, expected_revision=1)
    unit = await floor.serial("S4")
    assert (unit["status"], unit["held_by_id"], unit["zone_id"], unit["revision"]) == ("picked", commit_id, stage, 3)

    packed = await floor.do("/pack/record", **named, expected_revision=2, quantity=2)
    assert packed["entries"][0]["serials"] == ["S2", "S3"]
    mine = await floor.ask("/ship/record", **named, expected_revision=3, quantity=1, serials=["S4"])
    theirs = await floor.ask("/ship/record", **named, expected_revision=3, quantity=1, serials=["S1"])
    assert [(answer.status, answer.error_code) for answer in (mine, theirs)] == [(409, "ics.conflict_state")] * 2

    shipped = await floor.do("/ship/record", **named, expected_revision=3, quantity=1, serials=["S3"])
    assert shipped["entries"][0]["serials"] == ["S3"]
    unit = await floor.serial("S3")
    assert (unit["status"], unit["on_hand"], unit["logical_guid"], unit["held_by_id"]) == ("shipped", 0, None, None)
    assert unit["last_entry_id"] == shipped["entries"][0]["entry_id"]

    released = await floor.do("/commit/release", **named, expected_revision=4, quantity=2, serials=["S4", "S1"])
    assert (released["commit"]["open"], released["commit"]["picked"], released["commit"]["packed"]) == (0, 0, 1)
    unit = await floor.serial("S4")
    assert (unit["status"], unit["held_by_id"], unit["zone_id"]) == ("in_stock", None, stage)


async def test_tracked_serials_must_be_named_when_units_leave_the_shelf(ics: ServiceClient) -> None:
    floor = Floor(ics, "V1")
    await floor.stocked(3, serials=["S1", "S2", "S3"])
    named: dict[str, Any] = {"commit_id": (await floor.commit(3))["commit_id"], "expected_revision": 1}
    await floor.policy(tracking="serial")

    answers = [
        await floor.ask("/pick/record", **named, quantity=1),
        await floor.ask("/ship/record", **named, quantity=1, from_stage="open"),
        await floor.ask("/adjustment/create", variant_id="V1", delta=-1, reason_code="loss"),
    ]
    assert [(answer.status, list(answer.problems)) for answer in answers] == [(400, ["serials"])] * 3
    await floor.do("/pick/record", **named, quantity=1, serials=["S2"])


async def test_a_commit_on_another_channel_than_its_promises_is_refused(ics: ServiceClient) -> None:
    floor = Floor(ics, "VAR-CH")
    await floor.stocked(5)
    cart = await floor.reserve(2)
    named = {"reservation_id": cart["reservation_id"], "order_ref": "O-1"}
    refused = await floor.ask("/commit/create", **named, expected_revision=1, channel_code="SHOP")
    assert (refused.status, list(refused.problems)) == (400, ["channel_code"])
    stale = await floor.ask("/commit/create", **named, expected_revision=2, channel_code="SHOP")
    assert (stale.status, stale.details) == (409, {"current_revision": 1}), "the revision is checked first"
    assert (await floor.do("/commit/create", **named, expected_revision=1, channel_code="WEB"))["commit"]["open"] == 2
    again = await floor.reserve(1)
    await floor.do("/commit/create", reservation_id=again["reservation_id"], expected_revision=1, order_ref="O-2")


async def test_a_promise_of_another_channel_or_variant_is_not_committed(ics: ServiceClient) -> None:
    floor = Floor(ics, "VAR-1")
    await floor.stocked(9)
    cart = await floor.reserve(2)
    allocated = await floor.do(
        "/allocation/create", variant_id="VAR-1", quantity=2, order_ref="O-1", channel_code="WEB"
    )
    for promise in (
        {"reservation_id": cart["reservation_id"], "order_ref": "O-1"},
        {"allocation_id": allocated["allocation"]["allocation_id"]},
    ):
        for wrong, field in (({"channel_code": "POS"}, "channel_code"), ({"variant_id": "VAR-2"}, "variant_id")):
            refused = await floor.ask("/commit/create", **promise, expected_revision=1, **wrong)
            assert (refused.status, list(refused.problems)) == (400, [field]), promise
            stale = await floor.ask("/commit/create", **promise, expected_revision=9, **wrong)
            assert (stale.status, stale.error_code) == (409, "ics.revision_conflict"), "the revision is checked before"
    made = await floor.do(
        "/commit/create",
        reservation_id=cart["reservation_id"],
        expected_revision=1,
        order_ref="O-1",
        channel_code="WEB",
    )
    assert made["commit"]["channel_code"] == "WEB"

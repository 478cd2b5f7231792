"""Reservations, allocations and commits as get and list show them."""

from typing import Any

from chassis.clock import FixedClock
from chassis.testing.client import ServiceClient
from services.ics.reservation.store import RESERVATIONS
from tests.ics.crowds import crowd_like, walked
from tests.ics.floor import Floor
from tests.ics.given import an_id

CROWD = 3_000
Record = dict[str, Any]


async def test_each_link_of_a_chain_is_found_by_what_names_it(ics: ServiceClient) -> None:
    floor = Floor(ics, "VAR-1")
    await floor.stocked(20)
    cart = await floor.reserve(5, demand_ref="CART-1")
    made = await floor.do(
        "/allocation/create",
        reservation_id=cart["reservation_id"],
        expected_revision=1,
        order_ref="O-7",
        quantity=4,
        channel_code="WEB",
    )
    allocation, cart = made["allocation"], made["reservation"]
    made = await floor.do("/commit/create", allocation_id=allocation["allocation_id"], expected_revision=1, quantity=3)
    commit, allocation = made["commit"], made["allocation"]
    other = await floor.commit(1, order_ref="O-8", due_utc="2026-03-03T10:00:00.000Z")

    got = [
        (await floor.do("/reservation/get", reservation_id=cart["reservation_id"]))["reservation"],
        (await floor.do("/allocation/get", allocation_id=allocation["allocation_id"]))["allocation"],
        (await floor.do("/commit/get", commit_id=commit["commit_id"]))["commit"],
    ]

    assert got == [cart, allocation, commit], "they are shown as the last answer showed them"
    assert (commit["reservation_id"], commit["source"]) == (cart["reservation_id"], "allocation")
    for path, record, names in (
        ("/reservation/list", cart, ("logical_guid", "channel_code", "variant_id", "status", "demand_type")),
        ("/reservation/list", cart, ("demand_ref",)),
        ("/allocation/list", allocation, ("logical_guid", "channel_code", "variant_id", "status", "order_ref")),
        ("/allocation/list", allocation, ("reservation_id",)),
        ("/commit/list", commit, ("allocation_id", "order_ref")),
        ("/commit/list", commit, ("reservation_id",)),
    ):
        for name in names:
            found = await walked(ics, path, **{name: record[name]})
            assert record in found, (path, name)
            assert all(each[name] == record[name] for each in found), (path, name)
        assert await walked(ics, path, **{name: record[name] for name in names}) == [record]
    assert await walked(ics, "/commit/list", status="open") == [other, commit], "newest first"
    assert await walked(ics, "/commit/list", due_before="2026-03-03T10:00:00.001Z") == [other]
    assert await walked(ics, "/commit/list", due_before="2026-03-03T10:00:00.000Z") == []
    assert await walked(ics, "/allocation/list", order_ref="O-8") == []


async def test_what_is_not_there_is_not_found(ics: ServiceClient) -> None:
    for noun in ("reservation", "allocation", "commit"):
        answer = await ics.post(f"/{noun}/get", **{f"{noun}_id": an_id()})
        assert (answer.status, answer.error_code) == (404, "ics.not_found")


async def test_an_overdue_reservation_is_listed_as_it_is_stored(ics: ServiceClient, clock: FixedClock) -> None:
    floor = Floor(ics, "VAR-1")
    await floor.stocked(5)
    short = await floor.reserve(1, ttl_seconds=60)
    long = await floor.reserve(1, ttl_seconds=600)
    clock.advance(61)

    overdue = await walked(ics, "/reservation/list", status="active", expires_before=clock.now())
    assert [each["reservation_id"] for each in overdue] == [short["reservation_id"]]
    await floor.do("/reservation/expire", reservation_id=short["reservation_id"], expected_revision=1)
    assert await walked(ics, "/reservation/list", status="active") == [long]
    (expired,) = await walked(ics, "/reservation/list", logical_guid="FAC-A", status="expired")
    assert (expired["reservation_id"], expired["expired"]) == (short["reservation_id"], 1)


async def test_a_page_among_thousands_is_whole_and_nothing_comes_twice(ics: ServiceClient, clock: FixedClock) -> None:
    floor = Floor(ics, "VAR-L")
    await floor.stocked(10)
    rare = await floor.reserve(1, demand_type="quote", demand_ref="RARE")
    one = await floor.reserve(1, demand_ref="CROWD")
    crowd = await crowd_like(ics, RESERVATIONS, one["reservation_id"], CROWD, now=clock.now())

    assert await walked(ics, "/reservation/list", demand_ref="RARE") == [rare]
    assert await walked(ics, "/reservation/list", demand_type="quote") == [rare], "behind all the others"
    everything = await walked(ics, "/reservation/list", limit=256, variant_id="VAR-L", status="active")
    expected = [*reversed(crowd), one["reservation_id"], rare["reservation_id"]]
    assert [each["reservation_id"] for each in everything] == expected


async def test_a_reason_is_kept_on_the_promise_and_in_its_entries(ics: ServiceClient) -> None:
    floor = Floor(ics, "VAR-1")
    await floor.stocked(9)
    cart = await floor.reserve(3, demand_ref="CART-2")
    named: Record = {"reservation_id": cart["reservation_id"], "quantity": 1}
    await floor.do("/reservation/release", **named, expected_revision=1, reason="too many")
    await floor.do("/reservation/release", **named, expected_revision=2)
    last = await floor.do("/reservation/release", **named, expected_revision=3, reason="changed their mind")
    commit = await floor.commit(2, order_ref="O-9")
    named = {"commit_id": commit["commit_id"], "expected_revision": 1}
    released = (await floor.do("/commit/release", **named, reason="cancelled"))["commit"]

    said = [(each["text"], each["revision"], each["call"], each["line_no"]) for each in last["reservation"]["remarks"]]
    call = "ics_reservation_release"
    assert said == [("changed their mind", 4, call, None), ("too many", 2, call, None)], "newest first"
    assert last["reservation"]["remarks"][0]["made_by"] == last["reservation"]["updated_by"]
    assert [each["text"] for each in released["remarks"]] == ["cancelled"]
    entries = await floor.cards(kind="release")
    assert [each["reason"] for each in entries] == ["too many", None, "changed their mind", "cancelled"]
    assert [each["order_ref"] for each in entries] == ["CART-2"] * 3 + ["O-9"]


async def test_entries_are_found_by_the_order_they_were_written_for(ics: ServiceClient, clock: FixedClock) -> None:
    floor = Floor(ics, "VAR-1")
    await floor.stocked(9)
    commit = await floor.commit(2, order_ref="O-1")
    await floor.commit(1, order_ref="O-2")
    await floor.do("/pick/record", commit_id=commit["commit_id"], expected_revision=1, quantity=2)
    cart = await floor.reserve(1, demand_ref="O-1", ttl_seconds=30)
    clock.advance(31)
    await floor.reserve(1, demand_ref="O-3")

    of_item = await floor.cards(order_ref="O-1")
    of_org = await floor.cards(order_ref="O-1", variant_id=None, logical_guid=None)

    assert [each["kind"] for each in of_item] == ["commit", "pick", "reserve", "expire"]
    assert of_item[-1]["document_id"] == cart["reservation_id"], "an expired promise's entries are of its order"
    assert of_org == of_item
    assert [each["order_ref"] for each in await floor.cards(kind="receive")] == [None]

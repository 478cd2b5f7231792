"""How long reservations last: the policy's limit, and extensions."""

from typing import Any

import pytest

from chassis.clock import FixedClock, later
from chassis.testing.client import ServiceClient
from tests.ics.floor import Floor


async def test_an_extension_moves_the_end_and_nothing_else(ics: ServiceClient, clock: FixedClock) -> None:
    floor = Floor(ics, "VAR-1")
    await floor.stocked(5)
    cart = await floor.reserve(2, ttl_seconds=60)
    before = await floor.stock()
    clock.advance(50)
    ics.events.clear()

    longer = await floor.do("/reservation/extend", reservation_id=cart["reservation_id"], expected_revision=1)

    reservation = longer["reservation"]
    assert reservation["expires_utc"] == later(clock.now(), 900), "the policy's time from now"
    changed = {"expires_utc", "revision", "updated_utc"}
    assert {name for name in cart if cart[name] != reservation[name]} == changed
    assert ics.events == ["ics.reservation.extended"]
    assert await floor.stock() == before
    clock.advance(60)
    await floor.reserve(3)
    shown = (await floor.do("/reservation/get", reservation_id=cart["reservation_id"]))["reservation"]
    assert shown["status"] == "active", "the next promise does not expire it"
    clock.advance(900)
    await floor.reserve(1)
    shown = (await floor.do("/reservation/get", reservation_id=cart["reservation_id"]))["reservation"]
    assert shown["status"] == "expired", "but one after its new end does"


async def extended(floor: Floor, cart: dict[str, Any], seconds: int, clock: FixedClock) -> tuple[int, str, list[str]]:
    """Status, code and fields of an extension to the given number of seconds from now."""
    until = later(clock.now(), seconds)
    answer = await floor.ask(
        "/reservation/extend",
        reservation_id=cart["reservation_id"],
        expected_revision=cart["revision"],
        expires_utc=until,
    )
    fields = answer.details.get("fields", []) if answer.status == 400 else []
    return answer.status, answer.error_code if answer.status != 200 else "", [each["path"] for each in fields]


async def test_an_extension_ends_within_the_policys_limit(ics: ServiceClient, clock: FixedClock) -> None:
    floor = Floor(ics, "VAR-1")
    await floor.policy(reservation_max_seconds=1000)
    await floor.stocked(5)
    cart = await floor.reserve(2, ttl_seconds=500)
    clock.advance(100)

    refused = (400, "ics.validation_failed", ["expires_utc"])
    for seconds in (0, -1, 400, 901):
        assert await extended(floor, cart, seconds, clock) == refused, seconds
    assert await extended(floor, cart, 900, clock) == (200, "", [])
    at_limit = await floor.ask("/reservation/extend", reservation_id=cart["reservation_id"], expected_revision=2)
    assert (at_limit.status, at_limit.error_code, at_limit.details["status"]) == (409, "ics.conflict_state", "active")


async def test_what_is_overdue_or_released_is_not_extended(ics: ServiceClient, clock: FixedClock) -> None:
    floor = Floor(ics, "VAR-1")
    await floor.stocked(5)
    overdue, gone = await floor.reserve(1, ttl_seconds=60), await floor.reserve(1)
    clock.advance(61)
    answer = await floor.do("/reservation/release", reservation_id=gone["reservation_id"], expected_revision=1)

    for cart in (overdue, answer["reservation"]):
        named = {"reservation_id": cart["reservation_id"], "expected_revision": cart["revision"]}
        refused = await floor.ask("/reservation/extend", **named)
        assert (refused.status, refused.error_code) == (409, "ics.conflict_state")
        assert refused.details["status"] == cart["status"]
    unnamed = await floor.ask("/reservation/extend", reservation_id=overdue["reservation_id"])
    assert (unnamed.status, unnamed.details) == (428, {"current_revision": 1})
    elsewhere = ics.in_facility("FAC-B")
    answer = await elsewhere.post("/reservation/extend", reservation_id=overdue["reservation_id"], expected_revision=1)
    assert answer.status == 404


@pytest.mark.parametrize(("asked", "lasts"), [(None, 100), (100, 100), (40, 40), (101, None)])
async def test_a_new_reservation_lasts_no_longer_than_the_policys_limit(
    ics: ServiceClient, clock: FixedClock, asked: int | None, lasts: int | None
) -> None:
    floor = Floor(ics, "VAR-1")
    policy = await floor.policy(reservation_max_seconds=100)
    assert policy["values"]["reservation_max_seconds"] == 100
    await floor.stocked(5)

    body = {"ttl_seconds": asked} if asked is not None else {}
    answer = await floor.ask("/reservation/create", variant_id="VAR-1", quantity=1, channel_code="WEB", **body)

    if lasts is None:
        assert (answer.status, list(answer.problems)) == (400, ["ttl_seconds"])
    else:
        assert answer.data["reservation"]["expires_utc"] == later(clock.now(), lasts)

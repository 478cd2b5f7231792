from typing import Any

import pytest

from chassis.clock import FixedClock
from chassis.testing.client import ServiceClient
from tests.ics.given import CHANNEL, FACILITY, VARIANT

ON_CHANNEL = {"x-channel-code": CHANNEL}


async def post(ics: ServiceClient, path: str, **body: Any) -> Any:
    """The data of a call that succeeds."""
    answer = await ics.post(path, headers=ON_CHANNEL, **body)
    assert answer.status == 200, (path, answer)
    return answer.data


async def stocked(ics: ServiceClient, quantity: int, variant_id: str = VARIANT, **line: Any) -> None:
    """Good units on the shelf."""
    lines = [{"variant_id": variant_id, "quantity": quantity} | line]
    receive_id = (await post(ics, "/receive/record", lines=lines))["receive"]["receive_id"]
    await post(ics, "/qc/complete", receive_id=receive_id, expected_revision=1)


async def atp(ics: ServiceClient, variant_id: str = VARIANT, **asked: Any) -> dict[str, Any]:
    """The one facility's terms of a variant."""
    data = (await ics.post("/atp/query", variant_ids=[variant_id], **asked)).data
    facility: dict[str, Any] = data["items"][0]["facilities"][0]
    return facility


async def test_a_variant_nobody_has_seen_answers_zeros(ics: ServiceClient) -> None:
    facility = await atp(ics)
    assert (facility["logical_guid"], facility["atp"], facility["promisable"], facility["seq"]) == (FACILITY, 0, 0, 0)


async def test_safety_stock_and_holdbacks_lower_what_can_be_promised(ics: ServiceClient) -> None:
    await stocked(ics, 93)
    await ics.plain.post("/stock/policy/set", safety_stock=10)
    await post(ics, "/holdback/set", variant_id=VARIANT, channel_code=CHANNEL, quantity=8)

    on_web, anywhere = await atp(ics, channel_code=CHANNEL), await atp(ics)

    assert (on_web["held_back"], on_web["atp"], on_web["promisable"]) == (8, 75, 75)
    assert (anywhere["held_back"], anywhere["safety_stock"], anywhere["promisable"]) == (0, 10, 83)


async def test_an_overdue_promise_is_free_before_anyone_lets_it_lapse(ics: ServiceClient, clock: FixedClock) -> None:
    await stocked(ics, 10)
    await post(ics, "/reservation/create", variant_id=VARIANT, quantity=4, ttl_seconds=20)
    held = await atp(ics)
    clock.advance(20)
    lapsed = await atp(ics)
    taken = await ics.post("/reservation/create", headers=ON_CHANNEL, variant_id=VARIANT, quantity=11)
    await post(ics, "/reservation/create", variant_id=VARIANT, quantity=10)

    assert (held["available"], held["overdue"], held["promisable"]) == (6, 0, 6)
    assert (lapsed["available"], lapsed["overdue"], lapsed["promisable"]) == (6, 4, 10)
    assert (taken.status, taken.error_code) == (409, "ics.insufficient_stock")


async def test_an_expired_lot_is_not_promised(ics: ServiceClient) -> None:
    await stocked(ics, 5, lot_code="L-OLD", expiry_date="2026-01-01")
    await stocked(ics, 2, lot_code="L-NEW", expiry_date="2999-01-01")
    facility = await atp(ics)
    assert (facility["available"], facility["unsellable"], facility["promisable"]) == (7, 5, 2)


@pytest.mark.parametrize("beyond", [0, 1])
async def test_a_promise_of_promisable_succeeds_and_one_more_does_not(ics: ServiceClient, beyond: int) -> None:
    await ics.plain.post("/stock/policy/set", backorder_limit=3, safety_stock=1)
    await stocked(ics, 6)
    quantity = (await atp(ics))["promisable"] + beyond
    answer = await ics.post("/reservation/create", headers=ON_CHANNEL, variant_id=VARIANT, quantity=quantity)
    assert answer.status == (409 if beyond else 200)


async def test_facilities_are_those_named_or_the_one_in_context_or_all(ics: ServiceClient) -> None:
    for facility, quantity in (("FAC-B", 3), ("FAC-A", 4)):
        await stocked(ics.in_facility(facility), quantity)

    everywhere = (await ics.plain.post("/atp/query", variant_ids=[VARIANT])).data["items"][0]
    here = (await ics.post("/atp/query", variant_ids=[VARIANT])).data["items"][0]
    named = (await ics.post("/atp/query", variant_ids=[VARIANT], logical_guids=["FAC-C", "FAC-B"])).data["items"][0]
    unknown = (await ics.plain.post("/atp/query", variant_ids=["VAR-X"])).data["items"][0]

    assert [each["logical_guid"] for each in everywhere["facilities"]] == ["FAC-A", "FAC-B"]
    assert (everywhere["atp"], everywhere["promisable"]) == (7, 7)
    assert [(each["logical_guid"], each["atp"]) for each in here["facilities"]] == [("FAC-A", 4)]
    assert [(each["logical_guid"], each["atp"]) for each in named["facilities"]] == [("FAC-C", 0), ("FAC-B", 3)]
    assert (unknown["facilities"], unknown["atp"]) == ([], 0)


async def test_items_come_as_asked_and_nothing_is_named_twice(ics: ServiceClient) -> None:
    asked = ["VAR-2", "VAR-1"]
    data = (await ics.post("/atp/query", variant_ids=asked, channel_code="web", by_date="2026-04-01")).data
    assert [item["variant_id"] for item in data["items"]] == asked
    assert (data["channel_code"], data["by_date"]) == ("WEB", "2026-04-01")

    for field in ("variant_ids", "logical_guids"):
        body: dict[str, Any] = {"variant_ids": ["VAR-1"]} | {field: ["X", "X"]}
        refused = await ics.post("/atp/query", headers={}, **body)
        assert (refused.status, set(refused.problems)) == (400, {field})

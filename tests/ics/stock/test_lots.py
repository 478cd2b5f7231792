"""Lots by expiry, with what is where."""

from itertools import pairwise
from typing import Any

import pytest

from chassis.clock import Date, FixedClock, day_of, days_after
from chassis.testing.client import ServiceClient
from services.ics.serial.store import AFTER_ALL, NO_EXPIRY, SERIALS
from services.ics.stock.lots import StockLotListRequest, spans
from tests.ics.crowds import crowd_like, walked
from tests.ics.floor import Floor

Record = dict[str, Any]
CROWD = 2_000
TODAY = Date("2026-03-02")


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [
        ({}, "", AFTER_ALL),
        ({"expires_from": "2026-03-05"}, "2026-03-05", NO_EXPIRY),
        ({"expires_by": "2026-03-05"}, "", "2026-03-06"),
        ({"expires_from": "2026-03-01", "expires_by": "2026-03-01"}, "2026-03-01", "2026-03-02"),
        ({"variant_id": "V"}, "", AFTER_ALL),
    ],
)
def test_spans_cover_the_dates_asked_for_without_gaps(asked: Any, first: str, last: str) -> None:
    found = list(spans(TODAY, StockLotListRequest(**asked)))
    assert (found[0][0], found[-1][1]) == (first, last)
    assert all(low < high for low, high in found)
    assert all(one[1] == following[0] for one, following in pairwise(found))


def test_no_date_lies_between_a_later_one_and_an_earlier_one() -> None:
    asked = StockLotListRequest(expires_from=Date("2026-03-05"), expires_by=Date("2026-03-04"))
    assert list(spans(TODAY, asked)) == []


def names(items: list[Record]) -> list[tuple[str, str, str]]:
    return [(each["variant_id"], each["lot_code"], each["logical_guid"]) for each in items]


async def lots(client: ServiceClient, **filters: Any) -> list[tuple[str, str, str]]:
    """What a walk finds, in any facility unless one is named."""
    return names(await walked(client, "/stock/lot/list", **({"logical_guid": None} | filters)))


async def test_lots_are_listed_by_expiry_with_what_is_where(ics: ServiceClient, clock: FixedClock) -> None:
    today = day_of(clock.now())
    one, two = Floor(ics, "V-1"), Floor(ics, "V-2")
    there = Floor(ics.in_facility("FAC-B"), "V-1")
    for floor in (one, two):
        await floor.policy(qc="skip")
    soon, late = days_after(today, 5), days_after(today, 500)
    await one.stocked(5, lot_code="SOON", expiry_date=soon, manufacture_date="2026-01-01")
    await there.stocked(2, lot_code="SOON")
    await two.stocked(4, lot_code="SOON", expiry_date=soon)
    await one.stocked(3, lot_code="LATE", expiry_date=late)
    await two.stocked(1, lot_code="EVER")
    await one.stocked(9)
    await one.stocked(1, lot_code="GONE", expiry_date=soon)
    gone = {"variant_id": "V-1", "lot_code": "GONE", "delta": -1, "reason_code": "loss"}
    await one.do("/adjustment/create", **gone)
    await one.reserve(2)

    soon_one, soon_there, soon_two = ("V-1", "SOON", "FAC-A"), ("V-1", "SOON", "FAC-B"), ("V-2", "SOON", "FAC-A")
    late_one, ever = ("V-1", "LATE", "FAC-A"), ("V-2", "EVER", "FAC-A")
    everything = [soon_one, soon_there, soon_two, late_one, ever]
    assert await lots(ics) == everything, "lots without units and units without a lot are not listed"
    for limit in (1, 2, 3, 5):
        assert await lots(ics, limit=limit) == everything, limit
    for filters, found in (
        ({"logical_guid": "FAC-B"}, [soon_there]),
        ({"variant_id": "V-1"}, [soon_one, soon_there, late_one]),
        ({"lot_code": "SOON"}, [soon_one, soon_there, soon_two]),
        ({"lot_code": "SOON", "variant_id": "V-2"}, [soon_two]),
        ({"expires_by": soon}, [soon_one, soon_there, soon_two]),
        ({"expires_by": days_after(soon, -1)}, []),
        ({"expires_from": days_after(soon, 1)}, [late_one]),
        ({"sellable": False}, []),
    ):
        assert await lots(ics, **filters, limit=1) == found, filters
    (first,) = (await one.do("/stock/lot/list", lot_code="SOON", variant_id="V-1", logical_guid="FAC-A"))["items"]
    stock = await one.stock()
    assert (first["expiry_date"], first["manufacture_date"]) == (soon, "2026-01-01")
    assert (first["blocked"], first["sellable"], first["seq"]) == (False, True, stock["seq"])
    of_lot = [each for each in stock["positions"] if each["lot_code"] == "SOON"]
    assert first["buckets"]["available"] + first["buckets"]["reserved"] == first["on_hand"] == 5
    assert sum(each["quantity"] for each in of_lot) == 5
    clock.advance(6 * 24 * 3600)
    assert await lots(ics, sellable=False) == [soon_one, soon_there, soon_two]
    assert await lots(ics, sellable=True) == [late_one, ever]


async def test_units_of_a_lot_on_their_way_are_listed_where_they_go(ics: ServiceClient) -> None:
    floor = Floor(ics, "V-1")
    await floor.stocked(5, lot_code="L-1")
    await floor.send(5, "FAC-B")
    (coming,) = await walked(ics, "/stock/lot/list", logical_guid="FAC-B")
    assert (coming["buckets"]["in_transit"], coming["on_hand"]) == (5, 0)
    assert await lots(ics) == [("V-1", "L-1", "FAC-B")]


async def test_a_token_belongs_to_its_filters_and_is_not_altered(ics: ServiceClient) -> None:
    floor = Floor(ics, "V-1")
    await floor.stocked(5, lot_code="L-1")
    await floor.stocked(5, lot_code="L-2")
    token = (await floor.do("/stock/lot/list", limit=1))["next_token"]
    for body in (
        {"next_token": token, "variant_id": "V-1"},
        {"next_token": token[:-1] + ("A" if token[-1] != "A" else "B")},
        {"next_token": token.partition(".")[0] + ".x"},
    ):
        refused = await floor.ask("/stock/lot/list", **body)
        assert (refused.status, list(refused.problems)) == (400, ["next_token"]), body


async def test_lots_that_are_used_up_are_walked_past(ics: ServiceClient, clock: FixedClock) -> None:
    floor = Floor(ics, "V-1")
    await floor.stocked(5, lot_code="LATE", expiry_date=days_after(day_of(clock.now()), 90))
    used = {"variant_id": "V-1", "kind": "batch", "lot_code": "USED", "expiry_date": str(day_of(clock.now()))}
    batch = (await floor.do("/serial/register", **used))["serial"]

    def code(number: int) -> str:
        return f"USED-{number}"

    await crowd_like(ics, SERIALS, batch["serial_id"], CROWD, now=clock.now(), lot_code=code, number=code)

    assert await lots(ics) == [("V-1", "LATE", "FAC-A")]

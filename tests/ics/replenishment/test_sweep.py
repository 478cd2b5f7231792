import asyncio
from typing import Any

import pytest
import pytest_asyncio

from chassis.clock import FixedClock
from chassis.errors import Invalid
from chassis.testing.client import ServiceClient
from tests.ics.floor import Floor
from tests.ics.replenishment.places import Aisle, an_aisle
from tests.ics.sweeping import sweep, until_calm
from tests.waiting import within

COUNTERS = ("scanned", "matched", "processed", "executed", "skipped_missing_overstock", "skipped_no_stock", "conflicts")


def counts(answer: dict[str, Any]) -> tuple[int, ...]:
    return tuple(answer[name] for name in COUNTERS)


@pytest_asyncio.fixture(loop_scope="module")
async def aisle(ics: ServiceClient, clock: FixedClock) -> Aisle:
    """A pick bin with 5 units and an overstock bin with 50; the clock's own sweep is done."""
    clock.advance(3600)
    aisle = await an_aisle(ics, "V1", pick=5, over=50)
    await until_calm(ics)
    return aisle


async def test_a_sweep_fills_what_is_below_its_minimum_once_a_window(aisle: Aisle, clock: FixedClock) -> None:
    rule = await aisle.rule(min_qty=10, max_qty=20)
    aisle.ics.events.clear()

    first, second = await sweep(aisle.ics), await sweep(aisle.ics)

    assert counts(first) == (1, 1, 1, 1, 0, 0, 0)
    assert counts(second) == (1, 0, 0, 0, 0, 0, 0)
    assert (first["job"], first["as_of"][:4], first["limit"], first["next_cursor"]) == (
        "replenishment-sweep",
        "2026",
        50,
        None,
    )
    assert await aisle.units() == (20, 35)
    assert aisle.ics.events == ["ics.replenishment.recorded"]
    (entry,) = [each for each in await aisle.floor.cards() if each["kind"] == "replenish"]
    assert (entry["document_type"], entry["document_id"], entry["recorded_by"]) == (
        "replenishment",
        rule["rule_id"],
        "system",
    )


async def test_a_rule_moves_at_most_once_a_window(aisle: Aisle, clock: FixedClock) -> None:
    await aisle.rule(min_qty=10, max_qty=20)
    await sweep(aisle.ics, as_of_utc="2026-03-02T12:14:59.999Z")
    await aisle.take_from_pick(15)

    same = await sweep(aisle.ics, as_of_utc="2026-03-02T12:00:00.000Z")
    dry = await sweep(aisle.ics, dry_run=True, as_of_utc="2026-03-02T12:15:00.000Z")
    following = await sweep(aisle.ics, as_of_utc="2026-03-02T12:15:00.000Z")
    earlier = await sweep(aisle.ics, as_of_utc="2026-03-02T12:00:00.000Z")

    assert counts(same) == (1, 1, 1, 0, 0, 0, 1)
    assert counts(dry) == (1, 1, 1, 0, 0, 0, 0)
    assert counts(following) == (1, 1, 1, 1, 0, 0, 0)
    assert counts(earlier) == (1, 0, 0, 0, 0, 0, 0)
    assert await aisle.units() == (20, 20)


async def test_what_cannot_move_is_counted_by_its_reason(aisle: Aisle) -> None:
    floor = aisle.floor
    await aisle.rule(min_qty=10, max_qty=20, overstock=None)
    no_overstock = await sweep(aisle.ics)
    await aisle.rule(min_qty=10, max_qty=20, revision=1, multiple=100)
    no_stock = await sweep(aisle.ics)
    full = await floor.do("/bin/create", zone_id=aisle.pick_zone, code="FULL", capacity=3)
    await aisle.archive()
    await aisle.rule(min_qty=10, max_qty=20, pick_bin_id=full["bin"]["bin_id"])
    too_full = await sweep(aisle.ics)
    await floor.do("/bin/status/set", bin_id=full["bin"]["bin_id"], expected_revision=1, status="inactive")
    inactive, dry = await sweep(aisle.ics), await sweep(aisle.ics, dry_run=True)

    assert counts(no_overstock) == (1, 1, 1, 0, 1, 0, 0)
    assert counts(no_stock) == (1, 1, 1, 0, 0, 1, 0)
    assert counts(too_full) == counts(inactive) == counts(dry) == (1, 1, 1, 0, 0, 0, 1)
    assert await aisle.units() == (5, 50)


async def test_an_inactive_overstock_place_counts_as_missing(aisle: Aisle) -> None:
    floor = aisle.floor
    empty = await floor.do("/bin/create", zone_id=aisle.over_zone, code="EMPTY")
    await aisle.rule(min_qty=10, max_qty=20, overstock=(aisle.over_zone, empty["bin"]["bin_id"]))
    nothing_there = await sweep(aisle.ics)
    await floor.do("/bin/status/set", bin_id=empty["bin"]["bin_id"], expected_revision=1, status="inactive")

    assert counts(nothing_there) == (1, 1, 1, 0, 0, 1, 0)
    assert counts(await sweep(aisle.ics)) == (1, 1, 1, 0, 1, 0, 0)


async def test_runs_go_on_where_the_last_with_the_same_filters_stopped(ics: ServiceClient, aisle: Aisle) -> None:
    for number in range(3):
        zone = (await aisle.floor.do("/zone/create", code=f"P-{number}"))["zone"]["zone_id"]
        await aisle.rule(min_qty=2, max_qty=2, pick_zone_id=zone, pick_bin_id=None)

    dry = await sweep(ics, limit=2, dry_run=True)
    first = await sweep(ics, limit=2)
    elsewhere = await sweep(ics, limit=1, logical_guid="FAC-A")
    second = await sweep(ics, limit=2)
    again = await sweep(ics, limit=2)

    assert counts(dry) == (2, 2, 2, 0, 0, 0, 0)
    assert counts(first) == (2, 2, 2, 2, 0, 0, 0)
    assert dry["next_cursor"] == first["next_cursor"]
    assert counts(elsewhere) == (1, 0, 0, 0, 0, 0, 0)
    assert counts(second) == (1, 1, 1, 1, 0, 0, 0)
    assert second["next_cursor"] is None
    assert counts(again) == (2, 0, 0, 0, 0, 0, 0)


async def test_paused_and_archived_rules_are_not_read(aisle: Aisle) -> None:
    rule = await aisle.rule(min_qty=10, max_qty=20)
    named = {"rule_id": rule["rule_id"]}
    await aisle.floor.do("/replenishment/rule/status/set", **named, expected_revision=1, status="paused")
    assert counts(await sweep(aisle.ics)) == (0,) * 7
    await aisle.floor.do("/replenishment/rule/status/set", **named, expected_revision=2, status="archived")
    assert counts(await sweep(aisle.ics)) == (0,) * 7


async def test_the_clock_sweeps_every_org_by_itself(aisle: Aisle, clock: FixedClock) -> None:
    await aisle.rule(min_qty=10, max_qty=20)
    clock.advance(3600)

    async with within(20.0):
        while await aisle.units() != (20, 35):
            await until_calm(aisle.ics)
            clock.advance(15)


async def test_params_that_do_not_fit_are_refused(ics: ServiceClient) -> None:
    wrongs: list[dict[str, Any]] = [
        {"limit": 0},
        {"limit": 501},
        {"as_of_utc": "2026-02-31T12:00:00.000Z"},
        {"as_of_utc": "noon"},
        {"job": "x"},
        {"y": 1},
    ]
    await until_calm(ics)
    for wrong in wrongs:
        with pytest.raises(Invalid):
            await sweep(ics, **wrong)


async def test_two_who_sweep_at_once_move_each_rule_once(aisle: Aisle) -> None:
    await aisle.rule(min_qty=10, max_qty=20)
    runs = await asyncio.gather(*(sweep(aisle.ics) for _ in range(4)), return_exceptions=True)
    done = [run for run in runs if isinstance(run, dict)]
    assert sum(run["executed"] for run in done) == 1
    assert await aisle.units() == (20, 35)


async def test_a_shortfall_is_filled_by_what_a_sweep_moves_as_by_any_arrival(ics: ServiceClient, aisle: Aisle) -> None:
    floor = Floor(ics, "V1")
    await aisle.rule(min_qty=10, max_qty=20)
    await floor.reserve(8)
    await sweep(ics)
    pick, over = await aisle.units()
    assert pick + over == 47
    assert await floor.totals() == (47, 0, 0, 0, 8, 0, 0, 55)


async def test_a_facility_is_swept_whatever_the_org(ics: ServiceClient, clock: FixedClock) -> None:
    clock.advance(3600)
    others = ics.as_caller(orgcode=f"{ics.caller.orgcode[:15]}Z") if ics.caller and ics.caller.orgcode else ics
    aisles = [await an_aisle(each.in_facility("FAC-LONE"), "V1", pick=0, over=50) for each in (ics, others)]
    await until_calm(ics)
    for aisle in aisles:
        await aisle.rule(min_qty=10, max_qty=20)

    answer = await sweep(ics, orgcode=None, logical_guid="FAC-LONE")

    assert counts(answer) == (2, 2, 2, 2, 0, 0, 0)
    assert [await aisle.units() for aisle in aisles] == [(20, 30)] * 2

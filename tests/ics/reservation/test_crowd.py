"""A crowd at one item: overdue promises are expired, and waiting holders filled, a bounded number a transaction."""

import asyncio
from typing import Any

import pytest
from msgspec.structs import replace

from chassis.caller import SYSTEM, Call
from chassis.clock import FixedClock
from chassis.ids import new_id
from chassis.testing.client import ServiceClient
from chassis.unit import View
from services.ics.ledger import post
from services.ics.ledger.holder import HOLDERS_MAX
from services.ics.ledger.promises import waiting_promises
from services.ics.ledger.store import Promise
from services.ics.reservation.gauges import OverdueGauges
from services.ics.reservation.jobs import OverdueAnswer, OverdueParams, overdue_sweep
from tests.ics.floor import Floor
from tests.waiting import within

CROWD = 2 * HOLDERS_MAX + 50
TTL_SECONDS = 60
PATIENCE_SECONDS = 60.0


async def crowd(floor: Floor, size: int = CROWD, **body: Any) -> None:
    """So many reservations of one unit each, which all end at the same moment."""
    for start in range(0, size, 64):
        several = range(min(64, size - start))
        await asyncio.gather(*(floor.reserve(1, ttl_seconds=TTL_SECONDS, **body) for _ in several))


async def promisable(floor: Floor) -> tuple[int, int]:
    """What atp/query says can be promised, and what stock/get shows as reserved."""
    return await floor.promisable(), (await floor.stock())["buckets"]["reserved"]


async def sweep(
    ics: ServiceClient, clock: FixedClock, seconds: int = 60, every_org: bool = False, **params: Any
) -> OverdueAnswer:
    """One run of the sweep, in the client's org or in all."""
    runtime = ics.application.runtime
    call = Call(caller=SYSTEM, name="overdue-sweep", request_id=new_id(clock.now()), started_utc=clock.now())
    settings = replace(runtime.settings, ics_overdue_seconds=seconds)
    gauges = runtime.provided.get(OverdueGauges)
    given = OverdueParams(orgcode=ics.caller.orgcode if ics.caller and not every_org else None, **params)
    answer = await overdue_sweep(runtime.units, call, given, settings, runtime.gate, gauges)
    assert isinstance(answer, OverdueAnswer)
    return answer


async def test_carts_that_end_together_are_expired_as_far_as_the_next_promise_needs(
    ics: ServiceClient, clock: FixedClock
) -> None:
    floor = Floor(ics, "VAR-C")
    await floor.policy(qc="skip")
    await floor.stocked(CROWD)
    await crowd(floor)
    assert await promisable(floor) == (0, CROWD)
    clock.advance(TTL_SECONDS + 1)
    await ics.collect_events()
    ics.events.clear()

    await floor.reserve(1)
    await ics.collect_events()
    assert ics.events.count("ics.reservation.expired") == HOLDERS_MAX, "one transaction expires no more"
    assert await promisable(floor) == (CROWD - 1, CROWD - HOLDERS_MAX + 1), "those that are overdue still are free"

    await floor.reserve(CROWD - 1)
    assert await promisable(floor) == (0, CROWD)
    refused = await floor.ask("/reservation/create", variant_id="VAR-C", quantity=1, channel_code="WEB")
    assert refused.error_code == "ics.insufficient_stock"
    stock = await floor.stock()
    assert (stock["buckets"]["reserved"], stock["buckets"]["available"]) == (CROWD, 0)


async def test_what_nobody_asks_for_is_swept_after_a_minute(ics: ServiceClient, clock: FixedClock) -> None:
    floor = Floor(ics, "VAR-S")
    await floor.policy(qc="skip")
    await floor.stocked(CROWD + 1)
    await crowd(floor)
    await floor.reserve(1, ttl_seconds=TTL_SECONDS + 50)
    clock.advance(TTL_SECONDS + 59)
    assert (await sweep(ics, clock)).overdue == 0, "not for a minute yet"
    clock.advance(1)
    looked = await sweep(ics, clock, dry_run=True)
    assert (looked.overdue, looked.expired) == (CROWD, 0)
    everywhere = await sweep(ics, clock, dry_run=True, every_org=True)
    seen = ics.application.runtime.metrics.text().decode()
    assert f"retailstack_ics_overdue_promises {float(everywhere.overdue)}" in seen
    assert "retailstack_ics_overdue_seconds 0.0" not in seen
    part = await sweep(ics, clock, limit=3)
    assert (part.overdue, part.expired) == (3, 3)

    done = await sweep(ics, clock)

    assert (done.overdue, done.expired, done.conflicts, done.errors) == (CROWD - 3, CROWD - 3, 0, 0)
    assert (await floor.stock())["buckets"]["reserved"] == 1, "the one that ends later stays"
    assert (await sweep(ics, clock)).overdue == 0


async def test_a_receipt_fills_all_who_wait_however_many(ics: ServiceClient, clock: FixedClock) -> None:
    waiting = HOLDERS_MAX + 30
    floor = Floor(ics, "VAR-F")
    await floor.policy(qc="skip", backorder_limit=waiting + 5)
    await crowd(floor, waiting)

    await floor.stocked(waiting + 7, lot_code="L-1")

    async with within(PATIENCE_SECONDS):
        while True:
            stock = await floor.stock()
            short = [each for each in stock["positions"] if each["quantity"] < 0]
            at_nowhere = [
                each
                for each in stock["positions"]
                if each["bucket"] == "reserved" and each["zone_id"] is None and each["lot_code"] is None
            ]
            assert stock["buckets"]["available"] == 7, "what is owed and what is there add up at every moment"
            if not short and not at_nowhere:
                break
            await asyncio.sleep(0.05)
    assert stock["buckets"]["reserved"] == waiting


async def test_a_promise_does_not_look_for_those_who_wait(
    ics: ServiceClient, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many wait for units of an item, a promise of more makes none available to them."""
    floor = Floor(ics, "VAR-W")
    await floor.policy(qc="skip", backorder_limit=50)
    await crowd(floor, 30)
    asked: list[int] = []

    async def waiting(view: View, logical_guid: str, variant_id: str, at_most: int) -> list[Promise]:
        asked.append(at_most)
        return await waiting_promises(view, logical_guid, variant_id, at_most)

    monkeypatch.setattr(post, "waiting_promises", waiting)

    first = await floor.reserve(1)
    await floor.commit(1)
    assert asked == []
    await floor.do("/reservation/release", reservation_id=first["reservation_id"], expected_revision=1)
    assert asked, "units that come free go to those who wait"


async def test_a_refused_promise_leaves_what_was_expired_for_it(ics: ServiceClient, clock: FixedClock) -> None:
    floor = Floor(ics, "VAR-R")
    await floor.policy(qc="skip")
    await floor.stocked(HOLDERS_MAX + 10)
    await crowd(floor, HOLDERS_MAX + 10)
    clock.advance(TTL_SECONDS + 1)

    refused = await floor.ask("/reservation/create", variant_id="VAR-R", quantity=1000, channel_code="WEB")

    assert (refused.status, refused.error_code) == (409, "ics.insufficient_stock")
    assert refused.details["shortages"][0]["available"] == HOLDERS_MAX + 10
    assert (await floor.stock())["buckets"]["reserved"] == 0

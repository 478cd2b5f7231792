"""No work is begun in a maintenance window or for a vacuumed org, and a stopping process leaves none leased."""

import asyncio

import pytest

from chassis.clock import SystemClock
from chassis.gate import Closures, Gate, GateWindow
from chassis.mongo.unit import MongoUnits
from chassis.unit import Units
from chassis.work.handle import Work
from chassis.work.queue import Continue
from tests.chassis.bus_given import eventually
from tests.chassis.work.given import Crate, a_queue, add, item, items
from tests.chassis.work.running import a_worker, running


async def test_a_stopping_process_gives_its_work_back_without_an_attempt(units: MongoUnits) -> None:
    async def ship(_: Units, work: Work[Crate]) -> None:
        await asyncio.Event().wait()

    async with running(units, a_worker(a_queue(), ship)) as runner:
        await add(units, "k1")
        await eventually(lambda: runner.queues["test.crates"].busy == 1)
        await runner.stop(0.05)
    kept = await item(units, "k1")
    assert (kept["state"], kept["attempts"], kept["lease"]) == ("ready", 0, "")


async def test_nothing_is_begun_in_a_maintenance_window(units: MongoUnits) -> None:
    gate = Gate(SystemClock())
    gate.close(GateWindow(maintenance_id="m", expected_end_utc=SystemClock().now()))
    begun = asyncio.Event()

    async def ship(_: Units, work: Work[Crate]) -> None:
        begun.set()

    async with running(units, a_worker(a_queue(), ship), gate=gate):
        await add(units, "k1")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(begun.wait(), 0.3)
        gate.reopen("m")
        await eventually(begun.is_set)


async def test_an_org_that_is_being_vacuumed_is_passed_over(units: MongoUnits) -> None:
    gate = Gate(SystemClock())
    gate.set_closures(Closures(orgcodes=frozenset({"ACME"})))
    served: list[str] = []

    async def ship(_: Units, work: Work[Crate]) -> None:
        served.append(work.orgcode)

    async with running(units, a_worker(a_queue(), ship), gate=gate, poll_seconds=0.1):
        await add(units, "k1")
        await add(units, "k1", org="BETA")
        await eventually(lambda: served == ["BETA"])
        gate.set_closures(Closures())
        await eventually(lambda: served == ["BETA", "ACME"])


async def test_a_process_that_stops_while_it_claims_leaves_nothing_leased(units: MongoUnits) -> None:
    async def ship(_: Units, work: Work[Crate]) -> Continue:
        while True:
            if work.should_stop:
                return Continue()
            await asyncio.sleep(0.005)

    for number in range(0, 24, 3):
        async with running(units, a_worker(a_queue(), ship)) as runner:
            await add(units, f"k{number}")
            # Stopped somewhere between the wake-up and the claim's commit.
            for _ in range(number):
                await asyncio.sleep(0)
            await runner.stop(2.0)
        assert {each["state"] for each in await items(units)} == {"ready"}, number

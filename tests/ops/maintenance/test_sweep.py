"""The sweep starts windows at their time, once, with any number of replicas."""

import asyncio
from typing import Any

from pymongo import MongoClient

from chassis.caller import SYSTEM, Call
from chassis.clock import FixedClock, SystemClock, later
from services.ops.maintenance.requests import MaintenanceRequests
from tests.ops.maintenance.given import Ops, an_ops


async def test_a_window_is_started_when_its_time_has_come(
    mongodb_uri: str, database_name: str, amqp_url: str, mongodb_client: MongoClient[dict[str, Any]]
) -> None:
    clock = FixedClock(SystemClock().now())
    async with an_ops(mongodb_uri, database_name, amqp_url, mongodb_client, clock=clock) as (ops,):
        first = await ops.schedule(60)
        second = await ops.schedule(60 + 1800)
        await ops.sweep()
        assert (await ops.get(first)).state == "scheduled"

        clock.advance(61)
        await ops.sweep()
        active = await ops.get(first)
        assert (active.state, active.started_by, active.started_utc) == ("active", "sweep", clock.now())
        assert active.expected_end_utc == later(clock.now(), 1800)

        clock.advance(1900)
        await ops.sweep()
        assert (await ops.get(first)).overrun, "it stays active until an operator ends it"
        assert (await ops.get(second)).state == "scheduled", "it waits for the one before"

        ended = await ops.end(await ops.get(first))
        assert (ended.state, ended.overrun) == ("ended", True)
        await ops.sweep()
        assert (await ops.get(second)).state == "active"
        assert [what for what, _ in await ops.told()] == ["scheduled", "scheduled", "started", "ended", "started"]
        assert "null" in await ops.sweep(), "there is nothing left to start"


async def test_two_replicas_that_sweep_together_start_a_window_once(
    mongodb_uri: str, database_name: str, amqp_url: str, mongodb_client: MongoClient[dict[str, Any]]
) -> None:
    clock = FixedClock(SystemClock().now())
    async with an_ops(mongodb_uri, database_name, amqp_url, mongodb_client, replicas=2, clock=clock) as replicas:
        for round_ in range(3):
            window = await replicas[0].schedule(60)
            clock.advance(61)
            started = await asyncio.gather(*(_start_due(ops, clock) for ops in replicas * 4))
            assert [each for each in started if each is not None] == [window.maintenance_id], f"round {round_}"
            told = await replicas[1].told()
            assert told.count(("started", window.maintenance_id)) == 1
            await replicas[1].end(await replicas[0].get(window))


async def _start_due(ops: Ops, clock: FixedClock) -> str | None:
    """The sweep without its lease, so that replicas sweep at once: the data alone must prevent a double start."""
    call = Call(caller=SYSTEM, name="sweep", request_id="r", started_utc=clock.now())
    started = await MaintenanceRequests(ops.application.runtime.units).start_due(call)
    return started.maintenance_id if started else None

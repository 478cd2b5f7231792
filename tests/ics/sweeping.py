"""The sweep, run by hand as `stackctl job run` does, out of the way of the one that goes by the clock."""

import asyncio
from typing import Any

import msgspec

from chassis.clock import later
from chassis.jobs.state import JOB_STATES
from chassis.testing.client import ServiceClient
from chassis.testing.operator import operator_channels
from retailstack.chassis.v1.jobs_pb2 import RunJobRequest
from retailstack.chassis.v1.jobs_pb2_grpc import JobsStub
from services.ics.replenishment.jobs import SWEEP_SECONDS
from tests.waiting import within

JOB = "replenishment-sweep"
PATIENCE_SECONDS = 20.0


async def until_calm(ics: ServiceClient) -> None:
    """Wait until the clock's own sweep has run; none follows while the clock stands still."""
    clock = ics.application.runtime.clock
    kept = ics.application.runtime.database.collection(JOB_STATES.collection)
    async with within(PATIENCE_SECONDS):
        while True:
            found = await kept.find({"_id": JOB})
            if found and found[0]["ended_utc"] and later(found[0]["started_utc"], SWEEP_SECONDS) > clock.now():
                return
            await asyncio.sleep(0.02)


async def sweep(ics: ServiceClient, *, dry_run: bool = False, **params: Any) -> dict[str, Any]:
    """Run the sweep for the client's org, unless params name another or none; its answer."""
    assert ics.caller is not None
    given = {"orgcode": ics.caller.orgcode, **params}
    texts = {name: str(value) for name, value in given.items() if value is not None}
    channels = operator_channels(ics.application)
    try:
        answer = await JobsStub(channels.channel("ics")).Run(RunJobRequest(job=JOB, params=texts, dry_run=dry_run))
    finally:
        await channels.close()
    await ics.collect_events()
    told: dict[str, Any] = msgspec.json.decode(answer.answer)
    return told

"""A vacuum during which a part of the stack goes down."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from time import monotonic
from typing import Any

import pytest
from pymongo import MongoClient

from retailstack.chassis.v1.jobs_pb2 import ListJobsRequest
from retailstack.chassis.v1.jobs_pb2_grpc import JobsStub
from tests.ops.vacuum.stack import PATIENCE_SECONDS, Operator, a_stack
from tests.waiting import stretched

A = "ALPHA001"
MANY = 6_000


@pytest.fixture
async def operator(
    mongodb_uri: str, database_name: str, amqp_url: str, mongodb_client: MongoClient[dict[str, Any]]
) -> AsyncIterator[Operator]:
    """An operator of a stack with an org that has many records in ICS."""
    async with a_stack(mongodb_uri, database_name, amqp_url, mongodb_client) as operator:
        await operator.an_org(A)
        for _ in range(MANY // 1000):
            records = [{"_id": uuid.uuid4().hex, "orgcode": A, "pending": False} for _ in range(1000)]
            with mongodb_client.start_session() as session, session.start_transaction():
                operator.collection("ics", "events").insert_many(records, session=session)
        yield operator


async def in_the_middle(operator: Operator) -> None:
    """Wait until some records are deleted and some are not."""
    end = monotonic() + stretched(PATIENCE_SECONDS)
    while operator.collection("ics", "events").count_documents({"orgcode": A}) in {0, MANY}:
        assert monotonic() < end, "nothing is deleted"
        await asyncio.sleep(0.005)


async def test_a_worker_that_goes_is_taken_up_by_another_replica(operator: Operator) -> None:
    await operator.stack.start("ops-2")
    asked = await operator.vacuum(A)
    await operator.sweep()
    await in_the_middle(operator)
    await operator.stack.stop("ops")

    await operator.sweep("ops-2")
    await operator.stack.start("ops")
    done = await operator.until(asked.vacuum_id, "completed")

    ics = next(tally for tally in done.vacuum.services if tally.service == "ics")
    assert ics.deleted <= MANY, "nothing is counted twice"
    assert ics.deleted > 0
    assert await operator.count(A) == {}


async def test_a_service_that_is_away_fails_and_is_tried_again_while_the_others_go_on(operator: Operator) -> None:
    await operator.stack.stop("pmc")
    asked = await operator.vacuum(A)
    await operator.sweep()

    failed = await operator.until(asked.vacuum_id, "failed", "pmc")
    others = await operator.until(asked.vacuum_id, "completed", "gateway")
    assert next(tally for tally in failed.vacuum.services if tally.service == "pmc").error
    assert others.vacuum.state == "running", "it is completed only when all of them are"
    await operator.stack.start("pmc")

    done = await retried(operator, asked.vacuum_id)
    assert all(tally.state == "completed" and not tally.error for tally in done.vacuum.services)


async def test_a_service_that_goes_in_the_middle_is_emptied_when_it_is_back(operator: Operator) -> None:
    asked = await operator.vacuum(A)
    await operator.sweep()
    await in_the_middle(operator)
    await operator.stack.stop("ics")
    await operator.until(asked.vacuum_id, "failed", "ics")
    await operator.stack.start("ics")

    done = await retried(operator, asked.vacuum_id)
    ics = next(tally for tally in done.vacuum.services if tally.service == "ics")
    assert ics.deleted <= MANY
    assert await operator.count(A) == {}


async def retried(operator: Operator, vacuum_id: str) -> Any:
    """Sweep until the vacuum is completed, as the schedule does; the vacuum."""
    end = monotonic() + stretched(PATIENCE_SECONDS)
    while (await operator.status(vacuum_id)).vacuum.state != "completed":
        assert monotonic() < end, await operator.status(vacuum_id)
        await operator.sweep()
        await asyncio.sleep(0.2)
    return await operator.status(vacuum_id)


async def test_what_appears_behind_the_broom_is_swept_up_before_it_is_called_clean(operator: Operator) -> None:
    asked = await operator.vacuum(A)
    await operator.sweep()
    await operator.until(asked.vacuum_id, "completed", "pmc")
    operator.collection("ics", "forgotten").insert_one({"_id": "x", "orgcode": A})

    await operator.until(asked.vacuum_id, "completed")

    assert operator.collection("ics", "forgotten").count_documents({}) == 0


async def test_two_replicas_sweep_and_one_works(operator: Operator) -> None:
    await operator.stack.start("ops-2")
    asked = await operator.vacuum(A)
    await asyncio.gather(operator.sweep(), operator.sweep("ops-2"), return_exceptions=True)
    await operator.until(asked.vacuum_id, "completed")

    started = {"type": "ops.vacuum.org.started", "subject": asked.vacuum_id}
    assert operator.collection("ops", "events").count_documents(started) == 1
    progress = {"type": "ops.vacuum.org.service.progress", "subject": asked.vacuum_id}
    assert operator.collection("ops", "events").count_documents(progress) == 6


async def test_the_sweep_and_the_workers_are_jobs_an_operator_can_see(operator: Operator) -> None:
    answer = await JobsStub(operator.channels.channel("ops")).List(ListJobsRequest())
    jobs = {job.name: job.every_seconds for job in answer.jobs}
    assert jobs["vacuum_sweep"] == 15
    assert {"vacuum_all_worker", "vacuum_org_worker"} <= jobs.keys()

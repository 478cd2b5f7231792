"""Queues, units and short words for the tests of work."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Literal

from chassis.caller import SYSTEM, Call, Caller
from chassis.clock import Clock, SystemClock, Utc
from chassis.entity import Value
from chassis.ids import new_id
from chassis.mongo.client import Database
from chassis.mongo.unit import MongoUnits
from chassis.unit import Change
from chassis.work.item import WORK_ENTITIES, WorkItem
from chassis.work.leasing import WorkClaim, claim, wake_due
from chassis.work.queue import Lane, WorkQueue
from chassis.work.store import NewWork, enqueue, enqueue_many
from tests.chassis.bus_given import NOTES

NOON = Utc("2026-03-01T12:00:00.000Z")


class Crate(Value):
    """What is to be shipped."""

    weight: int = 0


class Shipped(Value):
    """How far shipping is."""

    bites: int = 0


CRATES: WorkQueue[Crate] = WorkQueue(
    "test", "crates", payload=Crate, progress=Shipped, lanes=("high", "normal", "low"), lease_seconds=30.0
)


def a_queue(**different: Any) -> WorkQueue[Crate]:
    """A queue of crates that differs in this."""
    return WorkQueue("test", "crates", **{"payload": Crate, "progress": Shipped, **different})


def an_org_call(orgcode: str | None = "ACME") -> Call:
    """A call of somebody in the org; of the stack itself where there is none."""
    now = SystemClock().now()
    caller = Caller(kind="user", actor="ann", orgcode=orgcode) if orgcode else SYSTEM
    return Call(caller=caller, name="test", request_id=new_id(now), started_utc=now)


@asynccontextmanager
async def work_units(
    uri: str, name: str, driver: Literal["motor", "pymongo"] = "motor", clock: Clock | None = None, **options: Any
) -> AsyncIterator[MongoUnits]:
    """Units over a database that has work in it."""
    database = await Database.connect(uri, name, driver, wait_seconds=options.pop("wait_seconds", 3.0))
    units = MongoUnits(database, [*WORK_ENTITIES, NOTES], clock or SystemClock(), "/test", **options)
    try:
        await units.start()
        yield units
    finally:
        await units.stop()
        await database.close()


async def add(
    units: MongoUnits, key: str, *, org: str = "ACME", queue: WorkQueue[Crate] = CRATES, weight: int = 0, **more: Any
) -> None:
    """Enqueue one crate."""
    await units.change(an_org_call(org), lambda change: enqueue(change, queue, key, Crate(weight=weight), **more))


async def add_many(units: MongoUnits, keys: Sequence[str], *, org: str = "ACME", **more: Any) -> None:
    """Enqueue many crates, 200 a change."""
    for start in range(0, len(keys), 200):
        work = [NewWork(key=key, **more) for key in keys[start : start + 200]]
        await units.change(an_org_call(org), _adding(work))


def _adding(work: Sequence[NewWork]) -> Any:
    async def write(change: Change) -> None:
        await enqueue_many(change, CRATES, work)

    return write


async def take(
    units: MongoUnits, *tokens: str, queue: WorkQueue[Any] = CRATES, lanes: Sequence[Lane] = (), **more: Any
) -> list[WorkClaim]:
    """WorkClaim as many items as there are tokens."""

    async def write(change: Change) -> list[WorkClaim]:
        return await claim(change, queue, tokens, "here", lanes=lanes or queue.lanes, **more)

    return await units.change(an_org_call(None), write)


async def wake_all(units: MongoUnits, queue: WorkQueue[Any] = CRATES) -> list[WorkItem]:
    """Wake what is due."""
    names = [document["_id"] for document in await items(units)]

    async def write(change: Change) -> list[WorkItem]:
        return await wake_due(change, queue, names, 1.0)

    return await units.change(an_org_call(None), write)


async def items(units: MongoUnits) -> list[dict[str, Any]]:
    """The rows there are, by id."""
    return await units.database.collection("work").find({"_id": {"$gt": ""}}, sort=[("_id", 1)])


async def item(units: MongoUnits, key: str, org: str = "ACME") -> dict[str, Any]:
    """A row as it is kept."""
    found = await units.database.collection("work").find({"_id": f"test.crates/{org}/{key}"})
    return found[0]

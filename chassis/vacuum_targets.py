"""The vacuum targets of every process: its queues, and the results of its jobs."""

from collections.abc import AsyncIterator

from chassis.bus.queue_admin import QueueAdmin
from chassis.jobs.state import JOB_STATES
from chassis.mongo.client import Database
from chassis.mongo.erasure import unreachable_as_unavailable


class Queues:
    """The service's own queues: purged by a full vacuum; a vacuum of an org deletes the org's dead letters.

    Other messages of an erased org are skipped when they are consumed, by the gate.
    """

    name = "queues"
    last = True

    def __init__(self, queue_admin: QueueAdmin) -> None:
        self._queue_admin = queue_admin

    async def count(self, orgcode: str | None) -> int:
        """How many messages would be deleted."""
        if orgcode is not None:
            return await self._queue_admin.count_dead(orgcode)
        depths = [queue.depth for queue in await self._queue_admin.queues()]
        return sum(depth.ready + depth.waiting + depth.dead for depth in depths)

    async def erase(self, orgcode: str | None) -> AsyncIterator[int]:
        """Delete them."""
        purged = await self._queue_admin.purge() if orgcode is None else await self._queue_admin.drop_dead(orgcode)
        if purged:
            yield purged


class JobAnswers:
    """The results of jobs. They may contain data of any org, so every vacuum clears them."""

    name = JOB_STATES.collection
    last = True

    def __init__(self, database: Database) -> None:
        self._states = database.collection(JOB_STATES.collection)

    async def count(self, orgcode: str | None) -> int:
        """0: job states belong to no org."""
        del orgcode
        return 0

    async def erase(self, orgcode: str | None) -> AsyncIterator[int]:
        """Clear the results and errors of all jobs."""
        del orgcode
        with unreachable_as_unavailable():
            await self._states.update_many({}, {"$set": {"answer": None, "error": None}})
        yield 0

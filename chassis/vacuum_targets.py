"""The vacuum targets every process has: for its queues, and for what its jobs have answered."""

from collections.abc import AsyncIterator

from chassis.bus.queue_admin import QueueAdmin
from chassis.jobs.state import JOB_STATES
from chassis.mongo.client import Database
from chassis.mongo.erasure import unreachable_as_unavailable


class Queues:
    """The service's own queues: emptied with everything, and of an org's dead letters with the org.

    What still lies in a queue of an erased org is skipped when its turn comes: the gate knows.
    """

    name = "queues"
    last = True

    def __init__(self, queue_admin: QueueAdmin) -> None:
        self._queue_admin = queue_admin

    async def count(self, orgcode: str | None) -> int:
        """Messages that would go."""
        if orgcode is not None:
            return await self._queue_admin.count_dead(orgcode)
        depths = [queue.depth for queue in await self._queue_admin.queues()]
        return sum(depth.ready + depth.waiting + depth.dead for depth in depths)

    async def erase(self, orgcode: str | None) -> AsyncIterator[int]:
        """Purge them."""
        purged = await self._queue_admin.purge() if orgcode is None else await self._queue_admin.drop_dead(orgcode)
        if purged:
            yield purged


class JobAnswers:
    """What jobs have answered last may speak of anybody, so it is forgotten with whoever goes."""

    name = JOB_STATES.collection
    last = True

    def __init__(self, database: Database) -> None:
        self._states = database.collection(JOB_STATES.collection)

    async def count(self, orgcode: str | None) -> int:
        """None: that a job has run is nobody's."""
        del orgcode
        return 0

    async def erase(self, orgcode: str | None) -> AsyncIterator[int]:
        """Forget the answers, and the errors with them."""
        del orgcode
        with unreachable_as_unavailable():
            await self._states.update_many({}, {"$set": {"answer": None, "error": None}})
        yield 0

"""The brooms every process has: for its queues, and for what its jobs have answered."""

from collections.abc import AsyncIterator

from chassis.bus.desk import BusDesk
from chassis.jobs.state import JOB_STATES
from chassis.mongo.client import Database
from chassis.mongo.emptying import reached


class Queues:
    """The service's own queues: emptied with everything, and of an org's dead letters with the org.

    What still lies in a queue of an erased org is skipped when its turn comes: the gate knows.
    """

    name = "queues"
    last = True

    def __init__(self, desk: BusDesk) -> None:
        self._desk = desk

    async def count(self, orgcode: str | None) -> int:
        """Messages that would go."""
        if orgcode is not None:
            return await self._desk.count_dead(orgcode)
        depths = [queue.depth for queue in await self._desk.queues()]
        return sum(depth.ready + depth.waiting + depth.dead for depth in depths)

    async def sweep(self, orgcode: str | None) -> AsyncIterator[int]:
        """Purge them."""
        purged = await self._desk.purge() if orgcode is None else await self._desk.drop_dead(orgcode)
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

    async def sweep(self, orgcode: str | None) -> AsyncIterator[int]:
        """Forget the answers, and the errors with them."""
        del orgcode
        with reached():
            await self._states.update_many({}, {"$set": {"answer": None, "error": None}})
        yield 0

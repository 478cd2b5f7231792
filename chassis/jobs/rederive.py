"""The job that computes derived fields again; run by hand after a release that added one."""

from typing import Any

from chassis.caller import Call
from chassis.entity import Entity
from chassis.jobs.declaration import Jobs, NoParams
from chassis.mongo.client import Database
from chassis.mongo.rederive import Rederived, rederive
from chassis.unit import Units


def declare_rederive(jobs: Jobs, *entities: Entity[Any], name: str = "rederive") -> None:
    """Declare the job `name` for entities with derived fields."""
    bare = [entity.name for entity in entities if not entity.derived]
    if bare or not entities:
        raise TypeError(f"nothing is derived in {', '.join(bare) or 'no entity'}")

    @jobs.by_hand(name=name)
    async def rederive_fields(
        units: Units,  # noqa: ARG001  every job takes these three
        call: Call,  # noqa: ARG001
        params: NoParams,  # noqa: ARG001
        database: Database,
    ) -> Rederived:
        """Compute derived fields again, for documents stored by an earlier release."""
        return await rederive(database, entities)

"""The job that moves a service's sealed secrets under the current key; run by hand after a key was exchanged."""

from typing import Any

from chassis.caller import Call
from chassis.entity import Entity
from chassis.jobs.declaration import Jobs, NoParams
from chassis.mongo.client import Database
from chassis.mongo.rewrap import Rewrapped, rewrap
from chassis.sealing import Sealer
from chassis.unit import Units


def declare_rewrap(jobs: Jobs, *entities: Entity[Any], name: str = "rewrap-sealed") -> None:
    """Declare the job `name` for entities with sealed fields."""
    bare = [entity.name for entity in entities if not entity.seals]
    if bare or not entities:
        raise TypeError(f"nothing is sealed in {', '.join(bare) or 'no entity'}")

    @jobs.by_hand(name=name)
    async def rewrap_sealed(
        units: Units,  # noqa: ARG001  every job takes these three
        call: Call,  # noqa: ARG001
        params: NoParams,  # noqa: ARG001
        database: Database,
        sealer: Sealer,
    ) -> Rewrapped:
        """Move sealed secrets under the current key."""
        return await rewrap(database, sealer, entities)

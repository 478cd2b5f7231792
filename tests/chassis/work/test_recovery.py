"""A process that comes back under its name does not wait for the leases that the one before has left behind."""

import pytest

from chassis.mongo.unit import MongoUnits
from chassis.unit import Units
from chassis.work.handle import Work
from tests.chassis.bus_given import eventually
from tests.chassis.work.given import Crate, a_queue, add, take
from tests.chassis.work.running import a_worker, running


@pytest.mark.parametrize(("replica", "soon"), [("here", True), ("elsewhere", False)])
async def test_what_a_process_of_the_same_name_left_behind_is_not_waited_for(
    units: MongoUnits, replica: str, soon: bool
) -> None:
    done: list[str] = []

    async def ship(_: Units, work: Work[Crate]) -> None:
        done.extend(part.key for part in work.parts)

    queue = a_queue(lease_seconds=60.0, delay_seconds=0.05)
    await add(units, "k1", queue=queue, group="shelf")
    assert len(await take(units, "t1", queue=queue)) == 1
    await add(units, "k2", queue=queue, group="shelf")
    assert await take(units, "t2", queue=queue) == []
    await add(units, "k3", queue=queue)

    async with running(units, a_worker(queue, ship), replica=replica, poll_seconds=0.1):
        await eventually(lambda: "k3" in done)
        if soon:
            await eventually(lambda: sorted(done) == ["k1", "k2", "k3"])
    assert sorted(done) == (["k1", "k2", "k3"] if soon else ["k3"])

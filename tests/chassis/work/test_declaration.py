"""A wrong declaration of a worker or queue stops the import or the start."""

import pytest

from chassis.clock import SystemClock
from chassis.gate import Gate
from chassis.mongo.unit import MongoUnits
from chassis.settings import BaseSettings
from chassis.unit import Units
from chassis.work.handle import Work
from chassis.work.queue import Workers, WorkQueue
from chassis.work.runner import WorkRunner
from tests.chassis.work.given import Crate, a_queue


def test_a_worker_is_refused_where_its_declaration_is_wrong() -> None:
    async def mute(units: Units, work: Work[Crate]) -> None: ...

    async def other(units: Units, item: Work[Crate]) -> None:
        """Take something else."""

    with pytest.raises(TypeError, match="docstring"):
        Workers("test").on(a_queue())(mute)
    with pytest.raises(TypeError, match="must take"):
        Workers("test").on(a_queue())(other)
    with pytest.raises(TypeError, match="not a queue of"):
        Workers("other").on(a_queue())
    with pytest.raises(TypeError, match="cannot name"):
        WorkQueue("test", "No Name")


def test_a_worker_that_asks_for_what_nobody_provides_stops_the_start(units: MongoUnits) -> None:
    workers = Workers("test")

    @workers.on(a_queue())
    async def ship(units: Units, work: Work[Crate], settings: BaseSettings) -> None:
        """Ship crates."""

    clock = SystemClock()
    with pytest.raises(TypeError, match="settings: BaseSettings"):
        WorkRunner(workers.declared, units=units, clock=clock, gate=Gate(clock), replica="here")

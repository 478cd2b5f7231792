"""A job that declares `due` runs only when it has something to do."""

from chassis.caller import Call
from chassis.clock import FixedClock, Utc, later
from chassis.jobs.declaration import Jobs, NoParams
from chassis.jobs.runner import LOOK_SECONDS
from chassis.unit import Units, View
from tests.chassis.bus_given import eventually
from tests.chassis.jobs.given import Replicas, Swept, idle, status_of


class Quiet:
    """A job that has something to do only when it says so."""

    def __init__(self, seconds: float = 1.0) -> None:
        self.at: Utc | None = None
        self.asked = self.runs = 0
        jobs = Jobs("test")

        async def due(_: View) -> Utc | None:
            self.asked += 1
            return self.at

        @jobs.every(seconds=seconds, name="quiet", due=due)
        async def quiet(units: Units, call: Call, params: NoParams) -> Swept:
            """Do what there is to do."""
            self.runs += 1
            return Swept(limit=0, dry_run=False)

        self.declared = jobs.declared


async def test_a_job_with_nothing_to_do_does_not_run(replicas: Replicas, clock: FixedClock) -> None:
    quiet = Quiet()
    runner = replicas.one(quiet.declared)
    for _ in range(3):
        await runner.tick()
        clock.advance(LOOK_SECONDS)
    assert (quiet.runs, (await status_of(runner)).last_started_utc) == (0, None)
    quiet.at = clock.now()
    await runner.tick()
    await eventually(lambda: idle(runner))
    assert quiet.runs == 1


async def test_it_is_asked_again_when_it_comes_due_and_otherwise_rarely(replicas: Replicas, clock: FixedClock) -> None:
    quiet = Quiet()
    runner = replicas.one(quiet.declared)
    quiet.at = later(clock.now(), 0.5)
    await runner.tick()
    for seconds in (0.4, 0.1):
        assert (quiet.asked, quiet.runs) == (1, 0)
        clock.advance(seconds)
        await runner.tick()
    await eventually(lambda: idle(runner))
    assert quiet.runs == 1


async def test_a_commit_of_this_process_makes_it_ask_at_once(replicas: Replicas, clock: FixedClock) -> None:
    quiet = Quiet(seconds=0.25)
    runner = replicas.one(quiet.declared)
    await runner.start()
    try:
        await eventually(lambda: quiet.asked == 1)
        quiet.at = clock.now()
        clock.advance(0.25)  # less than the time after which it is asked anyway
        runner.wake()
        await eventually(lambda: quiet.runs == 1)
    finally:
        await runner.stop()

"""Workers of a process: woken, run, renewed, retried, given up, and shared out over orgs and replicas."""

import asyncio
from collections import Counter

from chassis.clock import SystemClock
from chassis.errors import Unavailable
from chassis.mongo.unit import MongoUnits
from chassis.unit import Change, Units
from chassis.work.admin import WorkAdmin
from chassis.work.handle import Abandon, Work
from chassis.work.queue import Continue
from tests.chassis.bus_given import NOTES, Note, eventually
from tests.chassis.work.given import Crate, Shipped, a_queue, add, item, items, work_units
from tests.chassis.work.running import a_worker, nothing_left, outcomes, running


async def test_what_a_change_enqueues_is_run_at_once_in_the_name_of_its_org(units: MongoUnits) -> None:
    seen: list[Work[Crate]] = []

    async def ship(_: Units, work: Work[Crate]) -> None:
        seen.append(work)

    async with running(units, a_worker(a_queue(), ship)) as runner:
        await add(units, "k1", weight=4)
        await eventually(lambda: nothing_left(units))
    [work] = seen
    assert (work.key, work.payload, work.orgcode, work.attempts) == ("k1", Crate(weight=4), "ACME", 1)
    assert (work.call.caller.actor, work.call.orgcode, work.call.name) == ("system", "ACME", "test.work.crates")
    assert outcomes(runner) == {"done": 1}


async def test_a_long_piece_of_work_is_done_in_bites_each_its_own_change(units: MongoUnits) -> None:
    starts: list[int] = []

    async def ship(units: Units, work: Work[Crate]) -> Continue | None:
        done = work.progress.bites if work.progress else 0
        starts.append(done)

        async def bite(change: Change) -> None:
            await work.checkpoint(change, Shipped(bites=done + 1))
            await change.insert(NOTES, Note(note_id=f"n{done}", text="shipped"))

        await units.change(work.call, bite)
        return Continue() if done < 4 else None

    async with running(units, a_worker(a_queue(), ship)) as runner:
        await add(units, "k1")
        await eventually(lambda: nothing_left(units))
    assert starts == [0, 1, 2, 3, 4]
    assert outcomes(runner) == {"continued": 4, "done": 1}


async def test_work_finished_in_the_workers_own_change_is_not_run_again(units: MongoUnits) -> None:
    runs = 0

    async def ship(units: Units, work: Work[Crate]) -> None:
        nonlocal runs
        runs += 1

        async def last(change: Change) -> None:
            await change.insert(NOTES, Note(note_id="n", text="once"))
            await work.finish(change)

        await units.change(work.call, last)
        raise RuntimeError("cut off right after its last change")

    async with running(units, a_worker(a_queue(delay_seconds=0.05), ship)) as runner:
        await add(units, "k1")
        await eventually(lambda: sum(outcomes(runner).values()) == 1)
        assert await items(units) == []
    assert runs == 1


async def test_a_failing_piece_of_work_is_tried_again_and_given_up_in_the_end(units: MongoUnits) -> None:
    attempts: list[int] = []

    async def ship(_: Units, work: Work[Crate]) -> None:
        attempts.append(work.attempts)
        raise Unavailable("the truck is away")

    queue = a_queue(attempts_max=3, delay_seconds=0.05)
    worker = a_worker(queue, ship)
    async with running(units, worker) as runner:
        await add(units, "k1", queue=queue)
        await eventually(lambda: outcomes(runner)["dead"] == 1)
        assert attempts == [1, 2, 3]

        admin = WorkAdmin([worker], units, units.database, SystemClock())
        [dead] = await admin.dead("test.crates")
        assert (dead.key, dead.orgcode, dead.attempts) == ("k1", "ACME", 3)
        assert "the truck is away" in dead.last_error
        assert (await admin.depths())[0].counts["dead"] == 1

        assert await admin.retry("test.crates", orgcode="BETA") == 0
        assert await admin.retry("test.crates", orgcode="ACME", key="k1") == 1
        await eventually(lambda: outcomes(runner)["dead"] == 2)
        assert attempts == [1, 2, 3, 1, 2, 3]
        assert await admin.retry("test.crates") == 1


async def test_what_cannot_be_done_is_given_up_at_once(units: MongoUnits) -> None:
    async def ship(_: Units, work: Work[Crate]) -> None:
        raise Abandon("there is no such crate")

    async with running(units, a_worker(a_queue(), ship)) as runner:
        await add(units, "k1")
        await eventually(lambda: outcomes(runner)["dead"] == 1)
        assert (await item(units, "k1"))["state"] == "dead"


async def test_a_run_that_takes_too_long_is_cut_off_and_counts_as_failed(units: MongoUnits) -> None:
    async def ship(_: Units, work: Work[Crate]) -> None:
        await asyncio.Event().wait()

    async with running(units, a_worker(a_queue(), ship, run_seconds_max=0.05)) as runner:
        await add(units, "k1")
        await eventually(lambda: outcomes(runner)["failed"] == 1)
        assert "longer than 0.05 s" in (await item(units, "k1"))["last_error"]


async def test_a_lease_is_renewed_while_its_worker_lives(units: MongoUnits) -> None:
    go_on = asyncio.Event()

    async def ship(_: Units, work: Work[Crate]) -> None:
        await go_on.wait()

    async with running(units, a_worker(a_queue(lease_seconds=0.6), ship), poll_seconds=0.1) as runner:
        await add(units, "k1", queue=a_queue(lease_seconds=0.6))
        await eventually(lambda: runner.queues["test.crates"].busy == 1)
        first = (await item(units, "k1"))["due_utc"]

        async def renewed() -> bool:
            return bool((await item(units, "k1"))["due_utc"] > first)

        await eventually(renewed)
        go_on.set()
        await eventually(lambda: nothing_left(units))
    assert outcomes(runner) == {"done": 1}


async def test_a_worker_that_lost_its_lease_is_cut_off(units: MongoUnits) -> None:
    cut_off = asyncio.Event()

    async def ship(_: Units, work: Work[Crate]) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cut_off.set()

    async with running(units, a_worker(a_queue(lease_seconds=0.3), ship)) as runner:
        await add(units, "k1")
        await eventually(lambda: runner.queues["test.crates"].busy == 1)
        await units.database.collection("work").update_many(
            {"_id": "test.crates/ACME/k1"}, {"$set": {"lease": "somebody else's", "due_utc": "2999"}}
        )
        await eventually(cut_off.is_set)
        await eventually(lambda: outcomes(runner)["lost"] == 1)
        assert (await item(units, "k1"))["lease"] == "somebody else's"


async def test_an_org_gets_no_more_than_its_share_of_a_replica(units: MongoUnits) -> None:
    busy: Counter[str] = Counter()
    go_on = asyncio.Event()

    async def ship(_: Units, work: Work[Crate]) -> None:
        busy[work.orgcode] += 1
        await go_on.wait()

    async with running(units, a_worker(a_queue(), ship, concurrency=4, org_concurrency=2)) as runner:
        for number in range(5):
            await add(units, f"k{number}")
        await eventually(lambda: busy["ACME"] == 2)
        await add(units, "k", org="BETA")
        await eventually(lambda: busy["BETA"] == 1)
        assert busy["ACME"] == 2
        go_on.set()
        await eventually(lambda: outcomes(runner)["done"] == 6)


async def test_two_replicas_share_the_work_and_do_each_piece_once(mongodb_uri: str, database_name: str) -> None:
    done: Counter[str] = Counter()

    async def ship(_: Units, work: Work[Crate]) -> None:
        done[work.key] += 1

    async with work_units(mongodb_uri, database_name) as one, work_units(mongodb_uri, database_name) as two:
        first = running(one, a_worker(a_queue(), ship), poll_seconds=0.1, replica="one")
        second = running(two, a_worker(a_queue(), ship), poll_seconds=0.1, replica="two")
        async with first, second:
            for number in range(60):
                await add(one if number % 2 else two, f"k{number}")
            await eventually(lambda: nothing_left(one))
    assert set(done.values()) == {1}
    assert len(done) == 60

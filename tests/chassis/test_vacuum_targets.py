"""What a vacuum sweeps beside the collections: queues, dead letters, and what jobs have answered."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from chassis.bus.inbox import INBOX
from chassis.bus.queue_admin import QueueAdmin
from chassis.clock import later
from chassis.consumer import Consumers, DeadLetter, Event
from chassis.gate import Closures
from chassis.unit import Change
from chassis.vacuum_targets import JobAnswers, Queues
from tests.chassis.bus_given import World, eventually
from tests.chassis.consumer_given import consuming


@asynccontextmanager
async def moody(world: World, *, good: bool) -> AsyncIterator[QueueAdmin]:
    """A consumer that handles every message, or none."""
    consumers = Consumers("test")

    @consumers.on("test.note.written", name="moody", delays=(0.05,))
    async def handle(change: Change, event: Event) -> None:
        if not good:
            raise DeadLetter("in a bad mood")

    async with consuming(world, *consumers.declared) as queue_admin:
        yield queue_admin


async def swept(target: Queues | JobAnswers, orgcode: str | None) -> int:
    return sum([gone async for gone in target.erase(orgcode)])


async def test_an_orgs_dead_letters_go_and_anothers_stay(world: World) -> None:
    async with moody(world, good=False) as queue_admin:
        await world.write("a", ["1", "2", "3"], orgcode="GONE")
        await world.write("b", ["4", "5"], orgcode="ACME")
        await eventually(lambda: queue_admin.stats[0].never == 5)
        target = Queues(queue_admin)

        assert await target.count("GONE") == 3
        assert await target.count("GONE") == 3, "counting takes nothing away"
        assert await swept(target, "GONE") == 3

        assert (await target.count("GONE"), await swept(target, "GONE")) == (0, 0)
        assert {letter.orgcode for letter in await queue_admin.dead_letters()} == {"ACME"}
        assert await target.count(None) == 2
        assert await swept(target, None) == 2
        assert await queue_admin.dead_letters() == []


async def test_an_event_is_remembered_with_its_org(world: World) -> None:
    async with moody(world, good=True) as queue_admin:
        await world.write("a", ["1"], orgcode="ACME")
        await eventually(lambda: queue_admin.stats[0].handled == 1)
    found = await world.database.collection(INBOX.collection).find({"orgcode": "ACME"})
    assert len(found) == 1


async def test_late_news_of_an_erased_org_are_let_go(world: World) -> None:
    async with moody(world, good=True) as queue_admin:
        now = world.clock.now()
        world.gate.set_closures(Closures(erased={"GONE": later(now, 60)}))
        await world.write("a", ["1"], orgcode="GONE")
        await world.write("b", ["2"], orgcode="ACME")
        await eventually(lambda: queue_admin.stats[0].skipped == 1 and queue_admin.stats[0].handled == 1)


async def test_what_jobs_have_answered_is_forgotten(world: World) -> None:
    states = world.database.collection("jobs")
    await states.insert_many([{"_id": "audit", "answer": '{"orgcode": "GONE"}', "error": "of GONE", "replica": "r"}])
    target = JobAnswers(world.database)
    assert await target.count("GONE") == 0
    assert await swept(target, "GONE") == 0
    assert await states.find({}) == [{"_id": "audit", "answer": None, "error": None, "replica": "r"}]

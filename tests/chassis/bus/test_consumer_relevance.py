"""Consumers that handle only relevant events: the others are acknowledged and leave nothing."""

from chassis.consumer import Consumers, Event
from chassis.unit import Change
from tests.chassis.bus_given import World, eventually
from tests.chassis.consumer_given import consuming, copy


async def test_an_event_that_is_not_relevant_leaves_nothing(world: World) -> None:
    async def of_acme(event: Event) -> bool:
        return event.orgcode == "ACME"

    consumers = Consumers("test", relevant=of_acme)

    @consumers.on("test.note.*", name="sync", delays=(0.05,))
    async def sync(change: Change, event: Event) -> None:
        await copy(change, event)

    async with consuming(world, consumers.declared[0]) as queue_admin:
        await world.write("a", ["hello"], orgcode="OTHER")
        await world.write("b", ["hello"], orgcode="ACME")
        await eventually(lambda: queue_admin.stats[0].handled == queue_admin.stats[0].skipped == 1)

    assert await world.handled() == 1
    assert [note["_id"] for note in await world.notes() if note["_id"].startswith("copy")] == ["copy of b 1"]


async def test_a_relevance_that_fails_is_asked_again(world: World) -> None:
    asked = []

    async def fails_first(event: Event) -> bool:
        asked.append(event.event_id)
        if len(asked) == 1:
            raise ConnectionError("the database is away")
        return True

    consumers = Consumers("test", relevant=fails_first)

    @consumers.on("test.note.*", name="sync", delays=(0.05,))
    async def sync(change: Change, event: Event) -> None:
        await copy(change, event)

    async with consuming(world, consumers.declared[0]):
        await world.write("a", ["hello"])
        await eventually(world.handled)

    assert len(asked) == 2

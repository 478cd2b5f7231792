"""Consumers of notes, running with a relay."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from chassis.bus.queue_admin import QueueAdmin
from chassis.consumer import Consumer, Consumers, Event
from chassis.unit import Change
from tests.chassis.bus_given import NOTES, Note, Noted, World, all_attached, eventually, forget

Handle = Callable[[Change, Event], Awaitable[None]]


def a_consumer(handle: Handle, **options: Any) -> Consumer:
    """A consumer of notes that are written, named sync, whose delays are short."""
    consumers = Consumers("test")

    @consumers.on("test.note.*", **{"name": "sync", "delays": (0.05, 0.1), **options})
    async def sync(change: Change, event: Event) -> None:
        await handle(change, event)

    return consumers.declared[0]


@asynccontextmanager
async def consuming(world: World, *consumers: Consumer) -> AsyncIterator[QueueAdmin]:
    """A relay and these consumers, running; their queues are gone afterwards."""
    queue_admin, relay = world.queue_admin(consumers), world.relay()
    await queue_admin.queues()  # Makes the queues.
    await queue_admin.start()
    await relay.start()
    await eventually(lambda: all_attached(queue_admin))
    try:
        yield queue_admin
    finally:
        await relay.stop()
        await queue_admin.stop()
        for subscription in queue_admin._subscriptions.values():
            await forget(world.bus, *(queue.name for queue in subscription.queues.all))


async def copy(change: Change, event: Event) -> None:
    """Write a note of the note."""
    heard = event.body(Noted).note
    await change.insert(NOTES, Note(note_id=f"copy of {heard.note_id} {heard.revision}", text=heard.text))


async def all_handled(world: World, events: int) -> bool:
    """Whether the given number of events has been handled."""
    return await world.handled() == events

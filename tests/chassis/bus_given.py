"""What the tests of the bus share: a record to write, ways to wait, and a look at what lies in a queue."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

import aiormq
from aiormq.abc import AbstractChannel
from pamqp.commands import Basic

from chassis.bus.connection import Bus, BusDown
from chassis.bus.inbox import INBOX
from chassis.bus.message import BusMessage, message_of
from chassis.bus.queue_admin import QueueAdmin
from chassis.bus.relay import Relay
from chassis.caller import Call, Caller
from chassis.clock import Clock, SystemClock
from chassis.consumer import Consumer
from chassis.entity import Entity, Record, Value
from chassis.gate import Gate
from chassis.ids import new_id
from chassis.jobs.state import JOB_STATES
from chassis.mongo.client import Database
from chassis.mongo.leases import Leases
from chassis.mongo.unit import MongoUnits
from chassis.unit import Change
from tests.waiting import until

WAIT_SECONDS = 30.0
QUEUE_SAFE_SECONDS = 2.0
"""A broker that is killed within half a second of a quorum queue's making has its name, but not what lies in it: it
writes the registry of its logs to disk that late (RabbitMQ 3.10). No test kills it sooner than this."""


class Note(Record):
    """Something to write, and to tell of."""

    note_id: str
    text: str


class Noted(Value):
    """The own fields of `test.note.written`."""

    note: Note


NOTES: Entity[Note] = Entity("note", Note, collection="notes", id="note_id")


def a_call(orgcode: str | None = "ACME", caller: Caller | None = None) -> Call:
    """A call of somebody, in an org unless the caller says otherwise."""
    now = SystemClock().now()
    somebody = caller or Caller(kind="user", actor="ann", orgcode=orgcode)
    return Call(caller=somebody, name="test", request_id=new_id(now), started_utc=now)


class World:
    """A service's database and bus, as its process would have them."""

    def __init__(self, database: Database, bus: Bus, units: MongoUnits, clock: Clock, *, replica: str) -> None:
        self.database = database
        self.bus = bus
        self.units = units
        self.clock = clock
        self.gate = Gate(clock)
        self.leases = Leases(database, clock, replica)

    def relay(self, **options: Any) -> Relay:
        """A relay of this service."""
        return Relay(self.database, self.bus, self.leases, self.units, **options)

    def queue_admin(self, consumers: Sequence[Consumer]) -> QueueAdmin:
        """The queue admin of these consumers."""
        return QueueAdmin(self.bus, consumers, self.units, self.clock, self.gate)

    async def write(self, note_id: str, texts: Sequence[str], orgcode: str = "ACME") -> None:
        """Write a note so often, each time in a change of its own, telling of it."""
        for text in texts:
            await self.units.change(a_call(orgcode), _writing(note_id, text))

    async def notes(self) -> list[dict[str, Any]]:
        """The notes there are."""
        return await self.database.collection("notes").find({})

    async def handled(self) -> int:
        """How many events consumers have handled."""
        return len(await self.database.collection("inbox").find({}))

    async def tell_again(self) -> None:
        """Have the relay publish every event once more, as after a crash before it could tick them off."""
        events = self.database.collection("events")
        told = [event["_id"] for event in await events.find({"_id": {"$gt": ""}}) if event["published"]]
        await events.update_many({"_id": {"$in": told}}, {"$set": {"pending": True}})


def _writing(note_id: str, text: str) -> Callable[[Change], Awaitable[None]]:
    async def write(change: Change) -> None:
        known = await change.get(NOTES, note_id)
        if known is None:
            note = await change.insert(NOTES, Note(note_id=note_id, text=text))
        else:
            note = await change.update(NOTES, Note(**{**_own(known), "text": text}))
        change.emit("test.note.written", note_id, note=note)

    return write


def _own(note: Note) -> dict[str, Any]:
    return {name: getattr(note, name) for name in note.__struct_fields__}


@asynccontextmanager
async def a_world(uri: str, name: str, amqp_url: str, prefix: str, *, replica: str = "one") -> AsyncIterator[World]:
    """A world, taken down again with all it has made at the broker but the queues a test made by itself."""
    clock = SystemClock()
    database = await Database.connect(uri, name)
    bus = Bus(amqp_url, "test", prefix)
    units = MongoUnits(database, [NOTES, INBOX, JOB_STATES], clock, "/test")
    try:
        await bus.start()
        await units.start()
        yield World(database, bus, units, clock, replica=replica)
    finally:
        await units.stop()
        await forget(bus)
        await bus.stop()
        await database.close()


async def forget(bus: Bus, *queues: str) -> None:
    """Remove the exchange and these queues."""
    with suppress(BusDown):
        async with bus.consuming.channel(seconds=5.0) as channel:
            for queue in queues:
                await channel.queue_delete(queue)
            await channel.exchange_delete(bus.topology.exchange)
            await channel.exchange_delete(bus.topology.work_exchange)


async def eventually(true: Callable[[], Any], seconds: float = WAIT_SECONDS) -> None:
    """Wait until the condition (plain, or to be awaited) holds; fail when it does not within the seconds."""
    await until(true, seconds)


async def all_attached(queue_admin: QueueAdmin) -> bool:
    """Whether every queue has its consumer: what is published before the first one came is bound to nothing."""
    return all(queue.depth.consumers == 1 for queue in await queue_admin.queues())


class EventRecorder:
    """A subscriber outside the stack: a queue of its own on the exchange, whose messages it keeps in order."""

    def __init__(self, url: str, exchange: str, queue: str) -> None:
        self._url, self._exchange, self.queue = url, exchange, queue
        self.received: list[BusMessage] = []
        self._attached = 0.0

    @property
    def age(self) -> float:
        """Seconds since the queue was made."""
        return time.monotonic() - self._attached

    @asynccontextmanager
    async def bound(self) -> AsyncIterator[AbstractChannel]:
        """A channel to a broker that has the exchange and the queue, bound to everything."""
        connection = await aiormq.connect(self._url)
        try:
            channel = await connection.channel()
            await channel.exchange_declare(self._exchange, exchange_type="topic", durable=True)
            await channel.queue_declare(self.queue, durable=True, arguments={"x-queue-type": "quorum"})
            await channel.queue_bind(self.queue, self._exchange, "#")
            yield channel
        finally:
            await connection.close()

    async def attach(self) -> None:
        """Make the queue, so that from now on nothing is missed."""
        async with self.bound():
            self._attached = time.monotonic()

    async def drain(self) -> list[BusMessage]:
        """Take all that lies in the queue now; and everything taken so far."""
        async with self.bound() as channel:
            while not isinstance(
                (message := await channel.basic_get(self.queue, no_ack=True)).delivery, Basic.GetEmpty
            ):
                self.received.append(message_of(message))
        return self.received

    async def remove(self) -> None:
        """Remove the queue."""
        async with self.bound() as channel:
            await channel.queue_delete(self.queue)
            await channel.exchange_delete(self._exchange)


def firsts(messages: Sequence[BusMessage]) -> list[BusMessage]:
    """Each event once, where it was heard first."""
    seen: dict[str, BusMessage] = {}
    for message in messages:
        seen.setdefault(message.message_id, message)
    return list(seen.values())

"""Dead letters: listed without being removed, and replayed to their queue. Also the depth of queues."""

import asyncio

from aiormq.abc import AbstractChannel
from pamqp.commands import Basic

from chassis.bus.connection import ANSWER_SECONDS, Bus
from chassis.bus.event_message import event_of
from chassis.bus.message import BusMessage, message_of, pass_on
from chassis.bus.topology import Queue, QueueSet, declare_queue
from chassis.clock import Utc
from chassis.consumer import DeadLetter, Event
from chassis.entity import Value

LETTERS_DEFAULT = 100
LETTERS_MAX = 1000
PUT_BACK_LOOKS, PUT_BACK_SECONDS = 50, 0.02


class DeadLetterRecord(Value):
    """A message that could not be handled. Event fields are empty if the message was not an event."""

    queue: str
    event_id: str
    type: str
    subject: str
    orgcode: str
    at_utc: str
    failed_utc: str
    tries: int
    reason: str
    body: str


class Depth(Value):
    """Messages of a consumer that are ready, waiting for a retry, and dead; and the number of its consumers."""

    ready: int
    waiting: int
    dead: int
    consumers: int


async def peek(bus: Bus, queues: QueueSet, limit: int) -> list[DeadLetterRecord]:
    """The oldest dead letters of a consumer; they stay in the queue."""
    letters: list[DeadLetterRecord] = []
    async with bus.consuming.channel(seconds=ANSWER_SECONDS) as channel:
        await declare_queue(channel, queues.dead)
        there = await _count(channel, queues.dead)
        while len(letters) < min(limit, LETTERS_MAX):
            message = await _get(channel, queues.dead)
            if message is None:
                break
            letters.append(_letter(queues, message))
        if letters:
            await _put_back(channel, queues.dead, there)
    return letters


async def replay(bus: Bus, queues: QueueSet, limit: int) -> int:
    """Return the oldest dead letters to their queue; the number. Those that fail again meanwhile are not sent twice."""
    async with bus.consuming.channel(confirms=True, seconds=ANSWER_SECONDS) as channel:
        await declare_queue(channel, queues.work)
        there = await _count(channel, queues.dead)
        replayed = 0
        while replayed < min(limit or there, there):
            message = await _get(channel, queues.dead)
            if message is None:
                break
            await pass_on(channel, message, queues.work.name, {})
            await channel.basic_ack(message.tag, wait=False)
            replayed += 1
        return replayed


async def depth(bus: Bus, queues: QueueSet) -> Depth:
    """The depth of a consumer's queues."""
    async with bus.consuming.channel(seconds=ANSWER_SECONDS) as channel:
        dead = await _count(channel, queues.dead)
        answer = await channel.queue_declare(queues.work.name, durable=True, arguments=queues.work.arguments)
        waiting = [await _count(channel, wait) for wait in queues.waits]
        return Depth(
            ready=answer.message_count or 0, waiting=sum(waiting), dead=dead, consumers=answer.consumer_count or 0
        )


async def purge(bus: Bus, queues: QueueSet) -> int:
    """Delete the ready messages of every queue of a consumer; the number. Messages being handled stay."""
    purged = 0
    async with bus.consuming.channel(seconds=ANSWER_SECONDS) as channel:
        for queue in queues.all:
            await declare_queue(channel, queue)
            purged += (await channel.queue_purge(queue.name)).message_count or 0
    return purged


async def of_org(bus: Bus, queues: QueueSet, orgcode: str, *, drop: bool) -> int:
    """How many dead letters of a consumer belong to the org; with `drop` they are deleted."""
    async with bus.consuming.channel(seconds=ANSWER_SECONDS) as channel:
        await declare_queue(channel, queues.dead)
        found = kept = 0
        for _ in range(await _count(channel, queues.dead)):
            message = await _get(channel, queues.dead)
            if message is None:
                break
            event = _event(message)
            if event is None or event.orgcode != orgcode:
                kept += 1
                continue
            found += 1
            if drop:
                await channel.basic_ack(message.tag, wait=False)
        if left := kept if drop else kept + found:
            await _put_back(channel, queues.dead, left)
        return found


async def _put_back(channel: AbstractChannel, queue: Queue, messages: int) -> None:
    """Return everything taken on this channel, and wait a little until they are in the queue again."""
    await channel.basic_nack(0, multiple=True, requeue=True)
    for _ in range(PUT_BACK_LOOKS):
        if await _count(channel, queue) >= messages:
            return
        await asyncio.sleep(PUT_BACK_SECONDS)


async def _count(channel: AbstractChannel, queue: Queue) -> int:
    """Ready messages of a queue, which is declared if it does not exist."""
    answer = await channel.queue_declare(queue.name, durable=True, arguments=queue.arguments)
    return answer.message_count or 0


async def _get(channel: AbstractChannel, queue: Queue) -> BusMessage | None:
    message = await channel.basic_get(queue.name, timeout=ANSWER_SECONDS)
    return None if isinstance(message.delivery, Basic.GetEmpty) else message_of(message)


def _letter(queues: QueueSet, message: BusMessage) -> DeadLetterRecord:
    event = _event(message)
    return DeadLetterRecord(
        queue=queues.name,
        event_id=message.message_id,
        type=event.type if event else message.routing_key,
        subject=event.subject if event else "",
        orgcode=event.orgcode if event else "",
        at_utc=event.at_utc if event else "",
        failed_utc=message.failed_utc or "",
        tries=message.tries,
        reason=message.reason,
        body=message.body.decode("utf-8", "replace"),
    )


def _event(message: BusMessage) -> Event | None:
    try:
        return event_of(message, "bus.dead", Utc(""))
    except DeadLetter:
        return None

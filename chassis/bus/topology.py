"""Names and declarations of exchanges and queues, in one place.

One topic exchange carries all events. A consumer has a queue of its own, `<service>.<consumer>` unless it names
another, bound to its keys, with wait queues, one per delay, from which messages return to it after the delay, and a
dead-letter queue `<queue>.dead`. A queue that is declared with other arguments needs another name.
"""

from collections.abc import Sequence
from re import compile as pattern_of
from typing import Any

from aiormq.abc import AbstractChannel

from chassis.consumer import DELIVERIES_MAX_DEFAULT, Consumer
from chassis.entity import Value

EXCHANGE = "retailstack.events"
WORK_EXCHANGE = "retailstack.work"
"""Carries work messages from a service's relay to its own workers; routing keys are names of work queues."""
DELIVERY_LIMIT = DELIVERIES_MAX_DEFAULT
"""How often a message may be delivered without an answer (its consumer crashed) before it is a dead letter."""

KEPT_DELIVERY_LIMIT = 1_000_000
"""The same for dead-letter queues: each look at a dead letter counts as a delivery."""

LISTENER_EXPIRES_SECONDS = 60
"""How long the queue of a listener or a tail is kept after it has stopped."""

_WORD = pattern_of(r"[a-z0-9][a-z0-9_-]*")


class Queue(Value):
    """A queue's name and arguments."""

    name: str
    arguments: dict[str, Any]


class QueueSet(Value):
    """The queues of one consumer; `name` is what operators call it. `waits`: one per delay, the shortest first."""

    name: str
    work: Queue
    dead: Queue
    waits: tuple[Queue, ...]

    @property
    def owns_dead(self) -> bool:
        """Whether the dead-letter queue is its own, not that of another consumer."""
        return self.dead.name == f"{self.work.name}.dead"

    @property
    def all(self) -> tuple[Queue, ...]:
        """All of them."""
        return (self.dead, self.work, *self.waits)


class Topology(Value):
    """Names with one prefix, so that several stacks or tests can share a broker."""

    prefix: str = ""

    @property
    def exchange(self) -> str:
        """The exchange of all events."""
        return self.prefix + EXCHANGE

    @property
    def work_exchange(self) -> str:
        """The exchange of work messages."""
        return self.prefix + WORK_EXCHANGE

    def consumer(
        self,
        service: str,
        name: str,
        delays_seconds: Sequence[float],
        *,
        ordered: bool = True,
        queue: str = "",
        dead: str = "",
        deliveries_max: int = DELIVERY_LIMIT,
    ) -> QueueSet:
        """The queues of a consumer. If `ordered`, one replica at a time is served, and the next takes over from it.

        queue           the name of the first, where it is not `<service>.<name>`
        dead            the name of the dead-letter queue, where it is not `<queue>.dead`: several can share one
        deliveries_max  how often a message is delivered without an answer before it is a dead letter
        """
        for word in (service, name, *(queue.split(".") if queue else ())):
            if not _WORD.fullmatch(word):
                raise TypeError(f"{word!r} cannot name a queue: small letters, digits, - and _ can")
        known = queue or f"{service}.{name}"
        work = f"{self.prefix}{known}"
        dead = f"{self.prefix}{dead}" if dead else f"{work}.dead"
        limit = {"x-delivery-limit": deliveries_max}
        return QueueSet(
            name=known,
            work=_queue(work, falls_to=dead, **limit, **({"x-single-active-consumer": True} if ordered else {})),
            # It dead-letters to itself: a message that was listed too often goes to its end and is never lost.
            dead=_queue(dead, falls_to=dead, **{"x-delivery-limit": KEPT_DELIVERY_LIMIT}),
            waits=tuple(
                _queue(_wait(work, millis), falls_to=work, **{"x-message-ttl": millis})
                for millis in sorted({_millis(seconds) for seconds in delays_seconds})
            ),
        )

    def listener(self, name: str) -> Queue:
        """A queue for one listener, which expires soon after it stops."""
        full = f"{self.prefix}{name}"
        return _queue(full, falls_to=full, **{"x-expires": LISTENER_EXPIRES_SECONDS * 1000})


def queues_of(topology: Topology, consumer: Consumer) -> QueueSet:
    """The queues of a declared consumer."""
    return topology.consumer(
        consumer.service,
        consumer.name,
        consumer.delays,
        ordered=consumer.ordered,
        queue=consumer.queue,
        dead=consumer.dead,
        deliveries_max=consumer.deliveries_max,
    )


def wait_name(queues: QueueSet, seconds: float) -> str:
    """The wait queue of a consumer for one of its delays."""
    return _wait(queues.work.name, _millis(seconds))


def _wait(work: str, millis: int) -> str:
    return f"{work}.wait.{millis}"


def _millis(seconds: float) -> int:
    return max(1, round(seconds * 1000))


def _queue(name: str, *, falls_to: str, **more: Any) -> Queue:
    """A quorum queue that loses nothing: a message leaves it only once `falls_to` has confirmed it."""
    arguments: dict[str, Any] = {
        "x-queue-type": "quorum",
        "x-delivery-limit": DELIVERY_LIMIT,
        "x-dead-letter-exchange": "",
        "x-dead-letter-routing-key": falls_to,
        "x-dead-letter-strategy": "at-least-once",
        "x-overflow": "reject-publish",
    }
    return Queue(name=name, arguments={**arguments, **more})


async def declare_exchange(channel: AbstractChannel, topology: Topology) -> None:
    """Declare the exchanges."""
    await channel.exchange_declare(topology.exchange, exchange_type="topic", durable=True)
    await channel.exchange_declare(topology.work_exchange, exchange_type="topic", durable=True)


async def declare_queue(channel: AbstractChannel, queue: Queue, keys: Sequence[str] = (), exchange: str = "") -> None:
    """Declare the queue and bind it to these keys of the exchange."""
    await channel.queue_declare(queue.name, durable=True, arguments=queue.arguments)
    for key in keys:
        await channel.queue_bind(queue.name, exchange, key)


async def declare_consumer(
    channel: AbstractChannel, topology: Topology, queues: QueueSet, keys: Sequence[str], dead_keys: Sequence[str] = ()
) -> None:
    """Declare a consumer's queues and bind the first to its keys, the dead-letter queue to `dead_keys`.

    The dead-letter queue is declared first: without it the other queues would hold back their dead letters.
    """
    await declare_exchange(channel, topology)
    await declare_queue(channel, queues.dead, dead_keys, topology.exchange)
    await declare_queue(channel, queues.work, keys, topology.exchange)
    for wait in queues.waits:
        await declare_queue(channel, wait)

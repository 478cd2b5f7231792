"""The consumers of a service, and the operator's commands on their queues."""

import asyncio
from collections.abc import Sequence

from msgspec.structs import replace

from chassis.bus.connection import Bus
from chassis.bus.dead_letters import LETTERS_DEFAULT, DeadLetterRecord, Depth, depth, of_org, peek, purge, replay
from chassis.bus.listener import Listener
from chassis.bus.subscription import State, Subscription, SubscriptionStats
from chassis.clock import Clock
from chassis.consumer import Consumer
from chassis.entity import Value
from chassis.errors import NotFound
from chassis.gate import Gate
from chassis.provided import Provided
from chassis.unit import Units


class QueueState(Value):
    """A consumer's queue, its depth, and the state of this replica's consumer.

    dead  the name of its dead-letter queue; empty if that belongs to another consumer, whose depth counts it
    """

    queue: str
    state: State
    depth: Depth
    dead: str


class QueueAdmin:
    """Starts and stops the consumers of this replica together, and inspects their queues by name."""

    def __init__(
        self,
        bus: Bus,
        consumers: Sequence[Consumer],
        units: Units,
        clock: Clock,
        gate: Gate,
        provided: Provided | None = None,
    ) -> None:
        self.bus = bus
        self._clock = clock
        self._subscriptions = {
            subscription.queues.name: subscription
            for subscription in (Subscription(each, bus, units, clock, gate, provided=provided) for each in consumers)
        }
        if len(self._subscriptions) < len(consumers):
            raise TypeError("two consumers have the same name")

    @property
    def stats(self) -> list[SubscriptionStats]:
        """Counts of each consumer."""
        return [subscription.stats for subscription in self._subscriptions.values()]

    @property
    def attached(self) -> bool:
        """Whether every consumer is attached. An event published earlier is lost to a queue that was not bound yet."""
        return all(subscription.attached for subscription in self._subscriptions.values())

    async def start(self) -> None:
        """Start consuming; returns at once, with or without a broker."""
        for subscription in self._subscriptions.values():
            await subscription.start()

    async def stop(self, seconds: float = 5.0) -> None:
        """Take no more messages, and wait up to `seconds` for running handlers."""
        await asyncio.gather(*(subscription.stop(seconds) for subscription in self._subscriptions.values()))

    async def queues(self) -> list[QueueState]:
        """Every queue of the service."""
        found = []
        for name, subscription in self._subscriptions.items():
            there = await depth(self.bus, subscription.queues)
            if not subscription.queues.owns_dead:
                there = replace(there, dead=0)
            dead = f"{name}.dead" if subscription.queues.owns_dead else ""
            found.append(QueueState(queue=name, state=subscription.stats.state, depth=there, dead=dead))
        return found

    async def dead_letters(self, queue: str = "", limit: int = 0) -> list[DeadLetterRecord]:
        """The oldest dead letters of a queue, or of each; they stay. Raises `NotFound` for an unknown queue."""
        chosen = [self._find(queue)] if queue else self._with_dead
        letters: list[DeadLetterRecord] = []
        for subscription in chosen:
            letters += await peek(self.bus, subscription.queues, limit or LETTERS_DEFAULT)
        return letters

    async def replay(self, queue: str, limit: int = 0) -> int:
        """Return up to `limit` dead letters (0: all) to their queue; the number. Raises `NotFound`."""
        return await replay(self.bus, self._find(queue).queues, limit)

    async def purge(self) -> int:
        """Purge every queue of the service, for the full vacuum; the number of messages."""
        return sum([await purge(self.bus, subscription.queues) for subscription in self._subscriptions.values()])

    async def count_dead(self, orgcode: str) -> int:
        """How many dead letters belong to the org."""
        return sum([await of_org(self.bus, each.queues, orgcode, drop=False) for each in self._with_dead])

    async def drop_dead(self, orgcode: str) -> int:
        """Delete the org's dead letters; the number."""
        return sum([await of_org(self.bus, each.queues, orgcode, drop=True) for each in self._with_dead])

    def listen(self, keys: Sequence[str], name: str = "tail") -> Listener:
        """A listener to live events; start it, and stop it afterwards."""
        return Listener(self.bus, keys, self._clock, name=name)

    @property
    def _with_dead(self) -> list[Subscription]:
        """One subscription for each dead-letter queue; several may share one."""
        return [each for each in self._subscriptions.values() if each.queues.owns_dead]

    def _find(self, queue: str) -> Subscription:
        """The subscription of a queue or of its dead-letter queue, by name."""
        found = self._subscriptions.get(queue.removesuffix(".dead"))
        if found is None:
            raise NotFound(f"there is no queue {queue}", queues=sorted(self._subscriptions))
        return found

"""Runs a declared consumer: takes messages from its queue, has them handled, and settles their outcome.

A message is acknowledged only when its outcome is durable: handled and committed, or copied with a confirm into a wait
queue or the dead-letter queue. A failure before that redelivers the message, and the inbox makes the repetition do
nothing.
"""

import asyncio
from collections import Counter
from contextlib import suppress
from typing import Literal

from aiormq.abc import AbstractChannel, DeliveredMessage

from chassis.bus.breaker import Breaker
from chassis.bus.connection import Bus, BusDown, translated
from chassis.bus.handling import Handling, HandlingOutcome
from chassis.bus.keyed_executor import KeyedExecutor
from chassis.bus.message import BusMessage, failure_marks, message_of, pass_on
from chassis.bus.ordering import worker_of
from chassis.bus.topology import declare_consumer, queues_of, wait_name
from chassis.clock import Clock
from chassis.consumer import Consumer
from chassis.entity import Value
from chassis.gate import Gate
from chassis.provided import Provided
from chassis.telemetry.log import get_logger
from chassis.unit import Units

PROBE_SECONDS = 30.0
"""How long a stopped consumer waits before it tries one message."""

GATE_SECONDS = 0.2
RETRY_SECONDS = 0.5

State = Literal["running", "stopped", "paused"]

log = get_logger("chassis.bus")


class SubscriptionStats(Value):
    """Counts of a consumer since its start. `stopped`: most messages failed; `paused`: the gate is closed."""

    consumer: str
    state: State
    handled: int
    repeated: int
    skipped: int
    later: int
    never: int
    busy: int


class Subscription:
    """One consumer of this replica."""

    def __init__(
        self,
        consumer: Consumer,
        bus: Bus,
        units: Units,
        clock: Clock,
        gate: Gate,
        *,
        provided: Provided | None = None,
        breaker: Breaker | None = None,
        probe_seconds: float = PROBE_SECONDS,
    ) -> None:
        self.consumer = consumer
        self.queues = queues_of(bus.topology, consumer)
        self._bus = bus
        self._clock = clock
        self._gate = gate
        self._handling = Handling(consumer, units, clock, gate, provided or Provided())
        self._breaker = breaker or Breaker()
        self._probe_seconds = probe_seconds
        self._state: State = "running"
        self._consuming = False
        self._interruption = ""
        self._counts: Counter[str] = Counter()
        self._stopping = asyncio.Event()
        self._over = asyncio.Event()
        self._executor: KeyedExecutor[BusMessage] | None = None
        self._drain_seconds = 5.0
        self._runner: asyncio.Task[None] | None = None

    @property
    def stats(self) -> SubscriptionStats:
        """Counts since the start, and the state."""
        words = ("handled", "repeated", "skipped", "later", "never")
        return SubscriptionStats(
            consumer=self.consumer.call_name,
            state=self._state,
            busy=self._executor.busy if self._executor else 0,
            **{word: self._counts[word] for word in words},
        )

    @property
    def attached(self) -> bool:
        """Whether its queue is bound and consumed, or the gate keeps it from that."""
        return self._consuming or self._state == "paused"

    async def start(self) -> None:
        """Start consuming; reconnects automatically."""
        self._stopping.clear()
        self._runner = asyncio.create_task(self._run(), name=f"consumer {self.consumer.call_name}")

    async def stop(self, seconds: float = 5.0) -> None:
        """Take no more messages, wait up to `seconds` for running handlers, leave the rest in the queue."""
        if self._runner is None:
            return
        self._drain_seconds = seconds
        self._stopping.set()
        self._over.set()
        if self._executor is None:
            self._runner.cancel()
        await asyncio.wait({self._runner}, timeout=seconds + 2.0)
        self._runner.cancel()
        await asyncio.gather(self._runner, return_exceptions=True)
        self._runner = None

    async def _run(self) -> None:
        """Consume, and start again after every interruption."""
        while not self._stopping.is_set():
            if not self._gate.open:
                await self._wait_for_gate()
                continue
            if self._state == "stopped":
                await self._sleep(self._probe_seconds)
                if self._stopping.is_set():
                    return
            try:
                await self._consume(probing=self._state == "stopped")
            except BusDown as cause:
                # Most often the connection was lost, which is logged where it is held. A broker that refuses a
                # declaration ends the connection as well, every time.
                if cause.message != self._interruption:
                    self._interruption = cause.message
                    log.warning("a consumer was interrupted", consumer=self.consumer.call_name, reason=cause.message)
                await self._sleep(RETRY_SECONDS)
            except Exception:
                # Messages wait in the queue; consuming them again loses nothing and does nothing twice.
                log.exception("a consumer was interrupted", consumer=self.consumer.call_name)
                await self._sleep(RETRY_SECONDS)

    async def _consume(self, *, probing: bool) -> None:
        """Consume on one channel until stopped, tripped, paused or disconnected; when probing, one message only."""
        self._over.clear()
        async with self._bus.consuming.channel(confirms=True) as channel:
            await declare_consumer(
                channel, self._bus.topology, self.queues, self.consumer.keys, self.consumer.dead_keys
            )
            await channel.basic_qos(prefetch_count=1 if probing else self.consumer.prefetch)
            executor = self._executor = KeyedExecutor(lambda message: self._take(channel, message, probing=probing))

            async def arrive(message: DeliveredMessage) -> None:
                came = message_of(message)
                executor.put(worker_of(str(came.headers.get("cloudEvents:subject")), self.consumer.concurrency), came)

            channel.on_consumer_cancel_callbacks.add(lambda _: self._over.set())
            try:
                if not self._stopping.is_set():
                    await channel.basic_consume(self.queues.work.name, arrive)
                    self._consuming, self._interruption = True, ""
                    await self._until_over(channel)
            finally:
                # The channel is closed instead of cancelling the consumer, so that messages not begun return to their
                # place before the next replica is served; a cancel would serve it the later messages first.
                self._over.set()
                self._consuming = False
                await executor.finish(self._drain_seconds)
                self._executor = None

    async def _until_over(self, channel: AbstractChannel) -> None:
        """Wait until consuming ends, from our side or the broker's."""
        over = asyncio.create_task(self._over.wait())
        gone = channel.closing
        try:
            await asyncio.wait({over, gone}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            over.cancel()
            gone.cancel()

    async def _take(self, channel: AbstractChannel, message: BusMessage, *, probing: bool) -> None:
        """Handle one message. Once consuming has ended none is begun, so that later messages do not overtake."""
        if not self._gate.open:
            self._over.set()
        if self._over.is_set():
            return
        try:
            outcome = await self._handling.outcome(message)
            with translated():
                await self._settle(channel, message, outcome)
        except BusDown:
            self._over.set()
            return
        self._counts[outcome.word] += 1
        self._judge(outcome, probing=probing)

    async def _settle(self, channel: AbstractChannel, message: BusMessage, outcome: HandlingOutcome) -> None:
        """Make the outcome durable, then acknowledge the message."""
        if not outcome.done:
            again = outcome.word == "later"
            queue = wait_name(self.queues, outcome.delay_seconds) if again else self.queues.dead.name
            marks = failure_marks(message.tries + 1, outcome.reason, self._clock.now())
            await pass_on(channel, message, queue, marks)
        await channel.basic_ack(message.tag, wait=False)

    def _judge(self, outcome: HandlingOutcome, *, probing: bool) -> None:
        """Stop if most messages fail; go on after a successful probe."""
        if probing:
            if outcome.done:
                self._state = "running"
                self._breaker.reset()
                log.info("a consumer goes on", consumer=self.consumer.call_name)
            self._over.set()
            return
        self._breaker.note(outcome.done)
        if self._breaker.tripped and self._state == "running":
            self._state = "stopped"
            self._over.set()
            log.error("a consumer stops: most messages fail", consumer=self.consumer.call_name, reason=outcome.reason)

    async def _wait_for_gate(self) -> None:
        """Take no messages until the maintenance window has ended."""
        before, self._state = self._state, "paused"
        while not self._gate.open and not self._stopping.is_set():
            await self._sleep(GATE_SECONDS)
        self._state = before

    async def _sleep(self, seconds: float) -> None:
        """Wait up to `seconds`, or until stopped."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()

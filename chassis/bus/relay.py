"""The relay: publishes the event log to the exchange, with confirms, in order per subject.

It reads pending events, publishes a page, and marks what the broker has confirmed. So no committed event is lost, and a
crash at any point costs at most a repetition. This process's commits wake it; it also looks from time to time for
events of other replicas.

Subjects are spread over shards, and a lease gives each shard to one replica. The leases avoid repetitions; order does
not depend on them. Every relay publishes a subject from its first pending event on, one after the other, so even two
relays that overlap publish the second event only after the first; subscribers recognise repetitions by the event id.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Protocol

from aiormq.abc import AbstractChannel

from chassis.bus.connection import Bus, BusDown
from chassis.bus.ordering import settled
from chassis.bus.publishing import Outgoing, publish
from chassis.bus.shards import RENEW_AFTER, ShardLeases
from chassis.bus.topology import declare_exchange
from chassis.clock import Clock, SystemClock, seconds_between, to_datetime
from chassis.entity import Value
from chassis.event import SHARDS, EventDocument, headers_of
from chassis.mongo.client import Database
from chassis.mongo.eventlog import mark_relayed, pending, remove_relayed
from chassis.mongo.leases import Leases
from chassis.telemetry.log import get_logger
from chassis.telemetry.trace import span

PAGE_EVENTS_MAX = 256
READ_EVENTS_MAX = 2048
"""Events read at once during a backlog: finding the oldest costs in proportion to all that wait."""

CONFIRM_SECONDS = 4.0
"""How long the confirms of a page may take; a lease must last at least that long when it is published."""

LEASE_SECONDS = 12.0
"""How long a shard may go unserved after a crash."""

POLL_SECONDS_MIN = 0.02
POLL_SECONDS_SHARED_MAX = 1.0
POLL_SECONDS_MAX = 8.0
"""Events of this process's commits are published at once. Polls find those of other replicas in this one's shards, and
those whose commit was not known to have succeeded."""

RETRY_SECONDS_MIN = 0.05
RETRY_SECONDS_MAX = 2.0

EVENTS_MAX = 1_000_000
"""Events that may wait for the broker."""

MEASURE_SECONDS = 2.0

log = get_logger("chassis.bus")


class RelayStats(Value):
    """What a relay has done since its start, and what it holds now."""

    published: int = 0
    pages: int = 0
    failures: int = 0
    shards: int = 0


class Backlog(Value):
    """Committed events of all shards that the broker has not confirmed; the age of the oldest in seconds."""

    pending: int = 0
    lag_seconds: float = 0.0


class Waking(Protocol):
    """Units of work that call back after commits."""

    def on_commit(self, callback: Callable[[], None]) -> None:
        """Call back after each commit."""
        ...


class Relay:
    """This replica's relay. Start it after the database and the bus, stop it before them.

    full    whether `events_max` events wait for an absent broker: then changes are refused
    """

    def __init__(
        self,
        database: Database,
        bus: Bus,
        leases: Leases,
        units: Waking,
        *,
        clock: Clock | None = None,
        lease_seconds: float = LEASE_SECONDS,
        events_max: int = EVENTS_MAX,
    ) -> None:
        self.full = False
        self._events_max = events_max
        self._database = database
        self._bus = bus
        self._clock = clock or SystemClock()
        self._shards = ShardLeases(leases, lease_seconds)
        # Leases have to be renewed between polls.
        self._renew_seconds = lease_seconds * RENEW_AFTER
        self._woken = asyncio.Event()
        # Set until the relay works, and whenever it does not.
        self._fails = asyncio.Event()
        self._fails.set()
        self._draining = False
        self._runner: asyncio.Task[None] | None = None
        self._measurer: asyncio.Task[None] | None = None
        self._poll_seconds = POLL_SECONDS_MIN
        self._failing = False
        self._published = self._pages = self._failures = 0
        self._units = units
        units.on_commit(self.wake)

    @property
    def stats(self) -> RelayStats:
        """Counts since the start."""
        held = len(self._shards.held(0))
        return RelayStats(published=self._published, pages=self._pages, failures=self._failures, shards=held)

    @property
    def shared(self) -> bool:
        """Whether the service has other replicas."""
        return self._shards.shared

    def on_commit(self, callback: Callable[[], None]) -> None:
        """Call back after each commit of this process that wrote events. With `shared`, implements `Commits`."""
        self._units.on_commit(callback)

    def wake(self) -> None:
        """Look for pending events now."""
        self._woken.set()

    async def start(self) -> None:
        """Start to publish."""
        self._draining = False
        self._runner = asyncio.create_task(self._run(), name="relay")
        self._measurer = asyncio.create_task(self._measure_on(), name="relay backlog")

    async def stop(self, seconds: float = 5.0) -> None:
        """Publish what is pending in this replica's shards, as far as the seconds allow, and release the shards."""
        if self._runner is None:
            return
        self._draining = True
        if self._measurer is not None:
            self._measurer.cancel()
            await asyncio.gather(self._measurer, return_exceptions=True)
        self.wake()
        done, _ = await asyncio.wait({self._runner}, timeout=seconds)
        if not done:
            self._runner.cancel()
            await asyncio.gather(self._runner, return_exceptions=True)
        self._runner = None
        with suppress(Exception):  # The leases expire by themselves if the database is not reached.
            await self._shards.give_back()

    async def backlog(self) -> Backlog:
        """The backlog of every shard now: reads the database."""
        oldest = await pending(self._database, range(SHARDS), 1)
        if not oldest:
            return Backlog()
        waiting = await self._database.collection("events").count({"pending": True})
        lag = seconds_between(oldest[0].at_utc, self._clock.now())
        return Backlog(pending=waiting, lag_seconds=max(0.0, lag))

    async def _run(self) -> None:
        """Publish until stopped. Failures are retried: logged once, and once more on recovery."""
        pause = RETRY_SECONDS_MIN
        while True:
            try:
                async with self._bus.publishing.channel(confirms=True) as channel:
                    await declare_exchange(channel, self._bus.topology)
                    await self._relay_on(channel)
                return
            except Exception as cause:  # noqa: BLE001 - the relay outlives whatever happens to broker and database
                self._failures += 1
                pause = RETRY_SECONDS_MIN if not self._failing else min(pause * 2, RETRY_SECONDS_MAX)
                self._say_failing(cause)
            await asyncio.sleep(pause)

    async def _measure_on(self) -> None:
        """While the broker is away: see from time to time whether more events wait than may."""
        while True:
            await self._fails.wait()
            await asyncio.sleep(MEASURE_SECONDS)
            if not self._bus.publishing.up:
                await self._measure()

    async def _measure(self) -> None:
        with suppress(Exception):  # A database that does not answer refuses changes by itself.
            waiting = await self._database.collection("events").count({"pending": True}, at_most=self._events_max + 1)
            if (full := waiting > self._events_max) != self.full:
                say = log.error if full else log.info
                say(
                    "too many events wait for the broker: changes are refused" if full else "changes are accepted again"
                )
            self.full = full

    async def _relay_on(self, channel: AbstractChannel) -> None:
        """Publish page after page on one channel until nothing is pending; raises if the channel must not be used any
        more.
        """
        limit = PAGE_EVENTS_MAX
        while True:
            await self._shards.renew()
            shards = self._shards.held(CONFIRM_SECONDS)
            self._woken.clear()
            events = await pending(self._database, shards, limit) if shards else []
            await self._relay_all(channel, events, set(shards))
            self._say_working()
            self.full = False
            more = len(events) == limit
            limit = min(limit * 2, READ_EVENTS_MAX) if more else PAGE_EVENTS_MAX
            if self._draining:
                if not events:
                    return
            elif not more:
                await self._idle(channel)

    async def _relay_all(self, channel: AbstractChannel, events: Sequence[EventDocument], shards: set[int]) -> None:
        """Publish page by page. A shard whose lease is lost on the way is left alone from then on."""
        for start in range(0, len(events), PAGE_EVENTS_MAX):
            if start:
                await self._shards.renew()
                shards &= set(self._shards.held(CONFIRM_SECONDS))
            page = [event for event in events[start : start + PAGE_EVENTS_MAX] if event.shard in shards]
            if page:
                await self._relay(channel, page)

    async def _relay(self, channel: AbstractChannel, page: Sequence[EventDocument]) -> None:
        """Publish a page and mark what was confirmed. Raises `BusDown` if not all of it was."""
        with span("relay page", "producer", events=len(page)):
            confirmed = await publish(channel, [self._outgoing(event) for event in page], CONFIRM_SECONDS)
        done = settled([event.subject for event in page], confirmed)
        if done:
            confirmed_events = [page[place] for place in done]
            await mark_relayed(self._database, [event.event_id for event in confirmed_events if not event.queue])
            await remove_relayed(self._database, [event.event_id for event in confirmed_events if event.queue])
        self._published += len(done)
        self._pages += 1
        self._poll_seconds = POLL_SECONDS_MIN
        if len(done) < len(page):
            raise BusDown(f"{len(page) - len(done)} of {len(page)} events were not confirmed")

    def _outgoing(self, event: EventDocument) -> Outgoing:
        topology = self._bus.topology
        return Outgoing(
            exchange=topology.work_exchange if event.queue else topology.exchange,
            routing_key=event.queue or event.type,
            message_id=event.event_id,
            headers=headers_of(event),
            body=event.body.encode(),
            at=to_datetime(event.at_utc),
        )

    async def _idle(self, channel: AbstractChannel) -> None:
        """Wait for a commit, or until it is time to look for events of other replicas: soon after there were some, then
        rarer.
        """
        seconds = self._poll_seconds if self._shards.shared else POLL_SECONDS_MAX
        seconds = min(seconds, self._renew_seconds)
        self._poll_seconds = min(self._poll_seconds * 2, POLL_SECONDS_SHARED_MAX)
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._woken.wait()
        if channel.is_closed:
            raise BusDown

    def _say_failing(self, cause: Exception) -> None:
        if not self._failing:
            known = isinstance(cause, BusDown)
            log.warning("the relay fails, and tries again", reason=str(cause), exc_info=None if known else cause)
        self._failing = True
        self._fails.set()

    def _say_working(self) -> None:
        if self._failing:
            log.info("the relay works again")
        self._failing = False
        self._fails.clear()

"""The relay: event log to exchange, with confirms, in order per subject.

It reads what is pending, publishes a page, and ticks off what the broker has confirmed; so nothing that was committed
is ever lost, and a crash at any point costs at most a repetition. It is woken by this process's commits and looks now
and then for what others have left.

Subjects are spread over shards, and a lease gives each shard to one replica. The leases spare repetitions; order does
not rest on them. Every relay publishes a subject from its first pending event on, one after the other, so even two that
overlapped would both say the second only after the first, and subscribers know repetitions by their event id.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Protocol

from aiormq.abc import AbstractChannel

from chassis.bus.connection import Bus, BusDown
from chassis.bus.ordering import settled
from chassis.bus.publishing import Outgoing, publish
from chassis.bus.shards import ShardLeases
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
"""Events read at once while there is a backlog: finding the oldest costs in proportion to all that wait."""

CONFIRM_SECONDS = 4.0
"""How long a page may take to be confirmed; a lease must hold at least that long when it is published."""

LEASE_SECONDS = 9.0
"""How long after a crash a shard may go unserved."""

POLL_SECONDS_MIN = 0.02
POLL_SECONDS_SHARED_MAX = 0.2
POLL_SECONDS_MAX = 1.0
RETRY_SECONDS_MIN = 0.05
RETRY_SECONDS_MAX = 2.0

log = get_logger("chassis.bus")


class RelayStats(Value):
    """What a relay has done since it started, and what it holds now."""

    published: int = 0
    pages: int = 0
    failures: int = 0
    shards: int = 0


class Backlog(Value):
    """Events committed and not yet confirmed by the broker, of all shards; the age of the oldest in seconds."""

    pending: int = 0
    lag_seconds: float = 0.0


class Waking(Protocol):
    """What tells of commits."""

    def on_commit(self, callback: Callable[[], None]) -> None:
        """Call back after each commit."""
        ...


class Relay:
    """This replica's relay. `start` it once the database and the bus are started, `stop` it before them."""

    def __init__(
        self,
        database: Database,
        bus: Bus,
        leases: Leases,
        units: Waking,
        *,
        clock: Clock | None = None,
        lease_seconds: float = LEASE_SECONDS,
    ) -> None:
        self._database = database
        self._bus = bus
        self._clock = clock or SystemClock()
        self._shards = ShardLeases(database, leases, self._clock, lease_seconds)
        self._woken = asyncio.Event()
        self._draining = False
        self._runner: asyncio.Task[None] | None = None
        self._poll_seconds = POLL_SECONDS_MIN
        self._failing = False
        self._published = self._pages = self._failures = 0
        units.on_commit(self.wake)

    @property
    def stats(self) -> RelayStats:
        """Counts since the start."""
        held = len(self._shards.held(0))
        return RelayStats(published=self._published, pages=self._pages, failures=self._failures, shards=held)

    def wake(self) -> None:
        """Look now: something was committed."""
        self._woken.set()

    async def start(self) -> None:
        """Begin to relay."""
        self._draining = False
        self._runner = asyncio.create_task(self._run(), name="relay")

    async def stop(self, seconds: float = 5.0) -> None:
        """Relay what is pending in this replica's shards, as far as the seconds allow, and leave them to others."""
        if self._runner is None:
            return
        self._draining = True
        self.wake()
        done, _ = await asyncio.wait({self._runner}, timeout=seconds)
        if not done:
            self._runner.cancel()
            await asyncio.gather(self._runner, return_exceptions=True)
        self._runner = None
        with suppress(Exception):  # They lapse by themselves where the database cannot be told.
            await self._shards.give_back()

    async def backlog(self) -> Backlog:
        """What waits now, of every shard: asks the database."""
        oldest = await pending(self._database, range(SHARDS), 1)
        if not oldest:
            return Backlog()
        waiting = await self._database.collection("events").count({"pending": True})
        lag = seconds_between(oldest[0].at_utc, self._clock.now())
        return Backlog(pending=waiting, lag_seconds=max(0.0, lag))

    async def _run(self) -> None:
        """Relay until drained. Whatever fails is tried again: the log says so once, and once when it works again."""
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

    async def _relay_on(self, channel: AbstractChannel) -> None:
        """Page after page on one channel, until drained; raises where the channel must not be used any more."""
        limit = PAGE_EVENTS_MAX
        while True:
            await self._shards.renew()
            shards = self._shards.held(CONFIRM_SECONDS)
            self._woken.clear()
            events = await pending(self._database, shards, limit) if shards else []
            await self._relay_all(channel, events, set(shards))
            self._say_working()
            more = len(events) == limit
            limit = min(limit * 2, READ_EVENTS_MAX) if more else PAGE_EVENTS_MAX
            if self._draining:
                if not events:
                    return
            elif not more:
                await self._idle(channel)

    async def _relay_all(self, channel: AbstractChannel, events: Sequence[EventDocument], shards: set[int]) -> None:
        """Relay events page by page. A shard whose lease was lost on the way is left alone from there on."""
        for start in range(0, len(events), PAGE_EVENTS_MAX):
            if start:
                await self._shards.renew()
                shards &= set(self._shards.held(CONFIRM_SECONDS))
            page = [event for event in events[start : start + PAGE_EVENTS_MAX] if event.shard in shards]
            if page:
                await self._relay(channel, page)

    async def _relay(self, channel: AbstractChannel, page: Sequence[EventDocument]) -> None:
        """Publish a page and tick off what arrived; BusDown where not all of it did."""
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
        """Wait for a commit, or for the time to look what others have left: soon after there was some, then rarer."""
        seconds = self._poll_seconds if self._shards.shared else POLL_SECONDS_MAX
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

    def _say_working(self) -> None:
        if self._failing:
            log.info("the relay works again")
        self._failing = False

"""Running one queue: a replica claims what it has room for, renews its leases, and settles how each run ended.

A queue is looked at when a change of this process or a work message says that there is something, when an item comes
due, when a handler ends, and every few seconds in any case, which alone suffices while the broker is away.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from time import monotonic
from uuid import uuid4

from msgspec.structs import replace

from chassis.caller import SYSTEM, Call
from chassis.clock import Clock, later, seconds_between
from chassis.errors import Refusal
from chassis.gate import Gate
from chassis.ids import new_id
from chassis.provided import Provided
from chassis.telemetry.log import get_logger
from chassis.unit import Change, Units, View
from chassis.work.item import ASLEEP, WorkItem
from chassis.work.leasing import (
    BITE_ITEMS,
    WorkClaim,
    claim,
    due_by,
    expire_leases_of,
    lines_ready,
    renew,
    wake_due,
)
from chassis.work.queue import Worker
from chassis.work.run import WorkRun, WorkRunStats

POLL_SECONDS = 60.0
"""How often a queue is looked at when neither a commit of this process nor a message says that it has work; at least as
often as its leases end."""

SHORT_POLL_SECONDS = 5.0
"""The same while no work messages can arrive, because the broker is away."""

ASLEEP_SECONDS_MIN = 0.05
"""Shortest time between two reads of what comes due, however often the queue is woken."""

CLAIM_SECONDS = 1.0
"""How long a claim under way may take when the process stops, also if less time is left."""

GATE_SECONDS = 0.2
RETRY_SECONDS = 0.5
LOW_FIRST_EVERY = 8
"""One claim in this number takes the lowest lane first, so that a busy high lane does not starve it."""

log = get_logger("chassis.work")


class QueueRunner:
    """This replica's share of one queue."""

    def __init__(
        self,
        worker: Worker,
        provided: Provided,
        *,
        units: Units,
        clock: Clock,
        gate: Gate,
        replica: str,
        poll_seconds: float = POLL_SECONDS,
        receives_messages: Callable[[], bool] = lambda: True,
    ) -> None:
        self.worker = worker
        self.queue = worker.queue
        self.stats = WorkRunStats()
        self._provided = provided
        self._units = units
        self._clock = clock
        self._gate = gate
        self._replica = replica
        self._poll_seconds = min(poll_seconds, self.queue.lease_seconds)
        self._receives_messages = receives_messages
        self._woken = asyncio.Event()
        self._begun = asyncio.Event()
        self._runs: dict[str, WorkRun] = {}
        self._claims = 0
        self._looked = 0.0
        self._stopping = False
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def busy(self) -> int:
        """Handlers at work."""
        return len(self._runs)

    def wake(self) -> None:
        """Look for work now."""
        self._woken.set()

    async def start(self) -> None:
        """Begin to claim work."""
        self._stopping = False
        name = self.queue.name
        self._tasks = [
            asyncio.create_task(self._serve(), name=f"work {name}"),
            asyncio.create_task(self._renew(), name=f"leases of {name}"),
        ]

    async def stop(self, seconds: float = 5.0) -> None:
        """Claim no more; wait up to `seconds` for running handlers, then cancel them and give their items back."""
        self._stopping = True
        if not self._tasks:
            return
        serving, renewing = self._tasks
        self.wake()
        # Not cancelled at once: a claim that is being committed would leave items leased to nobody.
        await asyncio.wait({serving}, timeout=max(seconds, CLAIM_SECONDS))
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)
        if self._runs:
            await asyncio.wait([run.task for run in self._runs.values()], timeout=seconds)
        await asyncio.gather(*(run.cut_off() for run in list(self._runs.values())))
        renewing.cancel()
        await asyncio.gather(renewing, return_exceptions=True)
        self._tasks = []

    async def _serve(self) -> None:
        """Claim and sleep, in turns. Whatever fails is tried again: work waits in the database."""
        is_new = True
        self._woken.set()
        while not self._stopping:
            woken = self._woken.is_set()
            self._woken.clear()
            try:
                if is_new and self._gate.open:
                    await self._end_old_leases()
                    is_new = False
                pause = await self.look(woken=woken) if self._gate.open else GATE_SECONDS
            except Refusal as refusal:
                log.warning(
                    "work cannot be claimed, and is looked for again", queue=self.queue.name, reason=str(refusal)
                )
                pause = RETRY_SECONDS
            except Exception:
                log.exception("claiming work failed", queue=self.queue.name)
                pause = RETRY_SECONDS
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._woken.wait()

    async def _end_old_leases(self) -> None:
        """End the leases of an earlier process of this name: nobody works on its items any more."""

        async def write(change: Change) -> int:
            return await expire_leases_of(change, self.queue, self._replica)

        if ended := await self._units.change(self._system("recover"), write):
            log.info("leases of the process before were ended", queue=self.queue.name, items=ended)

    async def look(self, *, woken: bool = True) -> float:
        """Start what is ready, if there is room. Returns the seconds until something comes due, or the next poll.

        If it was not woken, it first reads whether anything is ready: that costs less than a claim.
        """
        if woken:
            await self._begin()
        rest = self._looked + ASLEEP_SECONDS_MIN - monotonic()
        if rest > 0:
            return rest
        self._looked = monotonic()
        asleep, is_ready = await self._asleep()
        if is_ready and not woken:
            await self._begin()
        now = self._clock.now()
        if due := [item.item_id for item in asleep if item.due_utc <= now]:
            await self._wake_due(due[:BITE_ITEMS])
            await self._begin()
            return ASLEEP_SECONDS_MIN
        seconds = self._poll_seconds if self._receives_messages() else min(self._poll_seconds, SHORT_POLL_SECONDS)
        poll = seconds * random.uniform(0.8, 1.2)
        return max(ASLEEP_SECONDS_MIN, min([poll, *(seconds_between(now, item.due_utc) for item in asleep)]))

    async def _begin(self) -> None:
        """Claim until there is no room or nothing ready."""
        while (free := self.worker.concurrency - len(self._runs)) > 0 and self._gate.open and not self._stopping:
            claims = await self._claim(free)
            for each in claims:
                self._start(each)
            if not claims:
                return

    async def _claim(self, free: int) -> list[WorkClaim]:
        self._claims += 1
        lanes = self.queue.lanes if self._claims % LOW_FIRST_EVERY else self.queue.lanes[::-1]
        tokens = [uuid4().hex for _ in range(free)]
        passed_over = self._passed_over()

        async def take(change: Change) -> list[WorkClaim]:
            return await claim(change, self.queue, tokens, self._replica, lanes=lanes, passed_over=passed_over)

        return await self._units.change(self._system("claim"), take)

    def _passed_over(self) -> frozenset[str]:
        """Orgs that get nothing now: those that are being vacuumed, and those that have their share of this replica."""
        busy = Counter(run.claim.orgcode for run in self._runs.values())
        limit = self.worker.org_concurrency
        full = {org for org, runs in busy.items() if runs >= limit} if limit < self.worker.concurrency else set()
        return self._gate.closures.orgcodes | full

    def _start(self, leased: WorkClaim) -> None:
        run = WorkRun(
            self.worker,
            leased,
            self._provided.arguments(self.worker.who, self.worker.asks),
            units=self._units,
            call=self._call(leased),
            stats=self.stats,
            stopping=lambda: self._stopping or self._gate.is_closed_for(leased.orgcode),
        )
        self._runs[leased.token] = run
        self._begun.set()
        run.begin(self._ended)

    def _ended(self, run: WorkRun) -> None:
        del self._runs[run.claim.token]
        self.wake()

    async def _asleep(self) -> tuple[list[WorkItem], bool]:
        """Items that come due before the next poll, or are due already; and whether any are ready to be claimed."""
        until = later(self._clock.now(), self._poll_seconds)
        places = [(state, lane) for state in ASLEEP for lane in self.queue.lanes]

        async def look(view: View) -> tuple[list[WorkItem], bool]:
            found = await view.together(due_by(view, self.queue, state, lane, until) for state, lane in places)
            ready = await view.together(lines_ready(view, self.queue, lane) for lane in self.queue.lanes)
            return [item for each in found for item in each], any(ready)

        return await self._units.view(self._system("due"), look)

    async def _wake_due(self, ids: Sequence[str]) -> None:
        jitter = random.random()

        async def write(change: Change) -> list[WorkItem]:
            return await wake_due(change, self.queue, ids, jitter)

        for dead in await self._units.change(self._system("wake"), write):
            self.stats.outcomes["dead"] += 1
            log.error("work becomes a dead letter", queue=self.queue.name, key=dead.key, reason=dead.last_error)

    async def _renew(self) -> None:
        """Renew the leases of running work; cancel what has lost its lease."""
        while True:
            await self._begun.wait()
            await asyncio.sleep(self.queue.lease_seconds / 3)
            if not self._runs:
                self._begun.clear()
            runs = [run for run in self._runs.values() if not run.settling]
            if not runs:
                continue
            began = monotonic()
            try:
                held = await self._renewed([run.claim for run in runs])
            except Exception as cause:  # noqa: BLE001  the database may be back before the leases have expired
                log.warning("leases of work could not be renewed", queue=self.queue.name, reason=str(cause))
                held = None
            for run in runs:
                if held is not None and run.claim.token in held:
                    run.held_until = began + self.queue.lease_seconds
                elif held is not None or monotonic() > run.held_until:
                    run.lose()

    async def _renewed(self, claims: Sequence[WorkClaim]) -> set[str]:
        async def write(change: Change) -> set[str]:
            return await renew(change, self.queue, claims)

        return await self._units.change(self._system("renew"), write)

    def _call(self, leased: WorkClaim) -> Call:
        call = self._system("")
        first = leased.items[0]
        caller = replace(SYSTEM, orgcode=leased.orgcode or None)
        name = f"{self.queue.service}.work.{_word(self.queue.name)}"
        return replace(call, caller=caller, name=name, traceparent=first.traceparent)

    def _system(self, what: str) -> Call:
        now = self._clock.now()
        name = f"{self.queue.service}.work.{_word(self.queue.name)}.{what}"
        return Call(caller=SYSTEM, name=name, request_id=new_id(now), started_utc=now)


def _word(queue: str) -> str:
    """A queue's name without its service."""
    return queue.partition(".")[2]

"""One run of a worker over leased items: the handler, and how its end is settled."""

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from time import monotonic
from typing import Any

import msgspec
from msgspec.structs import replace

from chassis.caller import SYSTEM, Call
from chassis.errors import MaintenanceActive, Refusal, Unavailable
from chassis.telemetry.log import get_logger
from chassis.telemetry.trace import Scope, enter, leave, span
from chassis.unit import Change, Units
from chassis.work.handle import Abandon, Work
from chassis.work.item import WorkItem
from chassis.work.leasing import LeaseLost, WorkClaim, fail, finish, put_back
from chassis.work.queue import Continue, Worker

SETTLE_RETRY_SECONDS = 0.25
CLOSED_RETRY_SECONDS = 5.0

Settle = Callable[[Change], Awaitable[Any]]

log = get_logger("chassis.work")


class WorkRunStats:
    """How runs have ended since the start (done, continued, failed, dead, lost, released), and how long they took."""

    def __init__(self) -> None:
        self.outcomes: Counter[str] = Counter()
        self.durations: list[float] = []

    def note(self, outcome: str, seconds: float) -> None:
        """Count one run."""
        self.outcomes[outcome] += 1
        self.durations.append(seconds)

    def take_durations(self) -> list[float]:
        """Seconds each run took that ended since this was asked last."""
        taken, self.durations = self.durations, []
        return taken


class WorkRun:
    """A handler at work."""

    def __init__(
        self,
        worker: Worker,
        claim: WorkClaim,
        asked: Mapping[str, Any],
        *,
        units: Units,
        call: Call,
        stats: WorkRunStats,
        stopping: Callable[[], bool],
    ) -> None:
        self.claim = claim
        self.held_until = monotonic() + worker.queue.lease_seconds
        self.settling = False
        self._worker = worker
        self._asked = asked
        self._units = units
        self._call = call
        self._stats = stats
        self._stopping = stopping
        self._lost = False
        self._stopped = False
        self._handler: asyncio.Task[Continue | None]
        self.task: asyncio.Task[None]

    def begin(self, ended: Callable[["WorkRun"], None]) -> None:
        """Run the handler in a task of its own; `ended` is called once how it ended is settled."""
        self._handler = asyncio.create_task(self._handle(), name=f"handler of {self._worker.queue.name}")
        self.task = asyncio.create_task(self._run(), name=f"work {self._worker.queue.name} {self.claim.items[0].key}")
        self.task.add_done_callback(lambda task: self._done(task, ended))

    def lose(self) -> None:
        """Cancel the handler: its lease is lost, and another worker may have the items."""
        log.error("work is cut off: its lease was lost", queue=self._worker.queue.name, key=self.claim.items[0].key)
        self._lost = True
        self._handler.cancel()

    async def cut_off(self) -> None:
        """Cancel the handler because the process stops, and give the items back."""
        self._stopped = True
        self._handler.cancel()
        await asyncio.gather(self.task, return_exceptions=True)

    async def _run(self) -> None:
        began = monotonic()
        try:
            outcome, settle = await self._outcome()
        finally:
            self._handler.cancel()
        self.settling = True
        if settle is not None:
            outcome = await self._settled(outcome, settle)
        self._stats.note(outcome, monotonic() - began)

    async def _outcome(self) -> tuple[str, Settle | None]:
        """How the handler ended, and the change that settles it."""
        try:
            answer = await self._handler
        except asyncio.CancelledError:
            return ("lost", None) if self._lost else ("released", self._put_back(0.0, stopped=True))
        except Refusal as refusal:
            return self._refused(refusal)
        except Exception as defect:
            log.exception("a worker failed unexpectedly", queue=self._worker.queue.name, key=self.claim.items[0].key)
            return "failed", self._fail(f"{type(defect).__name__}: {defect}")
        if isinstance(answer, Continue):
            return "continued", self._put_back(answer.after_seconds, stopped=False)
        return "done", self._finish

    def _refused(self, refusal: Refusal) -> tuple[str, Settle | None]:
        """What a refusal that left the handler means for the items."""
        said = {"queue": self._worker.queue.name, "key": self.claim.items[0].key, "reason": refusal.message}
        match refusal:
            case LeaseLost():
                log.warning("work was given to another worker while this one was at it", **said)
                return "lost", None
            case MaintenanceActive() if not isinstance(refusal, Unavailable):
                return "released", self._put_back(CLOSED_RETRY_SECONDS, stopped=True)
            case Abandon():
                log.error("work becomes a dead letter", **said)
                return "dead", self._fail(refusal.message, give_up=True)
        log.info("work failed, and is tried again later", **said)
        return "failed", self._fail(f"{refusal.tag}: {refusal.message}")

    async def _handle(self) -> Continue | None:
        """Run the handler under its own name in log and trace."""
        call = self._call
        scope = enter(Scope(request_id=call.request_id, call=call.name, traceparent=call.traceparent))
        try:
            with span(call.name, "consumer", call.traceparent) as below:
                if below:
                    call = replace(call, traceparent=below)
                return await self._handled(call)
        finally:
            leave(scope)

    async def _handled(self, call: Call) -> Continue | None:
        worker = self._worker
        try:
            work: Work[Any] = Work(worker.queue, self.claim, call, self._stopping)
        except msgspec.DecodeError as cause:
            raise Abandon(f"its payload or progress cannot be read: {cause}") from cause
        limit = asyncio.timeout(worker.run_seconds_max)
        try:
            async with limit:
                return await worker.handler(self._units, work, **self._asked)
        except TimeoutError as cause:
            if limit.expired():
                raise Unavailable(f"it took longer than {worker.run_seconds_max:g} s") from cause
            raise

    async def _settled(self, outcome: str, settle: Settle) -> str:
        """Make the change that settles the end, trying again while the lease lasts; the outcome as it was kept."""
        # In the stack's own name: also work of an org that has been closed meanwhile is to be settled.
        call = replace(self._call, caller=SYSTEM)
        while True:
            try:
                after = await self._units.change(call, settle)
                return "dead" if after and after[0].state == "dead" else outcome
            except LeaseLost:
                # Where it is done, the worker's own last change has finished it.
                return outcome if outcome == "done" else "lost"
            except Unavailable as cause:
                if monotonic() > self.held_until or self._stopped:
                    log.warning("how work ended could not be kept", call=call.name, reason=cause.message)
                    return "lost"
            await asyncio.sleep(SETTLE_RETRY_SECONDS * (0.5 + random.random()))

    async def _finish(self, change: Change) -> None:
        await finish(change, self._worker.queue, self.claim.token, self.claim.ids)

    def _put_back(self, after_seconds: float, *, stopped: bool) -> Settle:
        async def settle(change: Change) -> None:
            queue, token = self._worker.queue, self.claim.token
            await put_back(change, queue, token, self.claim.ids, after_seconds, stopped=stopped)

        return settle

    def _fail(self, error: str, *, give_up: bool = False) -> Settle:
        jitter = random.random()

        async def settle(change: Change) -> list[WorkItem]:
            queue, token = self._worker.queue, self.claim.token
            return await fail(change, queue, token, self.claim.ids, error, jitter, give_up=give_up)

        return settle

    def _done(self, task: "asyncio.Task[None]", ended: Callable[["WorkRun"], None]) -> None:
        if not task.cancelled() and (defect := task.exception()) is not None:
            log.error("a run of work could not be settled; its lease will expire", exc_info=defect)
        ended(self)

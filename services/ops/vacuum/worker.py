"""The worker erases one service after the other, stores its progress, and verifies at the end that nothing is left.

It may be interrupted anywhere and continued by this replica or another: deleted records are not found again, and
completed services stay completed. A service that fails is tried again in the next round of the sweep.
"""

import asyncio
from collections.abc import Mapping
from contextlib import aclosing
from time import monotonic
from typing import Any

import msgspec
from msgspec.structs import replace

from chassis.caller import Call
from chassis.clock import Clock, later, seconds_between
from chassis.errors import Refusal
from chassis.telemetry.log import get_logger
from chassis.unit import Change, Units, View
from chassis.work.handle import Work
from chassis.work.queue import NoPayload
from services.ops.vacuum.domain import (
    SERVICES,
    CollectionTally,
    ServiceTally,
    VacuumRun,
    added,
    completed,
    is_clean,
    summed,
    tally_of,
    to_answer,
    with_tally,
)
from services.ops.vacuum.events import COMPLETED, PROGRESS, STARTED
from services.ops.vacuum.peers import Peers
from services.ops.vacuum.store import VACUUMS

KEEP_SECONDS = 0.5
"""How often the progress of a service is stored."""

REMEMBERED_SECONDS = 2.5
"""Gateway identity cache lifetime plus a margin: deleted callers may be accepted that long, so the org stays closed."""

ROUNDS_MAX = 4
"""How often a service with remaining records is erased again at once, before it is left to the next sweep."""

log = get_logger("ops.vacuum")


class VacuumWorker:
    """Works on vacuums, one at a time."""

    def __init__(self, units: Units, peers: Peers, clock: Clock, settle_seconds: float) -> None:
        self._units = units
        self._peers = peers
        self._clock = clock
        self._settle_seconds = settle_seconds

    async def work(self, work: Work[NoPayload], vacuum_id: str) -> VacuumRun:
        """Work on a vacuum for one round. The vacuum, completed or with the failures to be tried again.

        Raises `LeaseLost`, before anything more is written, if another worker has been given it.
        """
        run = await self._load(work.call, vacuum_id)
        if run.state != "running":
            return run
        await self._settle(run)
        for _ in range(ROUNDS_MAX):
            for service in SERVICES:
                if tally_of(run, service).state != "completed":
                    run = await self._empty(work, run, service)
            if any(tally.state != "completed" for tally in run.services):
                return run
            run = await self._certify(work, run)
            if run.state == "completed":
                return run
            if any(tally.state == "failed" for tally in run.services):
                return run
        log.warning("a vacuum finds something again and again", vacuum_id=run.vacuum_id)
        return run

    async def _settle(self, run: VacuumRun) -> None:
        """Wait until requests admitted before the closure have ended and every process knows of it."""
        assert run.started_utc is not None, run.vacuum_id
        left = seconds_between(self._clock.now(), later(run.started_utc, self._settle_seconds))
        await asyncio.sleep(max(0.0, left))

    async def _empty(self, work: Work[NoPayload], run: VacuumRun, service: str) -> VacuumRun:
        """Erase one service; its tally is stored on the way and at the end."""
        before = tally_of(run, service).collections
        now: dict[str, CollectionTally] = {}
        run = await self._note(work, run.vacuum_id, summed(service, "running", before))
        kept_at = monotonic()
        try:
            async with aclosing(self._peers.delete(service, run.target)) as tallies:
                async for tally in tallies:
                    now[tally.collection] = tally
                    if monotonic() - kept_at >= KEEP_SECONDS:
                        await self._note(work, run.vacuum_id, _summed(service, "running", before, now))
                        kept_at = monotonic()
        except Refusal as refusal:
            log.warning("a service could not be emptied yet", service=service, reason=refusal.message)
            failed = _summed(service, "failed", before, now, refusal.message)
            return await self._note(work, run.vacuum_id, failed)
        return await self._note(work, run.vacuum_id, _summed(service, "completed", before, now), emit_state=True)

    async def _certify(self, work: Work[NoPayload], run: VacuumRun) -> VacuumRun:
        """Count the remaining records of all services; the vacuum is completed if there are none."""
        await asyncio.sleep(REMEMBERED_SECONDS)
        counts = await self._peers.count(run.target)
        if is_clean(counts):
            return await self._complete(work, run.vacuum_id, counts)
        for count in counts:
            if count.state == "completed" and not count.matched:
                continue
            log.info("a service has to be emptied again", service=count.service, found=count.matched)
            state = "failed" if count.state == "failed" else "pending"
            again = replace(tally_of(run, count.service), state=state, error=count.error)
            run = await self._note(work, run.vacuum_id, again)
        return run

    async def _note(
        self, work: Work[NoPayload], vacuum_id: str, tally: ServiceTally, *, emit_state: bool = False
    ) -> VacuumRun:
        """Store the tally of a service; with `emit_state` its completion is published, once."""

        async def write(change: Change) -> VacuumRun:
            await work.checkpoint(change)
            run = with_tally(await change.load(VACUUMS, vacuum_id), tally)
            if not emit_state or run.scope == "all" or tally.service in run.told:
                return await change.update(VACUUMS, run)
            run = await change.update(VACUUMS, replace(run, told=[*run.told, tally.service]))
            change.emit(PROGRESS, vacuum_id, vacuum_id=vacuum_id, orgcode=run.target, service=tally)
            return run

        return await self._units.change(work.call, write)

    async def _complete(self, work: Work[NoPayload], vacuum_id: str, certificate: list[ServiceTally]) -> VacuumRun:
        async def write(change: Change) -> VacuumRun:
            await work.checkpoint(change)
            run = await change.load(VACUUMS, vacuum_id)
            if run.state != "running":
                return run
            run = await change.update(VACUUMS, completed(run, certificate, change.now))
            emit_state(change, COMPLETED, run)
            return run

        return await self._units.change(work.call, write)

    async def _load(self, call: Call, vacuum_id: str) -> VacuumRun:
        async def look(view: View) -> VacuumRun:
            return await view.load(VACUUMS, vacuum_id)

        return await self._units.view(call, look)


def emit_state(change: Change, event_type: str, run: VacuumRun) -> None:
    """Publish the state of an org's vacuum; a full vacuum publishes nothing.

    The body is plain data: a record of the org would be logged among the org's events and counted as remaining.
    """
    assert event_type in {STARTED, COMPLETED}, event_type
    if run.scope == "org":
        change.emit(event_type, run.vacuum_id, orgcode=run.target, vacuum=msgspec.to_builtins(to_answer(run)))


def _summed(
    service: str,
    state: Any,
    before: list[CollectionTally],
    now: Mapping[str, CollectionTally],
    error: str | None = None,
) -> ServiceTally:
    return summed(service, state, added(before, now.values()), error)

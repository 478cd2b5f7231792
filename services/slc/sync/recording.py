"""Storing what became of variants: rows, jobs, audit, statistics and events, in one transaction a bite."""

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from chassis.clock import Utc, seconds_between
from chassis.unit import Change, Units
from chassis.work.handle import Work
from chassis.work.queue import NoPayload
from services.slc.audit.domain import FieldChange
from services.slc.audit.store import record
from services.slc.channel.domain import StoredChannel
from services.slc.counters.calls import count_calls
from services.slc.counters.store import count, prefetch_counted
from services.slc.drift.store import note_repaired
from services.slc.job.domain import Stage, SyncJob, taken
from services.slc.job.store import JOBS, wake_workers
from services.slc.shopify.port import Shop
from services.slc.shopify.words import ShopCall
from services.slc.sync.outcome import Ending, Settled, poisoned, settled
from services.slc.variant.domain import StoredVariant, row_id_of
from services.slc.variant.store import VARIANTS, save_rows

BITE_ROWS = 25
"""Variants whose endings one transaction stores; each writes up to five records, and all of them fit into a batch that
others share."""

PRICES = frozenset({"price", "compare_at_price"})
NOT_CONTENT = PRICES | {"inventory"}


class EndingWriter:
    """Stores endings of variants of one channel in a change: rows, jobs, audit, statistics and events."""

    def __init__(self, channel: StoredChannel, delays: tuple[float, ...], stage: Stage) -> None:
        self._channel = channel
        self._delays = delays
        self._stage = stage

    async def write(self, change: Change, endings: Sequence[Ending], calls: Sequence[ShopCall]) -> None:
        """Store them; the calls are for the audit, and counted by the caller."""
        ids = {each.variant_id: row_id_of(self._channel.channel_id, each.variant_id) for each in endings}
        rows = await change.get_many(VARIANTS, ids.values())
        jobs = await change.get_many(JOBS, ids.values())
        pairs: list[tuple[StoredVariant | None, StoredVariant]] = []
        again: list[tuple[StoredVariant, SyncJob]] = []
        repairs: Counter[str] = Counter()
        for ending in endings:
            row, job = rows.get(ids[ending.variant_id]), jobs.get(ids[ending.variant_id])
            if row is None:
                continue
            after = settled(row, job, ending, self._stage, self._delays, random.uniform(-1, 1), change.now)
            pairs.append((row, after.row))
            await self._keep(change, ending, job, row, after, calls)
            if after.job is not None and after.job.state == "queued":
                again.append((after.row, after.job))
            if report_id := _repaired(ending, job, after):
                repairs[report_id] += 1
        await save_rows(change, pairs)
        for report_id, number in repairs.items():
            await note_repaired(change, self._channel.channel_id, report_id, number)
        await wake_workers(change, again)

    async def _keep(
        self,
        change: Change,
        ending: Ending,
        job: SyncJob | None,
        before: StoredVariant,
        after: Settled,
        calls: Sequence[ShopCall],
    ) -> None:
        """Everything but the row: the job, its audit, statistics and events."""
        if after.job is not None:
            await change.update(JOBS, replace(after.job, changed=()) if after.is_last else after.job)
        await self._audit_map(change, ending, job, before, after, calls)
        if ending.changes:
            await self._audit(change, self._kind_of(ending, job), job, after, calls, changes=ending.changes)
        if after.error is not None and after.is_last and ending.kind != "waiting":
            kind = "sync.dead" if after.given_up else "sync.failed"
            await self._audit(change, kind, job, after, calls, outcome="refused", error=after.error)
        await self._count(change, ending, job, after)
        self._emit(change, ending, job, after)

    async def _audit_map(
        self,
        change: Change,
        ending: Ending,
        job: SyncJob | None,
        before: StoredVariant,
        after: Settled,
        calls: Sequence[ShopCall],
    ) -> None:
        """Audit that a variant was matched, or that its map was forgotten. A creation is audited as such."""
        if ending.in_shadow:
            return
        old, new = before.shopify_variant_id, after.row.shopify_variant_id
        if old is not None and new != old:
            gone = replace(after, row=before)
            await self._audit(change, "map.forgotten", job, gone, calls, outcome="recorded")
        if new not in {None, old} and ending.audit != "sync.created":
            await self._audit(change, "map.created", job, after, calls, outcome="recorded")

    def _kind_of(self, ending: Ending, job: SyncJob | None) -> str:
        if ending.in_shadow:
            return "sync.shadow"
        return "drift.repaired" if job is not None and job.report_id is not None else ending.audit

    async def _audit(
        self,
        change: Change,
        kind: Any,
        job: SyncJob | None,
        after: Settled,
        calls: Sequence[ShopCall],
        **fields: Any,
    ) -> None:
        if job is not None:
            fields |= {"job_id": job.job_id, "attempt": job.attempt, "cause_event_id": job.cause_event_id}
        cause = job.cause if job is not None else "config"
        await record(change, self._channel, kind, cause=cause, row=after.row, calls=calls, **fields)

    async def _count(self, change: Change, ending: Ending, job: SyncJob | None, after: Settled) -> None:
        fields = set() if ending.in_shadow else {each.field for each in ending.changes}
        synced = after.is_last and after.error is None
        wrote = after.job is not None and bool(after.job.changed) and not ending.in_shadow
        failed = after.is_last and after.error is not None and ending.kind != "waiting"
        await count(
            change,
            self._channel.channel_id,
            lag_ms=[lag_ms(job, change.now)] if job is not None and synced and wrote else [],
            jobs_done=synced,
            jobs_unchanged=synced and not wrote,
            jobs_failed=failed and not after.given_up,
            jobs_dead=after.given_up,
            jobs_retried=after.error is not None and not after.is_last,
            writes_price=bool(fields & PRICES),
            writes_content=bool(fields - NOT_CONTENT),
            writes_inventory=sum(each.field == "inventory" for each in ending.changes) if fields else 0,
            drift_repaired=_repaired(ending, job, after) is not None,
        )

    def _emit(self, change: Change, ending: Ending, job: SyncJob | None, after: Settled) -> None:
        """The event of a job that ended."""
        row, subject = after.row, after.row.variant_id
        if job is None or after.job is None or not after.is_last or ending.kind == "waiting":
            return
        known = {"channel_id": row.channel_id, "variant_id": subject}
        if after.error is not None:
            kind = "slc.sync.quarantined" if after.given_up else "slc.sync.failed"
            change.emit(kind, subject, revision=after.job.generation, error=after.error, **known)
        elif after.job.changed and not ending.in_shadow:
            change.emit(
                "slc.sync.succeeded",
                subject,
                revision=after.job.generation,
                shopify_variant_id=row.shopify_variant_id,
                changed=list(after.job.changed),
                rev=row.synced_rev,
                lag_ms=lag_ms(job, change.now),
                **known,
            )


def _repaired(ending: Ending, job: SyncJob | None, after: Settled) -> str | None:
    """The drift report whose forced job has ended well, if it was one."""
    ended_well = after.is_last and after.error is None and not ending.in_shadow
    return job.report_id if job is not None and ended_well else None


class EndingRecorder:
    """Stores endings on behalf of one run of a worker."""

    def __init__(
        self, units: Units, work: Work[NoPayload], channel: StoredChannel, delays: tuple[float, ...], stage: Stage
    ) -> None:
        self._units = units
        self._work = work
        self._channel_id = channel.channel_id
        self._writer = EndingWriter(channel, delays, stage)

    async def store(self, endings: Sequence[Ending], shop: Shop | None) -> None:
        """Store endings, and count the calls that were made for them."""
        calls = list(shop.calls) if shop is not None else []
        for start in range(0, len(endings), BITE_ROWS):
            bite = endings[start : start + BITE_ROWS]
            await self._units.change(self._work.call, self._storing(bite, calls, calls if start == 0 else []))
        if shop is not None:
            del shop.calls[: len(calls)]

    def _storing(self, endings: Sequence[Ending], calls: Sequence[ShopCall], counted: Sequence[ShopCall]) -> Any:
        row_ids = [row_id_of(self._channel_id, each.variant_id) for each in endings]

        async def write(change: Change) -> None:
            change.prefetch(VARIANTS, row_ids)
            change.prefetch(JOBS, row_ids)
            prefetch_counted(change, self._channel_id)
            await self._work.checkpoint(change)
            await self._writer.write(change, endings, calls)
            await count_calls(change, self._channel_id, counted)

        return write


async def quarantine(change: Change, channel: StoredChannel, row: StoredVariant, message: str) -> bool:
    """Give a variant up at once, because what asks for its sync is poison. False for one that never had a job."""
    job = await change.get(JOBS, row.row_id)
    if job is not None:
        await change.update(JOBS, taken(job, change.now))
        await EndingWriter(channel, (), "content").write(change, [poisoned(row.variant_id, message)], [])
    return job is not None


def lag_ms(job: SyncJob, now: Utc) -> float:
    """Milliseconds from the change to its confirmation."""
    return max(0.0, seconds_between(Utc(job.changed_utc), now) * 1000)


def changes_of(differing: Mapping[str, Any], wanted: Mapping[str, Any]) -> tuple[FieldChange, ...]:
    """What was, or would be, written: field, before and after."""
    return tuple(FieldChange(field=name, before=before, after=wanted[name]) for name, before in differing.items())


def created_changes(wanted: Mapping[str, Any]) -> list[FieldChange]:
    """What was, or would be, written at a creation: every field that has a value."""
    return [
        FieldChange(field=name, before=None, after=value)
        for name, value in wanted.items()
        if value not in (None, "", [None, None])
    ]


def metafields_change(before: Mapping[str, Any], to_set: Mapping[str, Any], gone: Sequence[str]) -> FieldChange:
    """The change of a variant's metafields that sets and deletes these."""
    after = {key: value for key, value in {**before, **to_set}.items() if key not in gone}
    return FieldChange(field="metafields", before=dict(before), after=after)

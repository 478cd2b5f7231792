"""Storage of drift reports, and the queue of channels to compare with their shops."""

from msgspec.structs import replace

from chassis.clock import Utc
from chassis.entity import Entity, Value, edge, index
from chassis.unit import Change, View, between
from chassis.values import Id
from chassis.work.queue import WorkQueue
from services.slc.channel.store import CHANNEL_STATUS, status_of
from services.slc.drift.domain import StoredDrift, Trigger, repaired

DRIFT_REPORTS = Entity(
    "drift",
    StoredDrift,
    collection="slc_drift_reports",
    id="report_id",
    shard_key=("orgcode", "channel_id"),
    keys=("ORG#{orgcode}", "CHANNEL#{channel_id}#DRIFT#{report_id}"),
    label="finished_utc",
    indexes=[index("report_id", name="org"), index("channel_id", "finished_utc", name="finished")],
    edges=[edge("of", to="channel", by="channel_id")],
    history=False,
)


class DriftAsked(Value):
    """Which channel is compared, under which report, and what began it."""

    channel_id: Id
    report_id: Id
    trigger: Trigger


class DriftPassed(Value):
    """How far a comparison is: when it began, whether orders are caught up, and the last row compared."""

    began_utc: Utc
    report_id: Id
    caught_up: bool = False
    row_id: str = ""


CHANNELS_TO_COMPARE: WorkQueue[DriftAsked] = WorkQueue(
    "slc", "drift", payload=DriftAsked, progress=DriftPassed, attempts_max=20, delay_seconds_max=120.0
)
"""Channels to compare with their shops, a page of variants at a time: key `<channel_id>`."""


async def newest_report(view: View, channel_id: str, since: Utc) -> StoredDrift | None:
    """The newest report of a channel that finished at this time or later. Index: finished."""
    where = {"channel_id": channel_id, "finished_utc": between(at_least=since)}
    found = await view.find(DRIFT_REPORTS, where, order=("-finished_utc",), limit=1)
    return found[0] if found else None


async def note_repaired(change: Change, channel_id: str, report_id: str, jobs: int) -> None:
    """Note that forced jobs of a report ended well. Index: id."""
    report = await change.get(DRIFT_REPORTS, report_id)
    if report is None:
        return
    report = await change.update(DRIFT_REPORTS, repaired(report, jobs))
    status = await status_of(change, channel_id)
    if status.last_drift is not None and status.last_drift.report_id == report_id:
        await change.update(CHANNEL_STATUS, replace(status, last_drift=report.summary))

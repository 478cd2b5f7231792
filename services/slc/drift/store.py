"""Storage of drift reports."""

from msgspec.structs import replace

from chassis.clock import Utc
from chassis.entity import Entity, edge, index
from chassis.unit import Change, View, between
from services.slc.channel.store import CHANNEL_STATUS, status_of
from services.slc.drift.domain import StoredDrift, repaired

DRIFT_REPORTS = Entity(
    "drift",
    StoredDrift,
    collection="slc_drift_reports",
    id="report_id",
    shard_key=("orgcode", "channel_id"),
    keys=("ORG#{orgcode}", "CHANNEL#{channel_id}#DRIFT#{report_id}"),
    label="finished_utc",
    indexes=[
        index("report_id", name="org"),
        index("channel_id", "report_id", name="channel"),
        index("channel_id", "finished_utc", name="finished"),
    ],
    edges=[edge("of", to="channel", by="channel_id")],
    history=False,
)


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

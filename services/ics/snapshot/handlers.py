"""The snapshot endpoints, specified in the contract's ics.yaml."""

from typing import Annotated

from msgspec import Meta

from chassis.caller import Call
from chassis.endpoint import Answer, Endpoints, Listed, Request
from chassis.page import PageLimit, PageRequest, items_of
from chassis.unit import Change, Units, View, between
from chassis.values import Guid, Id, Name, Token, Utc
from services.ics.snapshot.building import Taken, take
from services.ics.snapshot.detail import detail, start_of
from services.ics.snapshot.domain import (
    VARIANTS_MAX,
    Level,
    Snapshot,
    SnapshotFilter,
    SnapshotRow,
    SnapshotStatus,
    ready,
)
from services.ics.snapshot.store import BUILDS, DIRECTORIES, SNAPSHOTS, list_snapshots
from services.ics.words import READ, SURVEY, Bucket

endpoints = Endpoints("ics", "/snapshot")


class SnapshotEnvelope(Answer):
    snapshot: Snapshot


class SnapshotCreateRequest(Request):
    name: Name | None = None
    logical_guid: Guid | None = None
    variant_ids: Annotated[list[Guid], Meta(min_length=1, max_length=VARIANTS_MAX)] | None = None


async def take_snapshot(call: Call, units: Units, body: SnapshotCreateRequest) -> Taken:
    """Read the balances before the change: the scan is too long to run inside it and would block other calls."""
    return await take(units, call, body.logical_guid, sorted(set(body.variant_ids or ())))


@endpoints.post(
    "/create",
    roles=SURVEY,
    # A snapshot that is not ready at once is built by a job, which then emits ready or failed.
    emits=["ics.snapshot.created", "ics.snapshot.ready", "ics.snapshot.failed"],
    prepare=take_snapshot,
)
async def ics_snapshot_create(change: Change, body: SnapshotCreateRequest, prepared: Taken) -> SnapshotEnvelope:
    """Record every balance in scope at one moment: ready within 5 s, or built in the background."""
    snapshot = Snapshot(
        snapshot_id=prepared.snapshot_id,
        name=body.name,
        logical_guid=body.logical_guid,
        variant_ids=sorted(set(body.variant_ids or ())),
        taken_utc=prepared.taken_utc,
    )
    if prepared.directory is not None:
        snapshot = ready(snapshot, prepared.directory.entries)
        await change.insert(DIRECTORIES, prepared.directory)
        await change.delete(BUILDS, await change.load(BUILDS, snapshot.snapshot_id))
    snapshot = await change.insert(SNAPSHOTS, snapshot)
    change.emit("ics.snapshot.created", snapshot.snapshot_id, snapshot=snapshot)
    if snapshot.status == "ready":
        change.emit("ics.snapshot.ready", snapshot.snapshot_id, snapshot=snapshot)
    return SnapshotEnvelope(snapshot=snapshot)


class SnapshotGetRequest(Request):
    snapshot_id: Id


@endpoints.post("/get", roles=READ)
async def ics_snapshot_get(view: View, body: SnapshotGetRequest) -> SnapshotEnvelope:
    """Show a snapshot, without its rows."""
    return SnapshotEnvelope(snapshot=await view.load(SNAPSHOTS, body.snapshot_id))


class SnapshotListRequest(Request, PageRequest):
    logical_guid: Guid | None = None
    status: SnapshotStatus | None = None
    from_utc: Utc | None = None
    to_utc: Utc | None = None


class SnapshotListEnvelope(Listed[Snapshot]):
    """One page of them."""


@endpoints.post("/list", roles=READ)
async def ics_snapshot_list(view: View, body: SnapshotListRequest) -> SnapshotListEnvelope:
    """List snapshots, newest first."""
    taken = between(at_least=body.from_utc, below=body.to_utc) if body.from_utc or body.to_utc else None
    wanted = {"logical_guid": body.logical_guid, "status": body.status, "taken_utc": taken}
    page = await list_snapshots(view, wanted, body)
    return SnapshotListEnvelope.of(page)


class SnapshotDetailRequest(Request):
    snapshot_id: Id
    level: Level = "bucket"
    include_external: bool = False
    logical_guid: Guid | None = None
    variant_id: Guid | None = None
    bucket: Bucket | None = None
    limit: PageLimit | None = None
    next_token: Token | None = None


class SnapshotDetailEnvelope(Listed[SnapshotRow]):
    snapshot: Snapshot


@endpoints.post("/detail", roles=READ, refusals={"conflict_state": "not ready"})
async def ics_snapshot_detail(view: View, body: SnapshotDetailRequest) -> SnapshotDetailEnvelope:
    """List the rows of a snapshot: stock by facility, variant and account, then external accounts."""
    wanted = SnapshotFilter(
        level=body.level,
        include_external=body.include_external,
        logical_guid=body.logical_guid,
        variant_id=body.variant_id,
        bucket=body.bucket,
    )
    # A wrong token is told before an unknown snapshot, see the contract's check_order.
    start = start_of(body.snapshot_id, wanted, body.next_token)
    snapshot = await view.load(SNAPSHOTS, body.snapshot_id)
    page = await detail(view, snapshot, wanted, items_of(body), start)
    return SnapshotDetailEnvelope(items=page.items, count=page.count, next_token=page.next_token, snapshot=snapshot)

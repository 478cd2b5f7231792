"""The job that builds snapshots too large to be ready at once, and continues builds interrupted by a crash."""

from msgspec.structs import replace

from chassis.caller import Call
from chassis.clock import Utc, later
from chassis.entity import Value
from chassis.errors import DatabaseError, Refusal
from chassis.gate import Gate
from chassis.jobs.declaration import Jobs, NoParams
from chassis.jobs.orgs import within
from chassis.telemetry.log import get_logger
from chassis.unit import Change, Units, View
from services.ics.snapshot.building import go_on
from services.ics.snapshot.domain import Directory, Snapshot, SnapshotBuild, part_id, ready
from services.ics.snapshot.store import BUILDS, DIRECTORIES, PARTS, SNAPSHOTS

jobs = Jobs("ics")

BUILDS_AT_ONCE = 100
FAILURES_MAX = 5
"""Failed attempts after which a snapshot gets the status `failed`."""

ABANDONED_SECONDS = 15 * 60
"""A build of this age without a snapshot record is abandoned: the call that started it has ended."""

PARTS_REMOVED_AT_ONCE = 50

log = get_logger("ics.snapshot")


class BuildAnswer(Value):
    """Numbers of snapshots made ready, failed, and removed as abandoned."""

    ready: int = 0
    failed: int = 0
    abandoned: int = 0


async def first_build(view: View) -> Utc | None:
    """When the first build that is under way, of any org, was begun."""
    found = await view.every_org().find(BUILDS, {}, order=("snapshot_id",), limit=1)
    return found[0].begun_utc if found else None


@jobs.every(seconds=2, name="snapshot-build", due=first_build)
async def snapshot_build(units: Units, call: Call, _: NoParams, gate: Gate) -> BuildAnswer:
    """Build the snapshots that were not ready at once, and remove the parts of abandoned ones."""
    answer = BuildAnswer()
    for build in await _builds(units, call):
        if gate.is_closed_for(build.orgcode):
            continue
        own = within(call, build.orgcode)
        snapshot = await _snapshot(units, own, build.snapshot_id)
        if snapshot is not None:
            done = await _build(units, own, build, snapshot)
            answer = replace(answer, ready=answer.ready + (done == "ready"), failed=answer.failed + (done == "failed"))
        elif later(build.begun_utc, ABANDONED_SECONDS) < own.started_utc:
            await _clear(units, own, build)
            answer = replace(answer, abandoned=answer.abandoned + 1)
    return answer


async def _builds(units: Units, call: Call) -> list[SnapshotBuild]:
    async def read(view: View) -> list[SnapshotBuild]:
        return await view.every_org().find(BUILDS, {}, order=("snapshot_id",), limit=BUILDS_AT_ONCE)

    return await units.view(call, read)


async def _snapshot(units: Units, call: Call, snapshot_id: str) -> Snapshot | None:
    async def read(view: View) -> Snapshot | None:
        return await view.get(SNAPSHOTS, snapshot_id)

    return await units.view(call, read)


async def _build(units: Units, call: Call, build: SnapshotBuild, snapshot: Snapshot) -> str:
    """Continue one snapshot and return its status."""
    try:
        directory = await go_on(units, call, build, whole=snapshot.logical_guid is None)
    except (Refusal, DatabaseError):
        return "building"
    except Exception:
        # A defect that would recur: count it for this snapshot, and go on with the others.
        log.exception("a snapshot could not be built", snapshot=build.snapshot_id)
        return await _failed(units, call, build)
    await _ready(units, call, build, directory)
    return "ready"


async def _ready(units: Units, call: Call, build: SnapshotBuild, directory: Directory) -> None:
    async def write(change: Change) -> None:
        snapshot = await change.load(SNAPSHOTS, build.snapshot_id)
        await change.insert(DIRECTORIES, directory)
        snapshot = await change.update(SNAPSHOTS, ready(snapshot, directory.entries))
        await change.delete(BUILDS, await change.load(BUILDS, build.snapshot_id))
        change.emit("ics.snapshot.ready", snapshot.snapshot_id, snapshot=snapshot)

    await units.change(call, write)


async def _failed(units: Units, call: Call, build: SnapshotBuild) -> str:
    """Count a failure and return the status: `failed` after `FAILURES_MAX` of them, else `building`."""

    async def write(change: Change) -> str:
        known = await change.load(BUILDS, build.snapshot_id)
        if known.failures + 1 < FAILURES_MAX:
            await change.update(BUILDS, replace(known, failures=known.failures + 1))
            return "building"
        snapshot = await change.load(SNAPSHOTS, build.snapshot_id)
        snapshot = await change.update(SNAPSHOTS, replace(snapshot, status="failed"))
        await change.delete(BUILDS, known)
        change.emit("ics.snapshot.failed", snapshot.snapshot_id, snapshot=snapshot)
        return "failed"

    return await units.change(call, write)


async def _clear(units: Units, call: Call, build: SnapshotBuild) -> None:
    """Remove the parts of an abandoned snapshot, and its build record last."""

    async def remove(change: Change) -> bool:
        numbers = range(start, start + PARTS_REMOVED_AT_ONCE)
        found = await change.get_many(PARTS, [part_id(build.snapshot_id, number) for number in numbers])
        for part in found.values():
            await change.delete(PARTS, part)
        if not found:
            await change.delete(BUILDS, await change.load(BUILDS, build.snapshot_id))
        return bool(found)

    start = 0
    while await units.change(call, remove):
        start += PARTS_REMOVED_AT_ONCE

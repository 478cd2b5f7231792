"""Storage of vacuums. Their records are kept for good."""

from collections.abc import Iterable

from msgspec.structs import replace

from chassis.clock import Utc, later
from chassis.entity import ONE_SHARD, Entity, index
from chassis.unit import Change, View, between
from chassis.work.queue import NoPayload, WorkQueue
from chassis.work.store import NewWork, enqueue_many, is_under_way
from services.ops.vacuum.domain import ERASED_SECONDS, OPEN, Turn, VacuumRun, covers

OPEN_MAX = 1000
TURN_ID = "vacuum"

VACUUMS = Entity(
    "vacuum",
    VacuumRun,
    collection="vacuum_audit",
    id="vacuum_id",
    shard_key=ONE_SHARD,
    keys=("STACK", "VACUUM#{vacuum_id}"),
    indexes=[
        index("requested_utc"),
        index("state", "execute_after_utc"),
        index("state", "completed_utc"),
        index("target", "dry_run"),
    ],
    org_scoped=False,
    # The record is its own history; the event log would be erased by a full vacuum and written again by it.
    history=False,
    label="reason",
)
TURNS = Entity(
    "vacuum_turn",
    Turn,
    collection="vacuum_turns",
    id="turn_id",
    shard_key=ONE_SHARD,
    org_scoped=False,
    history=False,
    technical=True,
)

VACUUM_WORK: WorkQueue[NoPayload] = WorkQueue(
    "ops", "vacuum", lease_seconds=30.0, delay_seconds_max=15.0, attempts_max=1_000_000, kept=True
)
"""Vacuums under way, by id. One worker at a time has all of a scope: its rows are one group.

The rows are kept by a vacuum of everything, since it is carried out by one of them.
"""


async def newest(view: View) -> VacuumRun | None:
    """The vacuum that was requested last, or None. Index: requested_utc."""
    found = await view.find(VACUUMS, {}, order=["-requested_utc"], limit=1)
    return found[0] if found else None


async def due(view: View) -> list[VacuumRun]:
    """Pending vacuums that are due, first due first. Index: state, execute_after_utc."""
    where = {"state": "pending", "execute_after_utc": between(at_most=view.now)}
    return await view.find(VACUUMS, where, order=["execute_after_utc"])


async def first_start(view: View) -> Utc | None:
    """When the first pending vacuum is due, or a running one was. Index: state, execute_after_utc."""
    first = [await view.find(VACUUMS, {"state": state}, order=["execute_after_utc"], limit=1) for state in OPEN]
    return min((run.execute_after_utc for found in first for run in found), default=None)


async def running(view: View) -> list[VacuumRun]:
    """Running vacuums, first due first. Index: state, execute_after_utc."""
    return await view.find(VACUUMS, {"state": "running"}, order=["execute_after_utc"])


async def in_the_way(view: View, orgcode: str | None) -> VacuumRun | None:
    """A pending or running vacuum of records that one of the org (None: of everything) would delete, or None."""
    for state in OPEN:
        for run in await view.find(VACUUMS, {"state": state}, order=["execute_after_utc"], limit=OPEN_MAX):
            if covers(run, orgcode):
                return run
    return None


async def erased_since(view: View, now: Utc) -> list[VacuumRun]:
    """Recently completed vacuums, newest first. Index: state, completed_utc."""
    where = {"state": "completed", "completed_utc": between(at_least=later(now, -ERASED_SECONDS))}
    found = await view.find(VACUUMS, where, order=["-completed_utc"], limit=OPEN_MAX)
    return [run for run in found if not run.dry_run]


async def was_vacuumed(view: View, orgcode: str) -> bool:
    """Whether the org was vacuumed before. Index: target, dry_run."""
    return bool(await view.find(VACUUMS, {"target": orgcode, "dry_run": False}, limit=1))


async def take_turn(change: Change) -> None:
    """Write the turn, so that of two requests at once the second is run again after the first."""
    turn = await change.get(TURNS, TURN_ID)
    if turn is None:
        await change.insert(TURNS, Turn(turn_id=TURN_ID, requests=1))
    else:
        await change.update(TURNS, replace(turn, requests=turn.requests + 1))


async def hand_over(change: Change, runs: Iterable[VacuumRun]) -> None:
    """Have workers go on with these vacuums: at once, unless one is at it."""
    work = [NewWork(key=run.vacuum_id, group=run.scope, orgcode="") for run in runs]
    await enqueue_many(change, VACUUM_WORK, work)


async def is_worked_on(view: View, run: VacuumRun) -> bool:
    """Whether a worker has this vacuum, or will have it."""
    return await is_under_way(view, VACUUM_WORK, run.vacuum_id)

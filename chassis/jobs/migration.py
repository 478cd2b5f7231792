"""The job that migrates stored documents of an earlier release to the form of this one; it starts after an upgrade.

It resumes where it stopped: its progress is stored after every page. It stops for a maintenance window, and passes over
orgs that are being vacuumed. `stackctl job run SERVICE migrate` shows how far it is.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from time import monotonic
from typing import Annotated, Any, NamedTuple

from msgspec import Meta
from msgspec.structs import replace

from chassis.caller import SYSTEM, Call
from chassis.clock import Clock, Utc
from chassis.entity import Entity, Value
from chassis.errors import MaintenanceActive
from chassis.gate import Gate
from chassis.jobs.declaration import Jobs
from chassis.jobs.migration_progress import MIGRATIONS, Migration, PageDone, advanced, begun, step_of
from chassis.jobs.orgs import within
from chassis.mongo.client import Database
from chassis.mongo.rederive import rederive
from chassis.telemetry.log import get_logger
from chassis.unit import Change, Units, View

MIGRATE_EVERY_SECONDS = 30.0
RUN_SECONDS = 20.0
"""How long a run lasts unless its params say otherwise; the next run resumes there."""

log = get_logger("chassis.jobs.migration")


class MigrationTools(NamedTuple):
    """What a step works with."""

    units: Units
    call: Call
    gate: Gate

    async def change(self, orgcode: str, work: Callable[[Change], Awaitable[Any]]) -> Any:
        """Run a change of an org; None if the org is being vacuumed, so that its documents need no migration."""
        try:
            return await self.units.change(within(self.call, orgcode), work)
        except MaintenanceActive:
            return None


Found = Sequence[Mapping[str, Any]]
Added = Mapping[str, Mapping[str, Any]]


class Rederived(NamedTuple):
    """A step: the derived fields of an entity are computed again, and stored where they are missing or different.

    complete  gives, by id, further fields that earlier releases did not store; or does what must be done before
    """

    entity: Entity[Any]
    complete: Callable[[MigrationTools, Found], Awaitable[Added]] | None = None

    @property
    def name(self) -> str:
        """The name of the step."""
        return self.entity.name


class Walked(NamedTuple):
    """A step with code of its own: `page` migrates the records after the one with the given id."""

    name: str
    page: Callable[[MigrationTools, str], Awaitable[PageDone]]


Step = Rederived | Walked


class MigrateParams(Value):
    """`seconds`: how long the run lasts, by default `RUN_SECONDS`. `again`: start over, though all is done."""

    seconds: Annotated[int, Meta(ge=1, le=86_400)] | None = None
    again: bool = False


class MigrateAnswer(Value):
    """The progress.

    done          whether every document has the form of this release
    passes        how many of the two passes have ended
    step, steps   the number of the step that is next, from 1, and how many there are; 0: between passes
    checked       documents looked at, in all runs
    corrected     documents that were not in this form
    next_utc      when the next pass starts; None if it has started, or there is none
    """

    form: int
    done: bool
    passes: int
    step: int
    steps: int
    checked: int
    corrected: int
    next_utc: Utc | None


def declare_migration(jobs: Jobs, *, form: int, steps: Sequence[Step]) -> None:
    """Declare the job `migrate`.

    form   the form in which this release stores documents; raise it with every release that changes it
    steps  in the order in which they build on each other; each goes in the order of ids, and may be cut off and
           repeated at any time
    """
    by_name = {step.name: step for step in steps}
    names = list(by_name)
    assert len(names) == len(steps), "two steps have the same name"

    async def next_pass(view: View) -> Utc | None:
        run = begun(await view.get(MIGRATIONS, jobs.service), jobs.service, form, view.now, again=False)
        return None if run.done else run.due_utc

    @jobs.every(seconds=MIGRATE_EVERY_SECONDS, name="migrate", params=MigrateParams, due=next_pass)
    async def migrate(
        units: Units, call: Call, params: MigrateParams, database: Database, gate: Gate, clock: Clock
    ) -> MigrateAnswer:
        """Bring documents of an earlier release to the form of this one, and say how far that is."""
        call = replace(call, caller=SYSTEM)
        tools = MigrationTools(units, call, gate)
        ends = monotonic() + (params.seconds or RUN_SECONDS)
        run = await _stored(units, call, jobs.service, form, again=params.again)
        while gate.open and not run.done and run.due_utc <= clock.now() and monotonic() < ends:
            step = by_name[step_of(run, names)]
            done = await _page(database, tools, step, run.after if run.step == step.name else "")
            run = advanced(run, names, done, clock.now())
            await _save(units, call, run)
            log.info("documents are brought up to date", step=step.name, checked=run.checked, after=run.after)
        return _answer(run, names, clock.now())


async def _page(database: Database, tools: MigrationTools, step: Step, after: str) -> PageDone:
    if isinstance(step, Walked):
        return await step.page(tools, after)
    complete = partial(step.complete, tools) if step.complete is not None else None
    page = await rederive(database, step.entity, after, complete=complete, skip=tools.gate.is_closed_for)
    return PageDone(checked=page.checked, corrected=page.corrected, after=page.after)


def _answer(run: Migration, names: Sequence[str], now: Utc) -> MigrateAnswer:
    waits = not run.done and run.due_utc > now
    return MigrateAnswer(
        form=run.form,
        done=run.done,
        passes=run.passes,
        step=names.index(step_of(run, names)) + 1 if run.step else 0,
        steps=len(names),
        checked=run.checked,
        corrected=run.corrected,
        next_utc=run.due_utc if waits else None,
    )


async def _stored(units: Units, call: Call, migration_id: str, form: int, *, again: bool) -> Migration:
    async def read(view: View) -> Migration:
        return begun(await view.get(MIGRATIONS, migration_id), migration_id, form, view.now, again=again)

    return await units.view(call, read)


async def _save(units: Units, call: Call, run: Migration) -> None:
    async def write(change: Change) -> None:
        known = await change.get(MIGRATIONS, run.migration_id)
        await (change.insert if known is None else change.update)(MIGRATIONS, run)

    await units.change(call, write)

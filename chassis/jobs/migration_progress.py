"""How far the documents of earlier releases have been brought to the form of this one. Pure.

All steps are walked through twice: at once, and again an hour later. While a new release replaces an old one, replicas
of the old one still store documents in its form; the second pass finds those.
"""

from collections.abc import Sequence

from msgspec.structs import replace

from chassis.clock import Utc, later
from chassis.entity import ONE_SHARD, Document, Entity, Value

PASSES = 2
SETTLE_SECONDS = 3600
"""How long after the first pass the second one starts: longer than replicas of two releases run beside each other."""


class Migration(Document):
    """The progress.

    form       the form that documents are brought to
    passes     how many times all steps were walked through
    step       the step that is next, and within it the last document seen
    ended_utc  when the last pass ended; None: none did
    """

    migration_id: str
    form: int
    passes: int = 0
    step: str = ""
    after: str = ""
    checked: int = 0
    corrected: int = 0
    started_utc: Utc
    ended_utc: Utc | None = None

    @property
    def done(self) -> bool:
        """Whether every document has the form."""
        return self.passes >= PASSES

    @property
    def due_utc(self) -> Utc:
        """When the next page may be read."""
        if self.passes and not self.step and self.ended_utc is not None:
            return later(self.ended_utc, SETTLE_SECONDS)
        return self.started_utc


MIGRATIONS = Entity(
    "migration",
    Migration,
    collection="migrations",
    id="migration_id",
    shard_key=ONE_SHARD,
    org_scoped=False,
    history=False,
    technical=True,
)


class PageDone(Value):
    """What was done in one page of a step; `after`: the last document seen, None at the end of the step."""

    checked: int
    corrected: int
    after: str | None


def begun(known: Migration | None, migration_id: str, form: int, now: Utc, *, again: bool) -> Migration:
    """The migration to continue: the stored one, or a new one for another form, or for `again` between two passes."""
    if known is None or known.form != form or (again and not known.step):
        return Migration(migration_id=migration_id, form=form, started_utc=now)
    return known


def step_of(migration: Migration, steps: Sequence[str]) -> str:
    """The step that is next. A step that this release does not have starts the pass again."""
    return migration.step if migration.step in steps else steps[0]


def advanced(migration: Migration, steps: Sequence[str], page: PageDone, now: Utc) -> Migration:
    """The progress after a page of the next step."""
    step = step_of(migration, steps)
    done = replace(
        migration,
        step=step,
        after=page.after or "",
        checked=migration.checked + page.checked,
        corrected=migration.corrected + page.corrected,
    )
    if page.after is not None:
        return done
    if step != steps[-1]:
        return replace(done, step=steps[steps.index(step) + 1])
    return replace(done, step="", passes=migration.passes + 1, ended_utc=now)

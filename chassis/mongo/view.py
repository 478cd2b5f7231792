"""`View` and `Change` as handlers see them. They never wait: an unloaded read ends the run, which is repeated."""

from collections.abc import Awaitable, Iterable, Sequence
from copy import copy
from typing import Any, Self, TypeVar

from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from chassis.caller import Call
from chassis.clock import Utc
from chassis.defects import Undeclared
from chassis.entity import Document, Entity
from chassis.errors import Conflict, ExpectedRevisionRequired, NotFound, StaleRevision
from chassis.ids import IdSource
from chassis.mongo.composite_reads import CompositeReads
from chassis.mongo.execution import Emitted, Execution
from chassis.mongo.paging import Paging
from chassis.mongo.query import build
from chassis.mongo.table import Key, Table, UniqueKey
from chassis.mongo.working_set import ABSENT, Heavy, Missing
from chassis.page import Page, Paged
from chassis.unit import OneOf, Where

R = TypeVar("R", bound=Document)
T = TypeVar("T")


class WorkingView(CompositeReads):
    """A View over a batch's working set."""

    __slots__ = ("_every", "_paging", "_run")

    def __init__(self, run: Execution, paging: Paging, every: bool = False) -> None:
        self._run = run
        self._paging = paging
        self._every = every

    @property
    def now(self) -> Utc:
        return self._run.now

    @property
    def call(self) -> Call:
        return self._run.call

    def every_org(self) -> Self:
        view = copy(self)
        view._every = True
        return view

    def prefetch(self, entity: Entity[Any], keys: Iterable[Any], by: str | None = None) -> None:
        run = self._run
        table = run.tables.of(entity)
        # Missing records are noted here, and loaded with the first read that this run misses.
        if by is None:
            for record_id in keys:
                run.has(table, record_id)
            return
        unique = _unique(table, by)
        for values in keys:
            run.has_key(table, unique, self._key(unique, values))

    async def together(self, reads: Iterable[Awaitable[T]]) -> list[T]:
        found: list[T] = []
        missing: Missing | None = None
        for read in reads:
            try:
                found.append(await read)
            except Missing as miss:
                missing = miss
        if missing is not None:
            raise missing
        return found

    async def get(self, entity: Entity[R], record_id: str) -> R | None:
        run = self._run
        table = run.tables.of(entity)
        record: R | None = run.get(table, record_id)
        return record if record is not None and self._ours(table, record) else None

    async def get_many(self, entity: Entity[R], record_ids: Iterable[str]) -> dict[str, R]:
        table = self._run.tables.of(entity)
        wanted = list(dict.fromkeys(record_ids))
        # Ask for all of them before the first one ends the run.
        missing = [one for one in wanted if not self._run.has(table, one)]
        if missing:
            raise Missing
        found = ((one, self._run.get(table, one)) for one in wanted)
        return {one: record for one, record in found if record is not None and self._ours(table, record)}

    async def lookup(self, entity: Entity[R], by: str, *values: Any) -> R | None:
        table = self._run.tables.of(entity)
        unique = _unique(table, by)
        record: R | None = self._run.lookup(table, unique, self._key(unique, values))
        return record if record is not None and self._ours(table, record) else None

    async def lookup_many(
        self, entity: Entity[R], by: str, keys: Iterable[tuple[Any, ...]]
    ) -> dict[tuple[Any, ...], R]:
        table = self._run.tables.of(entity)
        unique = _unique(table, by)
        wanted = {values: self._key(unique, values) for values in keys}
        missing = [key for key in wanted.values() if not self._run.has_key(table, unique, key)]
        if missing:
            raise Missing
        found = ((values, self._run.lookup(table, unique, key)) for values, key in wanted.items())
        return {values: record for values, record in found if record is not None and self._ours(table, record)}

    async def load(self, entity: Entity[R], record_id: str) -> R:
        return self._loaded(entity, record_id)

    async def find(
        self,
        entity: Entity[R],
        where: Where,
        *,
        order: Sequence[str] = (),
        limit: int = 1000,
        after: Sequence[Any] | None = None,
        rest: Where | None = None,
    ) -> list[R]:
        table = self._run.tables.of(entity)
        for asked in (*where.values(), *(rest or {}).values()):
            if isinstance(asked, OneOf) and not asked.values:
                return []
        return self._run.find(build(table, self._org(table), where, order, limit, after, rest))

    async def page(
        self,
        entity: Entity[R],
        where: Where,
        *,
        page: Paged,
        order: Sequence[str] = (),
        rest: Where | None = None,
    ) -> Page[R]:
        table = self._run.tables.of(entity)
        return await self._paging.page(self, table, self._org(table), where, page, order, rest)

    def _org(self, table: Table[Any]) -> str | None:
        """The org that a query is limited to; None if it covers all."""
        if self._every or not table.org_scoped:
            return None
        return self._run.call.orgcode

    def _ours(self, table: Table[Any], record: Any) -> bool:
        org = self._org(table)
        return org is None or record.orgcode == org

    def _key(self, unique: UniqueKey, values: Sequence[Any]) -> Key:
        """The whole key of a unique index, including the org."""
        if not unique.org_first:
            return tuple(values)
        if self._every and len(values) == len(unique.fields):
            return tuple(values)
        return (self._run.call.orgcode, *values)

    def _loaded(self, entity: Entity[R], record_id: str) -> R:
        table = self._run.tables.of(entity)
        record: R | None = self._run.get(table, record_id)
        if record is None or not self._ours(table, record):
            raise NotFound(f"there is no such {table.name.replace('_', ' ')}")
        return record


class WorkingChange(WorkingView):
    """A Change over a batch's working set."""

    __slots__ = ("_ids",)

    def __init__(self, run: Execution, paging: Paging, ids: IdSource, every: bool = False) -> None:
        super().__init__(run, paging, every)
        self._ids = ids

    async def load(self, entity: Entity[R], record_id: str, expected_revision: int | UnsetType | None = UNSET) -> R:
        record = self._loaded(entity, record_id)
        if expected_revision is UNSET:
            return record
        revision: int = getattr(record, "revision")  # noqa: B009  only records have one, and only they are asked
        if expected_revision is None:
            raise ExpectedRevisionRequired(revision)
        if expected_revision != revision:
            raise StaleRevision(revision)
        return record

    def new_id(self) -> str:
        return self._run.new_id(self._ids)

    def own_transaction(self) -> None:
        if not self._run.heavy:
            raise Heavy

    def bite(self, most: int) -> int:
        run = self._run
        share = max(1, most >> run.halvings)
        run.largest_bite = max(run.largest_bite, share)
        return share

    def discard(self) -> None:
        self._run.forget()

    async def insert(self, entity: Entity[R], record: R) -> R:
        run = self._run
        table = run.tables.of(entity)
        record = self._stamped(table, record)
        if entity.seals:
            record = run.tables.sealer.sealed(entity, record)
        record_id = entity.id_of(record)
        assert record_id, f"a {table.name} without an id"
        before = run.known(table, record_id)
        if before is ABSENT:
            run.claims.claim_id(table, record_id)
        elif before is not None:
            raise Conflict(f"the {table.name.replace('_', ' ')} exists already")
        run.note(table, record_id, None, record, None)
        return record

    async def update(self, entity: Entity[R], record: R, reason: str | None = None, *, actor: str | None = None) -> R:
        run = self._run
        table = run.tables.of(entity)
        record_id = entity.id_of(record)
        before = self._current(table, record_id, record)
        if table.org_scoped:
            assert record.orgcode == before.orgcode, f"{table.name} {record_id} would change its org"  # type: ignore[attr-defined]
        if table.versioned:
            own = run.written.get((table.collection, record_id))
            known: Any = record
            assert known.revision == before.revision, (
                f"{table.name} {record_id} is at revision {before.revision}, not {known.revision}: "
                "what is kept must be made from what was read last"
            )
            raised = before.revision + (own is None)
            record = replace(record, revision=raised, updated_utc=run.now, updated_by=actor or run.call.caller.actor)
        if entity.seals:
            record = run.tables.sealer.sealed(entity, record)
        run.note(table, record_id, before, record, reason)
        return record

    async def delete(self, entity: Entity[R], record: R) -> None:
        run = self._run
        table = run.tables.of(entity)
        record_id = entity.id_of(record)
        before = self._current(table, record_id, record)
        run.remove(table, record_id, before)

    def emit(self, event_type: str, subject: str, *, revision: int | None = None, **body: Any) -> None:
        allowed = self._run.emits
        if allowed is not None and event_type not in allowed:
            raise Undeclared(f"{self._run.call.name} emits {event_type}, which it does not declare")
        self._run.events.append(Emitted(event_type, subject, self._run.call.caller.orgcode, revision, body))

    def wake(self, queue: str) -> None:
        self._run.woken.add(queue)

    def _current(self, table: Table[Any], record_id: str, record: Any) -> Any:
        """The stored record to change, as this run sees it."""
        before = self._run.get(table, record_id)
        assert before is not None, f"there is no {table.name} {record_id} to change"
        assert self._ours(table, before), f"{table.name} {record_id} is of another org"
        assert table.kind or type(before) is type(record), f"{table.name} {record_id} is a {type(before).__name__}"
        return before

    def _stamped(self, table: Table[R], record: R) -> R:
        """A new record with the fields that the engine fills."""
        org = getattr(record, "orgcode", None)
        stamps: dict[str, Any] = {}
        if table.org_scoped:
            own = self._run.call.caller.orgcode
            if self._every and org:
                own = org
            own = own if own is not None else self._run.call.orgcode
            assert not org or org == own, f"a {table.name} of {org} cannot be made by {own}"
            if org != own:
                stamps["orgcode"] = own
        if table.versioned:
            now, actor = self._run.now, self._run.call.caller.actor
            stamps.update(revision=1, created_utc=now, created_by=actor, updated_utc=now, updated_by=actor)
        return replace(record, **stamps) if stamps else record


def _unique(table: Table[Any], by: str) -> UniqueKey:
    found = table.uniques.get(by)
    if found is None:
        raise KeyError(f"{table.name} declares no unique index {by!r}")
    return found

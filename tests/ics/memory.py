"""ICS without a database: a Change over dictionaries, for driving handlers through long random histories.

It keeps what it is given, finds what matches and lets a unique key exist once; that real queries have an index, and
that changes at the same time do not get in each other's way, is tested on the real engine.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from inspect import signature
from itertools import product
from typing import Any, TypeVar

from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from chassis.caller import Call, Caller
from chassis.clock import FixedClock, Utc, to_millis
from chassis.entity import Document, Entity, Index
from chassis.errors import Conflict, ExpectedRevisionRequired, NotFound, StaleRevision
from chassis.ids import IdSource
from chassis.mongo.composite_reads import CompositeReads
from chassis.page import Page, Paged, Seal, items_of
from tests.ics.given import NOON, ORG
from tests.ics.matching import matches, place_in, sortable, value_at

R = TypeVar("R", bound=Document)
T = TypeVar("T")

Shelf = dict[str, tuple[Entity[Any], Any]]
Store = dict[str, Shelf]

SEAL = Seal(b"of the memory's page tokens")


class Memory:
    """All that ICS keeps, and the events it told."""

    def __init__(self) -> None:
        self.clock = FixedClock(NOON)
        self.ids = IdSource()
        self.store: Store = {}
        self.events: list[tuple[str, str, dict[str, Any]]] = []
        self._documents: dict[int, tuple[Any, dict[str, Any]]] = {}

    def change(
        self,
        handler: Callable[["MemoryChange"], Awaitable[T]],
        *,
        facility: str = "FAC-A",
        channel: str | None = "WEB",
        actor: str = "anna",
        name: str = "test",
    ) -> T:
        """Run a handler; what it wrote stays unless it refused."""
        caller = Caller(kind="user", actor=actor, orgcode=ORG, owner=True)
        call = Call(
            caller=caller, name=name, request_id="r", started_utc=self.clock.now(), facility=facility, channel=channel
        )
        change = MemoryChange(self, call)
        answer = _driven(handler(change))
        self.keep(change)
        return answer

    def ask(self, handler: Any, body: Any, *, facility: str = "FAC-A") -> Any:
        """What an endpoint answers, given what its parameters ask for; what it wrote stays unless it refused."""

        async def asked(change: "MemoryChange") -> Any:
            given = {"call": change.call, "change": change, "view": change, "units": MemoryUnits(self), "body": body}
            return await handler(**{name: given[name] for name in signature(handler).parameters})

        return self.change(asked, facility=facility, name=handler.__name__)

    def keep(self, change: "MemoryChange") -> None:
        """Let what a change wrote and told be so."""
        for collection, shelf in change.written.items():
            self.store.setdefault(collection, {}).update(shelf)
        self.events += change.told

    def all(self, entity: Entity[R]) -> list[R]:
        """Every record of an entity, by id."""
        shelf = self.store.get(entity.collection, {})
        return [record for _, (kept, record) in sorted(shelf.items()) if kept is entity]

    def document(self, entity: Entity[Any], record: Any) -> dict[str, Any]:
        """A record as it would be stored. Records never change, so each is converted once."""
        known = self._documents.get(id(record))
        if known is None or known[0] is not record:
            known = self._documents[id(record)] = (record, entity.to_document(record))
        return known[1]


class MemoryUnits:
    """What a job asks for its views and changes, over the same memory."""

    def __init__(self, memory: Memory) -> None:
        self.memory = memory

    async def view(self, call: Call, handler: Callable[["MemoryChange"], Awaitable[T]], *, snapshot: bool = False) -> T:
        return await handler(MemoryChange(self.memory, call))

    @asynccontextmanager
    async def snapshot_reader(self, call: Call, *, moment: bool = True) -> AsyncIterator["MemoryChange"]:
        yield MemoryChange(self.memory, call)

    async def change(
        self,
        call: Call,
        handler: Callable[["MemoryChange"], Awaitable[T]],
        *,
        emits: Collection[str] | None = None,
    ) -> T:
        change = MemoryChange(self.memory, call)
        answer = await handler(change)
        self.memory.keep(change)
        return answer


def _driven(awaitable: Awaitable[T]) -> T:
    """What a coroutine gives that never waits for anything."""
    try:
        awaitable.__await__().send(None)
    except StopIteration as done:
        answer: T = done.value
        return answer
    raise AssertionError("a handler waits for something other than data")


class MemoryChange(CompositeReads):
    """One change: its own writes over what there was."""

    def __init__(self, memory: Memory, call: Call) -> None:
        self.memory = memory
        self.call = call
        self.now: Utc = memory.clock.now()
        self.written: Store = {}
        self.told: list[tuple[str, str, dict[str, Any]]] = []

    def new_id(self) -> str:
        return self.memory.ids.new_at(to_millis(self.now))

    def prefetch(self, entity: Entity[Any], keys: Iterable[Any], by: str | None = None) -> None:
        pass

    async def together(self, reads: Iterable[Awaitable[T]]) -> list[T]:
        return [await read for read in reads]

    async def get(self, entity: Entity[R], record_id: str) -> R | None:
        kept, record = self._shelf(entity).get(record_id, (entity, None))
        return self._as(entity, kept, record)

    async def get_many(self, entity: Entity[R], record_ids: Iterable[str]) -> dict[str, R]:
        found = {one: await self.get(entity, one) for one in record_ids}
        return {one: record for one, record in found.items() if record is not None}

    async def lookup(self, entity: Entity[R], by: str, *values: Any) -> R | None:
        return (await self.lookup_many(entity, by, [values])).get(values)

    async def lookup_many(
        self, entity: Entity[R], by: str, keys: Iterable[tuple[Any, ...]]
    ) -> dict[tuple[Any, ...], R]:
        which = entity.index_named(by)
        known = {key: record for record in self._own(entity) for key in self._keys(entity, which, record)}
        return {key: known[key] for key in keys if key in known}

    async def load(self, entity: Entity[R], record_id: str, expected_revision: int | UnsetType | None = UNSET) -> R:
        record = await self.get(entity, record_id)
        if record is None:
            raise NotFound("absent")
        if expected_revision is None:
            raise ExpectedRevisionRequired(record.revision)  # type: ignore[attr-defined]
        if expected_revision is not UNSET and expected_revision != record.revision:  # type: ignore[attr-defined]
            raise StaleRevision(record.revision)  # type: ignore[attr-defined]
        return record

    async def find(
        self,
        entity: Entity[R],
        where: Mapping[str, Any],
        *,
        order: Sequence[str] = (),
        limit: int = 1000,
        after: Sequence[Any] | None = None,
        rest: Mapping[str, Any] | None = None,
    ) -> list[R]:
        fields = order if order and order[-1].removeprefix("-") == entity.id else (*order, entity.id)
        found = [
            document for document in self._documents(entity) if matches(document, entity, {**where, **(rest or {})})
        ]
        found.sort(key=lambda document: place_in(document, entity, fields))
        if after is not None:
            behind = [sortable(value, field) for value, field in zip(after, fields, strict=True)]
            found = [each for each in found if place_in(each, entity, fields) > behind]
        return [entity.from_document(document) for document in found[:limit]]

    async def page(
        self,
        entity: Entity[R],
        where: Mapping[str, Any],
        *,
        page: Paged,
        order: Sequence[str] = (),
        rest: Mapping[str, Any] | None = None,
    ) -> Page[R]:
        order, size = order or (f"-{entity.id}",), items_of(page)
        asked = [entity.name, repr(where), order, repr(rest)]
        after = SEAL.open(asked, page.next_token) if page.next_token is not None else None
        found = await self.find(entity, where, order=order, limit=size + 1, after=after, rest=rest)
        more, found = len(found) > size, found[:size]
        fields = [field.removeprefix("-") for field in order]
        fields += [] if entity.id in fields else [entity.id]
        token = SEAL.seal(asked, [getattr(found[-1], field) for field in fields]) if more else None
        return Page(items=found, count=len(found), next_token=token)

    async def parts(
        self, entity: Entity[Any], where: Mapping[str, Any], *, fields: Sequence[str]
    ) -> AsyncIterator[list[dict[str, Any]]]:
        found = [
            {field: value_at(document, entity, field) for field in fields}
            for document in self._documents(entity)
            if matches(document, entity, where)
        ]
        yield found

    async def insert(self, entity: Entity[R], record: R) -> R:
        record_id = entity.id_of(record)
        if record_id in self._shelf(entity):
            raise Conflict("exists")
        if entity.versioned:
            stamps = {"revision": 1, "created_utc": self.now, "updated_utc": self.now, "orgcode": ORG}
            record = replace(record, **stamps)
        self._check_unique(entity, record)
        self._keep(entity, record_id, record)
        return record

    async def update(self, entity: Entity[R], record: R, reason: str | None = None, *, actor: str | None = None) -> R:
        del reason, actor
        record_id = entity.id_of(record)
        if entity.versioned:
            before = self.memory.store.get(entity.collection, {}).get(record_id)
            first = before[1].revision if before is not None else 0
            record = replace(record, revision=first + 1, updated_utc=self.now)
        self._check_unique(entity, record)
        self._keep(entity, record_id, record)
        return record

    def bite(self, most: int) -> int:
        return most

    def own_transaction(self) -> None:
        pass

    def discard(self) -> None:
        self.written.clear()
        self.told.clear()

    def every_org(self) -> "MemoryChange":
        return self

    def emit(self, event_type: str, subject: str, *, revision: int | None = None, **body: Any) -> None:
        self.told.append((event_type, subject, body))

    def _keep(self, entity: Entity[Any], record_id: str, record: Any) -> None:
        self.written.setdefault(entity.collection, {})[record_id] = (entity, record)

    def _shelf(self, entity: Entity[Any]) -> Shelf:
        return {**self.memory.store.get(entity.collection, {}), **self.written.get(entity.collection, {})}

    def _own(self, entity: Entity[R]) -> list[R]:
        return [record for kept, record in self._shelf(entity).values() if kept is entity]

    def _documents(self, entity: Entity[Any]) -> list[dict[str, Any]]:
        shelf = self._shelf(entity).values()
        return [self.memory.document(kept, record) for kept, record in shelf if kept is entity or not entity.kind]

    def _as(self, entity: Entity[R], kept: Entity[Any], record: Any) -> R | None:
        if record is None or kept is entity:
            return record  # type: ignore[no-any-return]
        return None if entity.kind else entity.from_document(kept.to_document(record))

    def _keys(self, entity: Entity[Any], which: Index, record: Any) -> list[tuple[Any, ...]]:
        """The keys of an index that a record has: one for each value of a list."""
        document = self.memory.document(entity, record)
        if any(value_at(document, entity, field) != wanted for field, wanted in (which.where or {}).items()):
            return []
        values = (value_at(document, entity, field) for field in which.fields)
        return list(product(*(value if isinstance(value, list) else [value] for value in values)))

    def _check_unique(self, entity: Entity[Any], record: Any) -> None:
        for which in entity.indexes:
            if which.unique:
                ours = set(self._keys(entity, which, record))
                for other in self._own(entity):
                    if entity.id_of(other) != entity.id_of(record) and ours & set(self._keys(entity, which, other)):
                        raise Conflict(which.refusal)

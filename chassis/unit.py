"""Data access for handlers: `View` to read, `Change` to write. The port that every engine implements.

The engine runs the handlers of views and changes together with others that arrived at the same time, and may run one
more than once. A handler awaits nothing but its view or change, and changes nothing outside it.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol, Self, TypeVar

from msgspec import UNSET, UnsetType

from chassis.caller import Call
from chassis.clock import Utc
from chassis.entity import Document, Entity, Value
from chassis.page import Page, Paged

R = TypeVar("R", bound=Document)
T = TypeVar("T")


class Range(Value):
    """Bounds of one field in a query; `None` leaves that side open."""

    above: Any = None
    at_least: Any = None
    below: Any = None
    at_most: Any = None


class OneOf(Value):
    """Any of these values."""

    values: tuple[Any, ...]


def between(*, above: Any = None, at_least: Any = None, below: Any = None, at_most: Any = None) -> Range:
    """A range, for a query's `where`."""
    return Range(above=above, at_least=at_least, below=below, at_most=at_most)


def one_of(values: Iterable[Any]) -> OneOf:
    """A set of values, for a query's `where`."""
    return OneOf(values=tuple(values))


Where = Mapping[str, Any]
"""Field (dotted for nested ones) -> a value to equal, a `Range` or a `OneOf`. The org is added by the engine."""


class View(Protocol):
    """Reads within one org. With `snapshot` in the declaration, all reads of a View see the same moment."""

    @property
    def now(self) -> Utc:
        """The time of this call; never earlier than the time at which a record it has read was written."""
        ...

    @property
    def call(self) -> Call:
        """The call this view belongs to."""
        ...

    def prefetch(self, entity: Entity[Any], keys: Iterable[Any], by: str | None = None) -> None:
        """Load these records (ids, or key tuples of the unique index `by`) together with whatever is read next.

        It returns at once and costs no round trip of its own: the first read that is not loaded yet loads everything
        prefetched before it in the same round trip. Absent records are remembered as absent.
        """
        ...

    async def together(self, reads: Iterable[Awaitable[T]]) -> list[T]:
        """The results of several reads of this view, loaded in one round trip where each alone would take its own.

        `reads` is a generator of coroutines, so that those behind a failed one are never created.
        """
        ...

    async def get(self, entity: Entity[R], record_id: str) -> R | None:
        """The record, or None if it is absent or of another org."""
        ...

    async def get_many(self, entity: Entity[R], record_ids: Iterable[str]) -> dict[str, R]:
        """Id -> record, of the existing ones."""
        ...

    async def lookup(self, entity: Entity[R], by: str, *values: Any) -> R | None:
        """The record with these values in the unique index named `by` (values without the org), or None."""
        ...

    async def lookup_many(
        self, entity: Entity[R], by: str, keys: Iterable[tuple[Any, ...]]
    ) -> dict[tuple[Any, ...], R]:
        """Key tuple of the unique index named `by` -> record, of the existing ones."""
        ...

    async def load(self, entity: Entity[R], record_id: str) -> R:
        """The record. Raises `NotFound` if it is absent or of another org."""
        ...

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
        """Records by a declared index: equal fields first, then the order's fields, then at most one range.

        `order` names fields, all ascending or all descending (`-field`); ties are broken by id. Without it, records
        come in the index's own order. `after` holds the order's values and the id of the record to continue after.
        `rest` holds conditions that the index does not cover: everything that matches `where` is read, so `where` must
        be selective. Raises `UnservedQuery` if no declared index serves the query.
        """
        ...

    async def page(
        self,
        entity: Entity[R],
        where: Where,
        *,
        page: Paged,
        order: Sequence[str] = (),
        rest: Where | None = None,
    ) -> Page[R]:
        """One page of what `find` would return, newest id first unless `order` says otherwise.

        `page` is anything with `limit` and `next_token`, such as a request body. The order's fields are never null.
        Raises `Invalid` for a token that was altered or made with other filters.
        """
        ...

    async def find_all(
        self,
        entity: Entity[R],
        where: Where,
        *,
        order: Sequence[str],
        rest: Where | None = None,
        at_most: int | None = None,
    ) -> list[R]:
        """All records that match, or the first `at_most` of them, read in batches; `order` is ascending."""
        ...

    async def filtered_page(
        self,
        entity: Entity[R],
        where: Where,
        *,
        page: Paged,
        show: Callable[[Sequence[R]], Awaitable[Sequence[T | None]]],
        asked: Any = None,
        order: Sequence[str] = (),
        rest: Where | None = None,
        selective: bool = True,
    ) -> Page[T]:
        """One page of what `show` returns for the records of a query; None leaves a record out.

        `asked` (any JSON value) is what `show` filters by: the page's token is valid only with the same. `selective`
        says that `show` may leave out many, so more is read at a time than a page holds. A full page has a token only
        if more is shown behind it, as far as can be told: a call reads a bounded number of records, so a page may end
        early, with a token.
        """
        ...

    def every_org(self) -> Self:
        """The same view over all orgs: for jobs and operators, never for a caller's request."""
        ...


class Change(View, Protocol):
    """One unit of work: committed together with its events, or not at all."""

    async def load(self, entity: Entity[R], record_id: str, expected_revision: int | UnsetType | None = UNSET) -> R:
        """The record. With `expected_revision` given (None: the caller named none) raises 428 or 409, after 404."""
        ...

    def new_id(self) -> str:
        """A new id, greater than every id made before."""
        ...

    async def insert(self, entity: Entity[R], record: R) -> R:
        """Store a new record, stamped with org, revision 1, time and actor. Raises `Conflict` for a taken key."""
        ...

    async def update(self, entity: Entity[R], record: R, reason: str | None = None, *, actor: str | None = None) -> R:
        """Store a changed record. Its revision grows by 1, once a change however often it is updated in it.

        `actor` is given if it is not the caller, for effects that do not come from the call.
        """
        ...

    async def delete(self, entity: Entity[R], record: R) -> None:
        """Delete a record."""
        ...

    def own_transaction(self) -> None:
        """Commit this call beside the shared batch, because it reads or writes far more than usual: no other call then
        waits for it, and its handler is run in a thread. A call found to be that large is treated so without asking,
        but what it has read by then is read again: the earlier this is called, the cheaper.
        """
        ...

    def bite(self, most: int) -> int:
        """How many records to work on in this change: `most`, or fewer after a transaction of that size was too large
        for the server. The handler leaves the rest to another change."""
        ...

    def discard(self) -> None:
        """Drop all writes and events so far. What was read stays read, and the handler may continue."""
        ...

    def wake(self, queue: str) -> None:
        """Wake the workers of this work queue in every process once this change is committed; see `enqueue`."""
        ...

    def emit(self, event_type: str, subject: str, *, revision: int | None = None, **body: Any) -> None:
        """Emit an event, published after the commit. `revision` is by default that of the body's first record."""
        ...


class SnapshotReader(View, Protocol):
    """A read-only snapshot transaction for long scans.

    It runs outside the shared batch, so its reads really await the database. The server ends it after a minute.
    """

    def parts(
        self, entity: Entity[Any], where: Where, *, fields: Sequence[str], order: Sequence[str] = (), size: int = 1000
    ) -> AsyncIterator[list[dict[str, Any]]]:
        """Some fields (by default all) of the matching stored documents, in parts of `size` documents, in `order`; by a
        declared index or by id, as `find`. For results too large to hold in memory or to decode into records."""
        ...


class SnapshotReaders(Protocol):
    """Opens snapshot readers."""

    def snapshot_reader(self, call: Call, *, moment: bool = True) -> AbstractAsyncContextManager[SnapshotReader]:
        """A reader for long scans, which holds up no other call.

        All its reads see one moment. With `moment=False` each sees the state at its own time, and the scan runs
        outside a transaction, so that no other transaction waits for it however long it takes.
        """
        ...


class Commits(Protocol):
    """Tells when something was committed in this process."""

    def on_commit(self, callback: Callable[[], None]) -> None:
        """Call back after each commit that wrote events, silent ones included."""
        ...

    @property
    def shared(self) -> bool:
        """Whether other replicas of the service commit too, as far as known: that takes some seconds."""
        ...


class Units(SnapshotReaders, Protocol):
    """Runs views and changes. Handlers get theirs from the dispatcher; other code uses this."""

    async def view(self, call: Call, handler: Callable[[View], Awaitable[T]], *, snapshot: bool = False) -> T:
        """Run a reading handler."""
        ...

    async def run_in_process(self, call: Call, work: Callable[..., Awaitable[T]], *given: Any) -> T:
        """The result of `work(readers, call, *given)`, run in a child process: for long scans that would keep this
        process busy. `work` is a coroutine function at the top level of a module; arguments and result are picklable.

        The child process imports only the module of `work`; registrations made elsewhere are missing. Start-up takes a
        few hundred milliseconds. Raises `Unavailable` if the process is killed."""
        ...

    async def change(
        self, call: Call, handler: Callable[[Change], Awaitable[T]], *, emits: Collection[str] | None = None
    ) -> T:
        """Run a writing handler; its result, once its writes are committed and journalled.

        `emits` names the event types it may emit; any other is a defect. None allows all. Idempotency keys are handled
        elsewhere, in `chassis/http/idempotency.py`.
        """
        ...

"""What a handler may ask of data: `View` to read, `Change` to write. The port every engine implements.

A handler that is given one of these is driven by the engine, together with others that arrived at the same time, and
may be run more than once. Inside it nothing else may be awaited, and nothing outside it may be touched.
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
    """Reads within one org. What one View answers is of one moment when the declaration asks for `snapshot`."""

    @property
    def now(self) -> Utc:
        """The moment of this call; never earlier than what it has read was written."""
        ...

    @property
    def call(self) -> Call:
        """The call this is for."""
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
        """The record, or None when it is absent or of another org."""
        ...

    async def get_many(self, entity: Entity[R], record_ids: Iterable[str]) -> dict[str, R]:
        """The records there are, by id."""
        ...

    async def lookup(self, entity: Entity[R], by: str, *values: Any) -> R | None:
        """The record with these values in the unique index named `by` (values without the org), or None."""
        ...

    async def lookup_many(
        self, entity: Entity[R], by: str, keys: Iterable[tuple[Any, ...]]
    ) -> dict[tuple[Any, ...], R]:
        """The records there are, by key tuple of the unique index named `by`."""
        ...

    async def load(self, entity: Entity[R], record_id: str) -> R:
        """The record; `NotFound` when it is absent or of another org."""
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

        `order` names fields, all upwards or all downwards (`-field`); ties are broken by id; without it they come in
        the index's own order. `after` is the order's values and the id of the record to go on behind. `rest` asks for
        more than the index knows: everything that `where` names is read then, so `where` must be selective. A shape
        that no declared index serves raises `UnservedQuery`.
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
        """One page of what `find` would give, newest id first unless `order` says otherwise.

        `page` is whatever has `limit` and `next_token`: a request body will do. The order's fields are never null. A
        token that was altered, or made with other filters, is `Invalid`.
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
        """The same over all orgs: for sweeps and operators, never for a caller's request."""
        ...


class Change(View, Protocol):
    """One unit of work: all of it is committed together with its events, or none of it."""

    async def load(self, entity: Entity[R], record_id: str, expected_revision: int | UnsetType | None = UNSET) -> R:
        """The record; with `expected_revision` given (None: the caller named none) 428 and 409 follow after 404."""
        ...

    def new_id(self) -> str:
        """A new id, later than every id made before."""
        ...

    async def insert(self, entity: Entity[R], record: R) -> R:
        """Keep a new record, stamped with org, revision 1, time and actor. A taken unique key is `Conflict`."""
        ...

    async def update(self, entity: Entity[R], record: R, reason: str | None = None, *, actor: str | None = None) -> R:
        """Keep a changed record: its revision grows by 1 (once a change, however often it is updated in it).

        `actor` is who changed it where that is not the caller: something that would have happened without the call.
        """
        ...

    async def delete(self, entity: Entity[R], record: R) -> None:
        """Remove a record."""
        ...

    def own_transaction(self) -> None:
        """Say that this call reads or writes far more than usual: it is committed beside the shared batch, so that no
        other call waits for it. Calls that say so share a batch among themselves. The earlier it is said, the cheaper.
        """
        ...

    def discard(self) -> None:
        """Forget everything this change was to write and tell; what was read stays read, and it may go on from here."""
        ...

    def wake(self, queue: str) -> None:
        """Wake the workers of this work queue, in every process, once this change is committed; see `enqueue`."""
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

        `emits` names the event types it may emit; any other is a defect. None lets it emit all.

        A call with an idempotency key is not special here; see `chassis/http/idempotency.py`.
        """
        ...


class Beforehand(Exception):
    """Raised by a handler that needs something done before it, in transactions of its own.

    What the handler wrote is dropped, `work` is awaited, and the handler is run again. What `work` did stays, even if
    the call is then refused.
    """

    def __init__(self, work: "Callable[[Units], Awaitable[None]]") -> None:
        super().__init__("something has to be done before this call")
        self.work = work


class UnservedQuery(Exception):
    """A query that no declared index serves: a defect of the code that asks, found by the first test that runs it."""


class HeldUp(Exception):
    """A handler awaited something other than data inside a View or Change: a defect, because others wait behind it."""


class Undeclared(Exception):
    """An event that the endpoint's declaration does not name: a defect of one of the two."""

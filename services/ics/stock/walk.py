"""Pages of what one query cannot say: several streams of records in one order, or records to be sifted one by one.

Each stream is paged by the chassis; a token here is a mark of what is asked, then the streams' own tokens side by side.
A page ends early, with a token, once enough has been looked at: no call reads without bound.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, NamedTuple, TypeVar

import msgspec

from chassis.entity import Document, Entity, Value
from chassis.errors import invalid_field
from chassis.page import Paged, PageRequest, items_of
from chassis.unit import View
from chassis.values import PAGE_ITEMS_MAX

R = TypeVar("R", bound=Document)
T = TypeVar("T")

CHUNKS_MAX = 32
"""Most pages of a stream one call looks through."""

_SPLIT = "."
_ENDED = "-"
_START = "~"


class Stream(NamedTuple):
    """One query: a place to read on from."""

    entity: Entity[Any]
    where: Mapping[str, Any]
    order: tuple[str, ...]
    rest: Mapping[str, Any]


class Walked(Value, Generic[T], frozen=True, kw_only=True):
    """A page of what was shown."""

    items: list[T]
    next_token: str | None

    @property
    def count(self) -> int:
        return len(self.items)


class _Reader:
    """A stream as it is being read: its chunk, how much of that is used, and where the chunk began."""

    def __init__(self, view: View, stream: Stream, token: str, chunk: int) -> None:
        self.view = view
        self.stream = stream
        self.began = None if token in {_START, _ENDED} else token
        self.chunk = chunk
        self.records: list[Any] = []
        self.used = 0
        self.onward: str | None = self.began
        self.ended = token == _ENDED
        self.chunks = 0

    async def head(self) -> Any | None:
        """The record the stream goes on with; None at its end."""
        while self.used == len(self.records):
            if self.ended:
                return None
            await self._read()
        return self.records[self.used]

    async def _read(self) -> None:
        self.began = self.onward
        found = await self._page(self.chunk)
        self.records, self.used, self.onward = found.items, 0, found.next_token
        self.ended = found.next_token is None
        self.chunks += 1

    async def _page(self, limit: int) -> Any:
        stream = self.stream
        asked = PageRequest(limit=limit, next_token=self.began)
        return await self.view.page(stream.entity, stream.where, page=asked, order=stream.order, rest=stream.rest)

    @property
    def spent(self) -> bool:
        """Whether nothing is left of it."""
        return self.ended and self.used == len(self.records)

    async def token(self) -> str:
        """Where the stream goes on behind what is used of it."""
        if self.used == len(self.records):
            return _ENDED if self.ended else self.onward or _START
        if self.used == 0:
            return self.began or _START
        return (await self._page(self.used)).next_token or _ENDED


async def walk(
    view: View,
    streams: Sequence[Stream],
    page: Paged,
    show: Callable[[Any], T | None],
    *,
    asked: Any,
    place: Callable[[Any], Any] | None = None,
    down: bool = False,
    sifts: bool = False,
) -> Walked[T]:
    """A page of the streams' records in one order (`place`), as `show` gives them; it leaves out what it gives as None.

    `asked` (any JSON value) is what the tokens are good for. `sifts` says that `show` leaves out many, so that more is
    read at a time.
    """
    mark = hashlib.sha256(msgspec.json.encode(asked)).hexdigest()[:16]
    limit = items_of(page)
    chunk = PAGE_ITEMS_MAX if sifts else limit
    readers = [
        _Reader(view, stream, token, chunk)
        for stream, token in zip(streams, _tokens(page, mark, len(streams)), strict=True)
    ]
    items: list[T] = []
    while len(items) < limit and sum(reader.chunks for reader in readers) <= CHUNKS_MAX:
        reader = await _next(readers, place, down)
        if reader is None:
            break
        shown = show(reader.records[reader.used])
        reader.used += 1
        if shown is not None:
            items.append(shown)
    if all(reader.spent for reader in readers):
        return Walked(items=items, next_token=None)
    return Walked(items=items, next_token=_SPLIT.join([mark, *[await reader.token() for reader in readers]]))


def _tokens(page: Paged, mark: str, streams: int) -> list[str]:
    """Where each stream goes on."""
    if page.next_token is None:
        return [_START] * streams
    known, *tokens = page.next_token.split(_SPLIT)
    if known != mark or len(tokens) != streams or set(tokens) <= {_START, _ENDED}:
        raise invalid_field("next_token", "was not made for this query")
    return tokens


async def _next(readers: Sequence[_Reader], place: Callable[[Any], Any] | None, down: bool) -> _Reader | None:
    """The reader whose head comes first in the common order."""
    heads = [(reader, head) for reader in readers if (head := await reader.head()) is not None]
    if not heads:
        return None
    if len(heads) == 1 or place is None:
        return heads[0][0]
    chosen = max if down else min
    return chosen(heads, key=lambda each: place(each[1]))[0]

"""Lists that a query alone cannot make: what is read is looked at record by record, and shown or left out.

A full page has a token only if more is shown behind it. A page ends early, with a token, once enough has been looked
at: no call reads without bound. A token is bound to all that was asked for, what is looked at here included.
"""

from collections.abc import Callable, Mapping
from typing import Any, Generic, NamedTuple, TypeVar

from chassis.entity import Entity, Value
from chassis.page import Paged, PageRequest, items_of
from chassis.unit import View
from chassis.values import PAGE_ITEMS_MAX
from services.ics.reads import CHUNKS_MAX, inner_of, mark_of, token_of

T = TypeVar("T")


class Stream(NamedTuple):
    """One query: what to read, in which order."""

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


async def walk(
    view: View, stream: Stream, page: Paged, show: Callable[[Any], T | None], *, asked: Any, sifts: bool
) -> Walked[T]:
    """A page of a stream, as `show` gives its records; it leaves out what it gives as None.

    `sifts` says that it may leave out many, so that more is read at a time.
    """
    mark, limit = mark_of(asked), items_of(page)
    inner = inner_of(mark, page.next_token)
    items: list[T] = []
    cut: str | None = None
    for _ in range(CHUNKS_MAX):
        chunk = await _page(view, stream, PAGE_ITEMS_MAX if sifts else limit, inner)
        for place, record in enumerate(chunk.items, 1):
            shown = show(record)
            if shown is None:
                continue
            if len(items) == limit:
                return Walked(items=items, next_token=token_of(mark, cut))
            items.append(shown)
            if len(items) == limit:
                cut = chunk.next_token
                if place < len(chunk.items):
                    cut = (await _page(view, stream, place, inner)).next_token
        inner = chunk.next_token
        if inner is None or (len(items) == limit and not sifts):
            break
    else:
        inner = cut or inner
    return Walked(items=items, next_token=token_of(mark, inner))


async def _page(view: View, stream: Stream, limit: int, token: str | None) -> Any:
    asked = PageRequest(limit=limit, next_token=token)
    return await view.page(stream.entity, stream.where, page=asked, order=stream.order, rest=stream.rest)

"""Lists that a query alone cannot make: what is read is looked at record by record, and shown or left out.

A page ends early, with a token, once enough has been looked at: no call reads without bound. A token is bound to all
that was asked for, what is looked at here included.
"""

import hashlib
from collections.abc import Callable, Mapping
from typing import Any, Generic, NamedTuple, TypeVar

import msgspec

from chassis.entity import Document, Entity, Value
from chassis.errors import invalid_field
from chassis.page import Paged, PageRequest, items_of
from chassis.unit import View
from chassis.values import PAGE_ITEMS_MAX

R = TypeVar("R", bound=Document)
T = TypeVar("T")

CHUNKS_MAX = 8
"""Most chunks one call looks through."""

_SPLIT = "."
_MARK_DIGITS = 16


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


def mark_of(asked: Any) -> str:
    """A mark of all that is asked for (any JSON value), for tokens to begin with."""
    return hashlib.sha256(msgspec.json.encode(asked)).hexdigest()[:_MARK_DIGITS]


def token_of(mark: str, inner: str) -> str:
    """A token that is good for what the mark stands for."""
    return f"{mark}{_SPLIT}{inner}"


def inner_of(mark: str, token: str | None) -> str | None:
    """What a token holds; refused when it was made for something else."""
    if token is None:
        return None
    known, _, inner = token.partition(_SPLIT)
    if known != mark or not inner:
        raise unfit()
    return inner


def unfit() -> Exception:
    """The refusal of a token."""
    return invalid_field("next_token", "was not made for this query")


async def walk(
    view: View, stream: Stream, page: Paged, show: Callable[[Any], T | None], *, asked: Any, sifts: bool
) -> Walked[T]:
    """A page of a stream, as `show` gives its records; it leaves out what it gives as None.

    `sifts` says that it may leave out many, so that more is read at a time.
    """
    mark, limit = mark_of(asked), items_of(page)
    inner = inner_of(mark, page.next_token)
    items: list[T] = []
    for _ in range(CHUNKS_MAX):
        chunk = await _page(view, stream, PAGE_ITEMS_MAX if sifts else limit, inner)
        for place, record in enumerate(chunk.items, 1):
            shown = show(record)
            if shown is not None:
                items.append(shown)
            if len(items) == limit and place < len(chunk.items):
                cut = await _page(view, stream, place, inner)
                return Walked(items=items, next_token=token_of(mark, cut.next_token))
        inner = chunk.next_token
        if inner is None or len(items) == limit:
            break
    return Walked(items=items, next_token=token_of(mark, inner) if inner is not None else None)


async def _page(view: View, stream: Stream, limit: int, token: str | None) -> Any:
    asked = PageRequest(limit=limit, next_token=token)
    return await view.page(stream.entity, stream.where, page=asked, order=stream.order, rest=stream.rest)

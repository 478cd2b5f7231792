"""Reading more than one thing: many finds in one round, all there is of something, and pages of what a query alone
cannot tell."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, TypeVar

import msgspec

from chassis.entity import Document, Entity
from chassis.errors import Invalid, invalid_field
from chassis.page import Page, Paged, PageRequest, items_of
from chassis.unit import View, Where
from chassis.values import PAGE_ITEMS_MAX

T = TypeVar("T")
R = TypeVar("R", bound=Document)

CHUNKS_MAX = 8
"""Most chunks one call looks through for a page; after that it answers what it has, and where to go on."""

STRETCH_RECORDS_MAX = 1000
"""Most records that are read at a time where all of them are wanted."""

_SPLIT = "."
_MARK_DIGITS = 16


async def together(reads: Iterable[Awaitable[T]]) -> list[T]:
    """The results of all these reads of a View or Change, given as a generator of coroutines.

    A find that is not loaded yet ends the run with what is no Exception; the next run finds it there. Asking all of
    them before giving up has all loaded in one round, where one after the other would take a round each.
    """
    found: list[T] = []
    missing: BaseException | None = None
    for read in reads:
        try:
            found.append(await read)
        except (Exception, asyncio.CancelledError, KeyboardInterrupt, SystemExit):
            raise
        except BaseException as miss:  # noqa: BLE001  raised again below, once the others have asked
            missing = missing or miss
    if missing is not None:
        raise missing
    return found


async def find_all(
    view: View,
    entity: Entity[R],
    where: Where,
    *,
    order: Sequence[str],
    rest: Where | None = None,
    at_most: int | None = None,
) -> list[R]:
    """All records that fit (or so many of them, the first), read stretch by stretch; the order goes upwards."""
    fields = order if entity.id in order else (*order, entity.id)
    found: list[R] = []
    after: list[Any] | None = None
    while True:
        limit = STRETCH_RECORDS_MAX if at_most is None else min(STRETCH_RECORDS_MAX, at_most - len(found))
        part = await view.find(entity, where, order=order, limit=limit, after=after, rest=rest)
        found += part
        if len(part) < limit or len(found) == at_most:
            return found
        after = [getattr(part[-1], field) for field in fields]


def mark_of(asked: Any) -> str:
    """A mark of all that is asked for (any JSON value), for tokens to begin with."""
    return hashlib.sha256(msgspec.json.encode(asked)).hexdigest()[:_MARK_DIGITS]


def token_of(mark: str, inner: str | None) -> str | None:
    """A token that is good for what the mark stands for; None where there is nothing to go on with."""
    return None if inner is None else f"{mark}{_SPLIT}{inner}"


def inner_of(mark: str, token: str | None) -> str | None:
    """What a token holds; refused when it was made for something else."""
    if token is None:
        return None
    known, _, inner = token.partition(_SPLIT)
    if known != mark or not inner:
        raise unfit()
    return inner


def unfit() -> Invalid:
    """The refusal of a token."""
    return invalid_field("next_token", "was not made for this query")


async def sifted(
    view: View,
    entity: Entity[R],
    where: Where,
    rest: Where,
    *,
    page: Paged,
    show: Callable[[R], T | None],
    asked: Any = None,
    order: Sequence[str] = (),
    sifts: bool = True,
) -> Page[T]:
    """A page, newest first unless `order` says otherwise, of what `show` gives for the records; None leaves one out.

    What `show` goes by, and the query does not say, is told by `asked`: the page's token is good for that alone.
    `sifts` says that it may leave out many; where it does not, no more is read at a time than a page has.
    """

    async def show_all(records: Sequence[R]) -> list[T | None]:
        return [show(record) for record in records]

    return await sifted_together(
        view, entity, where, rest, page=page, show_all=show_all, asked=asked, order=order, sifts=sifts
    )


async def sifted_together(
    view: View,
    entity: Entity[R],
    where: Where,
    rest: Where,
    *,
    page: Paged,
    show_all: Callable[[Sequence[R]], Awaitable[Sequence[T | None]]],
    asked: Any,
    order: Sequence[str] = (),
    sifts: bool = True,
) -> Page[T]:
    """As `sifted`, where records are shown many at a time, because that takes reading.

    A full page has a token only if more is shown behind it, as far as that can be told: no call reads without bound,
    and where enough has been looked at, a page ends early, with a token.
    """
    mark = mark_of(asked)
    size, token = items_of(page), inner_of(mark, page.next_token)
    found: list[T] = []
    cut: str | None = None
    for chunk in range(CHUNKS_MAX):
        limit = size
        if sifts:
            # What usually suffices first, with one more to see whether that is all; then as much as there can be.
            limit = PAGE_ITEMS_MAX if chunk else min(size + 1, PAGE_ITEMS_MAX)
        asked_for = PageRequest(limit=limit, next_token=token)
        part = await view.page(entity, where, page=asked_for, order=order, rest=rest)
        for place, shown in enumerate(await show_all(part.items), 1):
            if shown is None:
                continue
            if len(found) == size:
                return Page(items=found, count=size, next_token=token_of(mark, cut))
            found.append(shown)
            if len(found) == size:
                cut = part.next_token
                if place < part.count:
                    last = PageRequest(limit=place, next_token=token)
                    cut = (await view.page(entity, where, page=last, order=order, rest=rest)).next_token
        token = part.next_token
        if token is None or (len(found) == size and not sifts):
            break
    else:
        token = cut or token
    return Page(items=found, count=len(found), next_token=token_of(mark, token))

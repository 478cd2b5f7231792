"""Reading more than one thing: many finds in one round, and pages of what a query alone cannot tell."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

from chassis.entity import Document, Entity
from chassis.page import Page, Paged, PageRequest, items_of
from chassis.unit import View, Where
from chassis.values import PAGE_ITEMS_MAX

T = TypeVar("T")
R = TypeVar("R", bound=Document)

CHUNKS_MAX = 8
"""Most chunks one call looks through for a page; after that it answers what it has, and where to go on."""


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


async def sifted(
    view: View, entity: Entity[R], where: Where, rest: Where, *, page: Paged, show: Callable[[R], R | None]
) -> Page[R]:
    """A page, newest first, of the records that `show` gives something for; None leaves one out.

    A page ends early, with a token, once enough has been looked at: no call reads without bound.
    """
    size, token = items_of(page), page.next_token
    found: list[R] = []
    for chunk in range(CHUNKS_MAX):
        # What usually suffices first, then as much as there can be.
        limit = PAGE_ITEMS_MAX if chunk else size
        part = await view.page(entity, where, page=PageRequest(limit=limit, next_token=token), rest=rest)
        for place, record in enumerate(part.items, 1):
            shown = show(record)
            if shown is not None:
                found.append(shown)
            if len(found) == size:
                if place < part.count:
                    last = PageRequest(limit=place, next_token=token)
                    part = await view.page(entity, where, page=last, rest=rest)
                return Page(items=found, count=size, next_token=part.next_token)
        token = part.next_token
        if token is None:
            break
    return Page(items=found, count=len(found), next_token=token)

"""Reading more than one thing: many finds in one round, and pages of what a query alone cannot tell."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import TypeVar

from chassis.page import Page, Paged, PageRequest, items_of
from chassis.values import PAGE_ITEMS_MAX

T = TypeVar("T")

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
    page: Paged,
    read: Callable[[PageRequest], Awaitable[Page[T]]],
    sift: Callable[[list[T]], Awaitable[Sequence[T | None]]],
) -> Page[T]:
    """A page of the records that `sift` shows, in place of each what is shown of it or None.

    A page ends early, with a token, once enough has been looked at: no call reads without bound.
    """
    size, token = items_of(page), page.next_token
    found: list[T] = []
    for chunk in range(CHUNKS_MAX):
        # What usually suffices first, then as much as there can be.
        part = await read(PageRequest(limit=PAGE_ITEMS_MAX if chunk else size, next_token=token))
        for place, record in enumerate(await sift(part.items)):
            if record is not None:
                found.append(record)
            if len(found) == size:
                if place + 1 < len(part.items):
                    part = await read(PageRequest(limit=place + 1, next_token=token))
                return Page(items=found, count=size, next_token=part.next_token)
        token = part.next_token
        if token is None:
            break
    return Page(items=found, count=len(found), next_token=token)

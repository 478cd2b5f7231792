"""Many finds in one round."""

import asyncio
from collections.abc import Awaitable, Iterable
from typing import TypeVar

T = TypeVar("T")


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

"""Pages and batches: reading what does not fit into one answer."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeVar

import msgspec

from services.slc.shopify.errors import CostTooHigh
from services.slc.shopify.graphql import Session

T = TypeVar("T")


def converted(value: Any, kind: type[T]) -> T:
    """A part of an answer as a struct."""
    return msgspec.convert(value, kind, strict=False)


async def nodes(
    session: Session, operation: str, path: Sequence[str], **variables: Any
) -> AsyncIterator[Mapping[str, Any]]:
    """The nodes of a connection, page by page; none where the path leads to null."""
    after: str | None = None
    while True:
        found: Any = await session.execute(operation, **variables, after=after)
        for step in path:
            found = found.get(step) if found is not None else None
        if found is None:
            return
        for node in found["nodes"]:
            yield node
        if not found["pageInfo"]["hasNextPage"]:
            return
        after = found["pageInfo"]["endCursor"]


async def in_batches(ids: Sequence[str], size: int, read: Callable[[Sequence[str]], Awaitable[Sequence[T]]]) -> list[T]:
    """What `read` answers for all ids, in calls of limited size; a call that is too expensive is halved."""
    found: list[T] = []
    start = 0
    while start < len(ids):
        batch = ids[start : start + size]
        try:
            found += await read(batch)
        except CostTooHigh:
            if len(batch) == 1:
                raise
            size = max(1, len(batch) // 2)
            continue
        start += len(batch)
    return found

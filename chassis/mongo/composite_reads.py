"""Reads built from `find` and `page`, the same for every engine: all records of a query, and pages filtered in code."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

from chassis.entity import Document, Entity
from chassis.page import Page, Paged, PageRequest, items_of, query_mark, token_for, token_within
from chassis.unit import View, Where
from chassis.values import PAGE_ITEMS_MAX

T = TypeVar("T")
R = TypeVar("R", bound=Document)

FIND_ALL_BATCH_MAX = 1000
"""Records that `find_all` reads at a time."""

FILTERED_CHUNKS_MAX = 8
"""Chunks that one call reads for a filtered page; after these it returns what it found, and a token to continue."""


class CompositeReads:
    """The methods of `View` that need only `find` and `page`: a mixin for the views of the engines."""

    __slots__ = ()

    async def find_all(
        self: View,
        entity: Entity[R],
        where: Where,
        *,
        order: Sequence[str],
        rest: Where | None = None,
        at_most: int | None = None,
    ) -> list[R]:
        """See `View.find_all`."""
        fields = order if entity.id in order else (*order, entity.id)
        found: list[R] = []
        after: list[Any] | None = None
        while True:
            limit = FIND_ALL_BATCH_MAX if at_most is None else min(FIND_ALL_BATCH_MAX, at_most - len(found))
            part = await self.find(entity, where, order=order, limit=limit, after=after, rest=rest)
            found += part
            if len(part) < limit or len(found) == at_most:
                return found
            after = [getattr(part[-1], field) for field in fields]

    async def filtered_page(
        self: View,
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
        """See `View.filtered_page`."""
        mark = query_mark(asked)
        size, token = items_of(page), token_within(mark, page.next_token)
        found: list[T] = []
        cut: str | None = None
        for chunk in range(FILTERED_CHUNKS_MAX):
            limit = size
            if selective:
                # First what usually suffices, and one more to see whether that is all; then full chunks.
                limit = PAGE_ITEMS_MAX if chunk else min(size + 1, PAGE_ITEMS_MAX)
            part = await self.page(
                entity, where, page=PageRequest(limit=limit, next_token=token), order=order, rest=rest
            )
            for place, shown in enumerate(await show(part.items), 1):
                if shown is None:
                    continue
                if len(found) == size:
                    return Page(items=found, count=size, next_token=token_for(mark, cut))
                found.append(shown)
                if len(found) == size:
                    cut = part.next_token
                    if place < part.count:
                        last = PageRequest(limit=place, next_token=token)
                        cut = (await self.page(entity, where, page=last, order=order, rest=rest)).next_token
            token = part.next_token
            if token is None or (len(found) == size and not selective):
                break
        else:
            token = cut or token
        return Page(items=found, count=len(found), next_token=token_for(mark, token))

"""Pages over records whose ids are known, newest first; those that do not exist are passed over."""

from collections.abc import Iterable, Sequence
from typing import Any

from chassis.entity import Entity
from chassis.mongo.direct_reader import DirectReader
from chassis.page import Page, PageRequest, items_of
from chassis.values import PAGE_ITEMS_MAX

KNOWN_MAX = 8
"""So few records are kept once they were read to be counted, and not read again for the page."""


class ByIds:
    """Records of one entity with these ids, of an org or (None) of any."""

    def __init__(self, reader: DirectReader, entity: Entity[Any], ids: Iterable[str], org: str | None) -> None:
        self._reader = reader
        self._entity = entity
        self._ids = sorted(ids, reverse=True)
        self._org = org
        self._known: list[Any] | None = None

    async def count(self, most: int) -> int:
        """How many exist, counted up to `most`."""
        if len(self._ids) <= KNOWN_MAX:
            self._known = await self._existing(self._ids)
            return min(most, len(self._known))
        counted = 0
        for start in range(0, len(self._ids), PAGE_ITEMS_MAX):
            counted += len(await self._existing(self._ids[start : start + PAGE_ITEMS_MAX]))
            if counted >= most:
                return most
        return counted

    async def read(self, page: PageRequest) -> Page[Any]:
        """One page; its token is the id behind which the next one continues."""
        size = items_of(page)
        found: list[Any] = []
        if self._known is not None and page.next_token is None:
            found = self._known
        else:
            ids = [each for each in self._ids if page.next_token is None or each < page.next_token]
            while ids and len(found) <= size:
                part, ids = ids[: size + 1], ids[size + 1 :]
                found += await self._existing(part)
        token = self.behind(found[size - 1]) if len(found) > size else None
        return Page(items=found[:size], count=len(found[:size]), next_token=token)

    def behind(self, record: Any) -> str:
        """The token of the page behind a record."""
        return self._entity.id_of(record)

    async def _existing(self, ids: Sequence[str]) -> list[Any]:
        found = await self._reader.by_ids(self._entity, ids)
        ours = [each for each in found if self._org is None or getattr(each, "orgcode", "") == self._org]
        return sorted(ours, key=self._entity.id_of, reverse=True)

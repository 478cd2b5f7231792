"""Records as messages, and pages of them that are bounded in number and bytes."""

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import msgspec

from chassis.entity import Entity
from chassis.page import Page, PageRequest
from chassis.pattern import pattern
from chassis.rpc.graph.keys import EntityKeys
from chassis.rpc.graph.schema import table_of
from chassis.sealed import MASK, to_shown
from chassis.values import PAGE_ITEMS_MAX
from retailstack.graph.v1 import source_pb2 as pb

PAGE_BYTES_MAX = 4 * 1024 * 1024
CHUNK_FIRST = 32
"""Records of a first read: at the size of the largest records these are within `PAGE_BYTES_MAX`."""

Position = tuple[int, str | None]
"""Where a page continues: the number of a listing, and the token within it."""


class Presenter:
    """Makes messages of the records of one entity."""

    def __init__(self, service: str, entity: Entity[Any]) -> None:
        self.entity = entity
        self.keys = EntityKeys(entity)
        self.table = table_of(service, entity)
        self._label = pattern(entity.label)

    def to_proto(self, record: Any) -> pb.Record:
        """The message of a record."""
        properties = self.properties_of(record)
        text = msgspec.json.encode(properties)
        record_id = self.entity.id_of(record)
        return pb.Record(
            table=self.table,
            entity=self.entity.name,
            id=record_id,
            keys=self.keys.of(record),
            properties=text.decode(),
            label=self._label.label(properties) or record_id,
            revision=properties.get("revision"),
            size_bytes=len(text),
            orgcode=record.orgcode if self.entity.org_scoped else "",
        )

    def properties_of(self, record: Any) -> dict[str, Any]:
        """Every field of a record, with its secrets masked."""
        properties: dict[str, Any] = msgspec.to_builtins(record, enc_hook=to_shown)
        properties.update((field, MASK) for field in self.entity.sealed if properties.get(field) is not None)
        return properties


class Source(Protocol):
    """Records of one entity that are read page by page."""

    async def read(self, page: PageRequest) -> Page[Any]:
        """One page."""
        ...

    def behind(self, record: Any) -> str:
        """The token of the page behind a record."""
        ...


class Listing(NamedTuple):
    """The records of a source, and how they are shown."""

    presenter: Presenter
    source: Source


class Bounds:
    """How many records and bytes an answer may still take."""

    def __init__(self, records: int, size: int = PAGE_BYTES_MAX) -> None:
        self.records = records
        self._bytes = size
        self._taken = 0
        self._used = 0
        self.full = records <= 0

    def chunk(self) -> int:
        """How many records to read next."""
        if not self._taken:
            return min(self.records, CHUNK_FIRST)
        fitting = (self._bytes - self._used) * self._taken // max(1, self._used)
        return max(1, min(self.records, fitting, PAGE_ITEMS_MAX))

    def takes(self, record: pb.Record) -> bool:
        """Whether the record is still within the bounds; the first one always is."""
        size = record.ByteSize()
        if self.full or (self._taken and self._used + size > self._bytes):
            self.full = True
            return False
        self._taken += 1
        self._used += size
        self.records -= 1
        self.full = self.records == 0
        return True


async def fill(listings: Sequence[Listing], start: Position, bounds: Bounds) -> tuple[list[pb.Record], Position | None]:
    """Records of the listings, until a bound is reached; and where to continue, None at the end."""
    found: list[pb.Record] = []
    place, token = start
    while place < len(listings):
        records, token, ended = await _fill_from(listings[place], token, bounds)
        found += records
        if not ended:
            return found, (place, token)
        place, token = place + 1, None
        if bounds.full and place < len(listings):
            return found, (place, None)
    return found, None


async def _fill_from(listing: Listing, token: str | None, bounds: Bounds) -> tuple[list[pb.Record], str | None, bool]:
    """Records of one listing, where to continue in it, and whether it has ended."""
    found: list[pb.Record] = []
    while not bounds.full:
        page = await listing.source.read(PageRequest(limit=bounds.chunk(), next_token=token))
        taken = 0
        for record in page.items:
            message = listing.presenter.to_proto(record)
            if not bounds.takes(message):
                break
            found.append(message)
            taken += 1
        if taken == len(page.items):
            token = page.next_token
            if token is None:
                return found, None, True
        elif taken:
            token = listing.source.behind(page.items[taken - 1])
    return found, token, False

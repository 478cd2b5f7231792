"""Writing the rows of a pack version: in its transaction if they fit, otherwise in batches before it.

Rows written ahead for a version that never comes have a `store_id` that no version names: nothing reads them, and the
job pack_expire removes them by their draft.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from chassis.caller import Call
from chassis.entity import Entity, Value
from chassis.unit import Change, Units
from services.pmc.pack.domain import ItemRange, PackDraft, PackHeaderDocument
from services.pmc.pack.rows import Numbering, Place, item_rows, style_rows
from services.pmc.pack.sound import SoundDocument
from services.pmc.pack.store import BODIES, DRAFTS, HEADERS, ITEMS, STYLES
from services.pmc.pack.validate import StyleText

ROWS_AT_ONCE_MAX = 400
"""Rows written in the transaction of the version itself, and in one batch."""

BYTES_AT_ONCE_MAX = 4 * 1024 * 1024

Row = tuple[Entity[Any], Any, int]


class Contents(Value):
    """A sound document and the place of its rows."""

    place: Place
    document: SoundDocument

    @property
    def fits(self) -> bool:
        """Whether all rows go into one transaction."""
        return self.document.rows <= ROWS_AT_ONCE_MAX and self.document.text_bytes <= BYTES_AT_ONCE_MAX

    def rows(self) -> Iterator[Row]:
        """The rows, each made when it is asked for."""
        yield header_row(self.place, self.document.header)
        numbering = Numbering(self.document.ranges)
        for style in self.document.all_styles():
            yield from rows_of(self.place, style, numbering.take(style.offers))


def header_row(place: Place, text: str) -> Row:
    """The row of a header, given as JSON text."""
    return HEADERS, PackHeaderDocument(store_id=place.store_id, text=text), len(text)


def rows_of(place: Place, style: StyleText, ranges: dict[str, ItemRange]) -> Iterator[Row]:
    """The rows of a style and its items, with their sizes in bytes."""
    row, body = style_rows(place, style, ranges)
    yield STYLES, row, 0
    yield BODIES, body, len(style.text)
    for item in item_rows(place, style, ranges):
        yield ITEMS, item, 0


async def insert_rows(change: Change, rows: Iterable[Row]) -> None:
    """Insert rows in the change."""
    for entity, row, _ in rows:
        await change.insert(entity, row)


async def write_ahead(units: Units, call: Call, contents: Contents) -> None:
    """Write rows in transactions of their own, before the version that will name them. Its change ends the draft."""
    store_id = contents.place.store_id
    for number, batch in enumerate(batches(contents.rows())):

        async def write(change: Change, batch: Sequence[Row] = batch, *, is_first: bool = number == 0) -> None:
            if is_first:
                await change.insert(DRAFTS, PackDraft(store_id=store_id, begun_utc=change.now))
            await insert_rows(change, batch)

        await units.change(call, write, emits=())


def batches(rows: Iterable[Row]) -> Iterator[list[Row]]:
    """Rows in groups that fit a transaction."""
    batch: list[Row] = []
    size = 0
    for row in rows:
        if batch and (len(batch) >= ROWS_AT_ONCE_MAX or size + row[2] > BYTES_AT_ONCE_MAX):
            yield batch
            batch, size = [], 0
        batch.append(row)
        size += row[2]
    if batch:
        yield batch

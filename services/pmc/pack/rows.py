"""From a validated document to the rows of a pack version: styles by id, each with the numbers of its items."""

from collections.abc import Iterator, Mapping, Sequence

from services.pmc.pack.domain import ItemRange, ItemRow, StyleBody, StyleRow
from services.pmc.pack.store import item_key_of, style_key_of
from services.pmc.pack.validate import StyleText
from services.pmc.words import Part


class Place(Part):
    """Which version the rows belong to."""

    store_id: str
    pack_id: str
    pack_rev: int


class Numbering:
    """Gives items their numbers, style by style in order of style_id."""

    def __init__(self, ranges: Mapping[str, ItemRange]) -> None:
        self._next = {code: each.first for code, each in ranges.items()}

    def next_of(self, channel_code: str) -> int:
        """The number the next item of a channel will have."""
        return self._next[channel_code]

    def take(self, offers: Mapping[str, Sequence[str]]) -> dict[str, ItemRange]:
        """The numbers of a style's items in each channel."""
        taken: dict[str, ItemRange] = {}
        for code, ids in offers.items():
            taken[code] = ItemRange(first=self._next[code], count=len(ids))
            self._next[code] += len(ids)
        return taken


def style_rows(place: Place, style: StyleText, ranges: Mapping[str, ItemRange]) -> tuple[StyleRow, StyleBody]:
    """The rows of a style."""
    key = style_key_of(place.store_id, style.style_id)
    row = StyleRow(
        style_key=key,
        store_id=place.store_id,
        pack_id=place.pack_id,
        pack_rev=place.pack_rev,
        style_id=style.style_id,
        variants=style.variants,
        ranges=ranges,
    )
    return row, StyleBody(style_key=key, store_id=place.store_id, text=style.text)


def item_rows(place: Place, style: StyleText, ranges: Mapping[str, ItemRange]) -> Iterator[ItemRow]:
    """The rows of a style's items."""
    for code, ids in style.offers.items():
        for n, variant_id in enumerate(ids, ranges[code].first):
            yield ItemRow(
                item_key=item_key_of(place.store_id, n),
                store_id=place.store_id,
                pack_id=place.pack_id,
                pack_rev=place.pack_rev,
                n=n,
                channel_code=code,
                style_id=style.style_id,
                variant_id=variant_id,
            )

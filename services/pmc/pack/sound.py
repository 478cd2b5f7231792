"""Sound documents, in the form in which a child process hands them over: texts that are read part by part.

A document of 8 MiB may have 50,000 styles. As objects they would keep the interpreter from the event loop for a long
time at once, whatever moves them.
"""

from collections import Counter
from collections.abc import Iterator, Sequence

import msgspec

from chassis.entity import Value
from services.pmc.pack.document import PackHeader
from services.pmc.pack.domain import ItemRange, PackCounts
from services.pmc.pack.validate import StyleText, counts_of, ranges_of

PART_STYLES_MAX = 200
PART_BYTES = 256 * 1024
"""A part of the styles ends with the one that reaches this size."""

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[StyleText]).decode


class SoundDocument(Value):
    """A document without problems.

    header       its header, as JSON text
    ranges       channel -> the numbers of its items
    styles       in order of `style_id`, some hundred a part, encoded
    text_bytes   the size of the header and all styles as JSON text
    sha256       of its canonical form, and that form's size in bytes; empty and 0 for uploads
    """

    name: str | None
    header: str
    counts: PackCounts
    ranges: dict[str, ItemRange]
    styles: list[bytes]
    text_bytes: int
    sha256: str = ""
    bytes: int = 0

    @property
    def rows(self) -> int:
        """How many rows a version of it has: the header, two a style, and the items."""
        return 1 + 2 * self.counts.styles + self.counts.items

    def all_styles(self) -> Iterator[StyleText]:
        """The styles, in order of `style_id`; each part is decoded when its first one is asked for."""
        for part in self.styles:
            yield from _decode(part)


def header_text(header: PackHeader) -> str:
    """A header as JSON text, without the styles that a whole document has."""
    return msgspec.json.encode(
        PackHeader(**{name: getattr(header, name) for name in PackHeader.__struct_fields__})
    ).decode()


def sound_document(header: PackHeader, styles: Sequence[StyleText], sha256: str = "", size: int = 0) -> SoundDocument:
    """The document that this header and these styles are."""
    offered: Counter[str] = Counter()
    for style in styles:
        offered.update({code: len(ids) for code, ids in style.offers.items()})
    text = header_text(header)
    return SoundDocument(
        name=header.name,
        header=text,
        counts=counts_of(header, styles),
        ranges=ranges_of(header, offered),
        styles=[_encode(part) for part in _parts(sorted(styles, key=lambda each: each.style_id))],
        text_bytes=len(text) + sum(len(each.text) for each in styles),
        sha256=sha256,
        bytes=size,
    )


def _parts(styles: Sequence[StyleText]) -> Iterator[list[StyleText]]:
    part: list[StyleText] = []
    size = 0
    for style in styles:
        part.append(style)
        size += len(style.text)
        if len(part) == PART_STYLES_MAX or size >= PART_BYTES:
            yield part
            part, size = [], 0
    if part:
        yield part

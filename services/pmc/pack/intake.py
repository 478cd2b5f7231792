"""Validating a pack document while it streams by, in either form, in bounded memory.

The JSON Lines form is read once. The JSON form may have its styles before its header, so it is read twice: first for
the members of its root, then for its styles.
"""

import zlib
from collections.abc import Iterator
from typing import Protocol

from chassis.decoding.json_text import Malformed, read
from chassis.decoding.pace import Pace
from chassis.entity import Value
from services.pmc.pack.checks import PackCheck
from services.pmc.pack.document import STYLE_BYTES_MAX, STYLES_MAX, PackHeader
from services.pmc.pack.problems import Problems
from services.pmc.pack.scanning import BadOutline, Scanner
from services.pmc.pack.seen import DigestSeen
from services.pmc.pack.validate import StyleText, read_header, read_line, read_style

UNPACKED_BYTES_MAX = 4 * 1024 * 1024 * 1024
UNPACK_PIECE_BYTES = 256 * 1024

MEMBER_VALUES_MAX = 250_000
"""More values than a member of the root has: taxonomy and vendors at their limits."""


class PlacedStyle(Value):
    """A sound style and its position in the document."""

    place: int
    style: StyleText


class Intake(Protocol):
    """Validates one document. `passes` says how often it wants to be fed the whole of it."""

    passes: int
    problems: Problems
    header: PackHeader | None

    def feed(self, piece: bytes) -> list[PlacedStyle]:
        """The sound styles that end within this piece."""
        ...

    def end(self) -> list[PlacedStyle]:
        """The document is over; what is left of it."""
        ...


class LinesIntake:
    """The JSON Lines form: the header, then a style a line. Blank lines are passed over and counted."""

    passes = 1

    def __init__(self, *, http_urls: bool, pace: Pace | None = None) -> None:
        self.problems = Problems()
        self._pace = pace
        self.header: PackHeader | None = None
        self._check = PackCheck(self.problems, DigestSeen(), http_urls=http_urls)
        self._rest = b""
        self._too_long = False
        self._line = 0
        self._place = -1
        self._has_header = False

    def feed(self, piece: bytes) -> list[PlacedStyle]:
        *lines, rest = (self._rest + piece).split(b"\n")
        found = [style for line in lines for style in self._take(line)]
        if len(rest) > STYLE_BYTES_MAX:
            self._too_long, rest = True, rest[: STYLE_BYTES_MAX + 1]
        self._rest = rest
        return found

    def end(self) -> list[PlacedStyle]:
        found = list(self._take(self._rest))
        self.problems.line = None
        if not self._has_header:
            self.problems.add("document", "missing", "has no header")
        elif self._place < 0:
            self.problems.add("styles", "missing", "is required")
        return found

    def _take(self, line: bytes) -> Iterator[PlacedStyle]:
        self._line += 1
        too_long, self._too_long = self._too_long, False
        if not too_long and not line.strip():
            return
        self.problems.line = self._line
        if not self._has_header:
            self._has_header = True
            value = read_line(line, "", self.problems, self._pace)
            if value is not None:
                self.header = read_header(value, "", self.problems, self._check)
            return
        self._place += 1
        if self._place >= STYLES_MAX:
            if self._place == STYLES_MAX:
                self.problems.add("styles", "out-of-range", f"must have at most {STYLES_MAX} entries")
            return
        path = f"styles.{self._place}"
        value = read_line(line, path, self.problems, self._pace)
        if value is None:
            return
        style = read_style(value, path, self.problems, self._check if self.header is not None else None)
        if style is not None and not self.problems.count:
            yield PlacedStyle(place=self._place, style=style)


class JsonIntake:
    """The JSON form: fed once for the members of its root, once more for its styles."""

    passes = 2

    def __init__(self, *, http_urls: bool, pace: Pace | None = None) -> None:
        self.problems = Problems()
        self._pace = pace
        self.header: PackHeader | None = None
        self._check = PackCheck(self.problems, DigestSeen(), http_urls=http_urls)
        self._scanner = Scanner()
        self._members: dict[str, object] = {}
        self._styles = 0
        self._is_second = False
        self._broken = False

    def feed(self, piece: bytes) -> list[PlacedStyle]:
        if self._broken:
            return []
        try:
            return [
                style for part in self._scanner.feed(piece) for style in self._take(part.kind, part.name, part.text)
            ]
        except BadOutline as failure:
            self._break(failure)
            return []

    def end(self) -> list[PlacedStyle]:
        if not self._broken:
            try:
                self._scanner.end()
            except BadOutline as failure:
                self._break(failure)
        if not self._is_second:
            self._is_second = True
            self._scanner = Scanner()
            if not self._broken:
                self._read_header()
        elif not self._broken and not self._styles and self._scanner.has_styles:
            self.problems.add("styles", "out-of-range", f"must have 1 to {STYLES_MAX} entries")
        elif not self._broken and not self._styles:
            self.problems.add("styles", "missing", "is required")
        return []

    def _break(self, failure: BadOutline) -> None:
        self._broken = True
        self.problems.add(failure.path, "malformed", str(failure))

    def _read_header(self) -> None:
        if "styles" in self._members:
            if self._members.pop("styles") is None:
                self.problems.add("styles", "missing", "is required")
            else:
                self.problems.add("styles", "wrong-type", "must be a list")
            self._broken = True
        self.header = read_header(self._members, "", self.problems, self._check)

    def _take(self, kind: str, name: str, text: bytes) -> Iterator[PlacedStyle]:
        if kind == "member":
            if not self._is_second:
                self._keep(name, text)
            return
        if not self._is_second:
            return
        place = self._styles
        self._styles += 1
        if place >= STYLES_MAX:
            if place == STYLES_MAX:
                self.problems.add("styles", "out-of-range", f"must have at most {STYLES_MAX} entries")
            return
        path = f"styles.{place}"
        value = read_line(text, path, self.problems, self._pace)
        if value is None:
            return
        style = read_style(value, path, self.problems, self._check if self.header is not None else None)
        if style is not None and not self.problems.count:
            yield PlacedStyle(place=place, style=style)

    def _keep(self, name: str, text: bytes) -> None:
        if name in self._members:
            self.problems.add(name, "malformed", "is given more than once")
        try:
            self._members[name] = read(text, self._pace, values_max=MEMBER_VALUES_MAX)
        except Malformed as failure:
            self.problems.add(name or "document", "malformed", str(failure))


class Unpacker:
    """Unpacks gzip piece by piece, of one member or several; gives pieces as they are where nothing is packed."""

    def __init__(self, encoding: str | None) -> None:
        self._inflate = _member() if encoding == "gzip" else None
        self._bytes = 0

    def feed(self, piece: bytes) -> Iterator[bytes]:
        """The unpacked bytes of a piece. Raises `BadOutline` where it is no gzip, or too much."""
        if self._inflate is None:
            yield piece
            return
        while piece:
            if self._inflate.eof:
                # Another member follows, or zeros that fill up a block.
                piece = piece.lstrip(b"\0")
                if not piece:
                    return
                self._inflate = _member()
            try:
                unpacked = self._inflate.decompress(piece, UNPACK_PIECE_BYTES)
            except zlib.error as failure:
                raise BadOutline("is not gzip") from failure
            self._bytes += len(unpacked)
            if self._bytes > UNPACKED_BYTES_MAX:
                raise BadOutline("unpacks to more than 4 GiB")
            yield unpacked
            piece = self._inflate.unused_data if self._inflate.eof else self._inflate.unconsumed_tail

    def end(self) -> None:
        """Raises `BadOutline` where the stream is not complete."""
        if self._inflate is not None and not self._inflate.eof:
            raise BadOutline("is not gzip to its end")


def _member() -> "zlib._Decompress":
    return zlib.decompressobj(zlib.MAX_WBITS | 16)


def intake_for(content_type: str, *, http_urls: bool, pace: Pace | None = None) -> LinesIntake | JsonIntake:
    """The intake for a document of this media type. One that is fed in a thread takes a `pace`."""
    if content_type == "application/x-ndjson":
        return LinesIntake(http_urls=http_urls, pace=pace)
    return JsonIntake(http_urls=http_urls, pace=pace)

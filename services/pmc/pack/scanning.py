"""Taking a JSON document apart while it streams by: the members of its root, and the styles one by one.

Only the outline is read here (strings, brackets, commas); whether a part is sound JSON is found when it is read itself.
Memory holds one part at a time, and a part may have no more than a limit.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Literal

from chassis.entity import Value

PART_BYTES_MAX = 16 * 1024 * 1024
"""Most bytes of a member of the root: taxonomy and vendors at their limits stay far below."""

_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|[{}\[\],:]', re.DOTALL)
_OPENING, _CLOSING = b"{[", b"}]"


class DocumentPart(Value):
    """A part of a document: a member of the root by name, or one style."""

    kind: Literal["member", "style"]
    name: str
    text: bytes


class BadOutline(Exception):
    """Not a JSON object, or a part of it is too long."""


class Scanner:
    """Takes one document apart. Feed it in pieces, then `end`."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._start = 0
        self._place = 0
        self._depth = 0
        self._key: str | None = None
        self._in_styles = False
        self._over = False

    def feed(self, piece: bytes) -> Iterator[DocumentPart]:
        """The parts that end within this piece."""
        self._buffer += piece
        yield from self._scan(last=False)
        if self._start:
            del self._buffer[: self._start]
            self._place -= self._start
            self._start = 0
        if len(self._buffer) > PART_BYTES_MAX:
            raise BadOutline(f"a part of the document has more than {PART_BYTES_MAX} bytes")

    def end(self) -> None:
        """No more comes. Raises `BadOutline` where the document is not complete."""
        for _ in self._scan(last=True):
            raise AssertionError("a complete document has no part left")
        if not self._over or self._buffer[self._start :].strip():
            raise BadOutline("is not one JSON object")

    def _scan(self, *, last: bool) -> Iterator[DocumentPart]:
        while not self._over:
            token = _TOKEN.search(self._buffer, self._place)
            if token is None or (token.start() > self._place and b'"' in self._buffer[self._place : token.start()]):
                # A string that has not ended yet: wait for the rest of it.
                if last:
                    raise BadOutline("is not one JSON object")
                return
            text = token.group()
            yield from self._take(text, token.start(), token.end())
            self._place = token.end()

    def _take(self, text: bytes, start: int, end: int) -> Iterator[DocumentPart]:
        if text in (b"{", b"["):
            self._depth += 1
            if self._depth == 1:
                if text != b"{" or self._buffer[:start].strip():
                    raise BadOutline("is not one JSON object")
                self._start = end
            elif self._depth == 2 and self._key == "styles" and text == b"[":
                self._in_styles = True
                self._start = end
        elif text in (b"}", b"]"):
            self._depth -= 1
            if self._in_styles and self._depth == 1:
                yield from self._style(start)
                self._in_styles, self._key = False, None
                self._start = end
            elif self._depth == 0:
                yield from self._member(start)
                self._over = True
                self._start = end
        elif text == b"," and self._depth == 2 and self._in_styles:
            yield from self._style(start)
            self._start = end
        elif text == b"," and self._depth == 1:
            yield from self._member(start)
            self._start = end
        elif text == b":" and self._depth == 1 and self._key is None:
            self._key = _name(bytes(self._buffer[self._start : start]))
            self._start = end

    def _style(self, end: int) -> Iterator[DocumentPart]:
        part = bytes(self._buffer[self._start : end]).strip()
        if part:
            yield DocumentPart(kind="style", name="", text=part)

    def _member(self, end: int) -> Iterator[DocumentPart]:
        if self._key is not None:
            yield DocumentPart(kind="member", name=self._key, text=bytes(self._buffer[self._start : end]).strip())
            self._key = None


def parts_of(pieces: Iterable[bytes]) -> Iterator[DocumentPart]:
    """All parts of a document. Raises `BadOutline`."""
    scanner = Scanner()
    for piece in pieces:
        yield from scanner.feed(piece)
    scanner.end()


def _name(text: bytes) -> str:
    stripped = text.strip()
    if len(stripped) < 2 or stripped[:1] != b'"' or stripped[-1:] != b'"':
        raise BadOutline("has a member without a name")
    return stripped[1:-1].decode(errors="replace")

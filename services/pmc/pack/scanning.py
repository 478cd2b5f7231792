"""Taking a JSON document apart while it streams by: the members of its root, and the styles one by one.

Only the outline is read here (strings, brackets, commas); whether a part is sound JSON is found when it is read itself.
Memory holds one part at a time, and a part may have no more than a limit.
"""

import re
from collections.abc import Iterator
from typing import Literal

from chassis.decoding.json_text import Malformed, read
from chassis.entity import Value

PART_BYTES_MAX = 16 * 1024 * 1024
"""Most bytes of a member of the root: taxonomy and vendors at their limits stay far below."""

_STRING = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_TOKEN = re.compile(rb'[^"{}\[\],:]*+(' + _STRING + rb"|[{}\[\],:])", re.DOTALL)
_INNER = re.compile(rb'(?:[^"{}\[\]]++|' + _STRING + rb"){1,1000}+", re.DOTALL)
"""Complete texts and what is between them. Only some at a time: a match keeps the interpreter to itself."""

_BRACKETS = b"{}[]"
_OPENING = (b"{", b"[")
_SPACE = b" \t\r\n"
_BETWEEN = _SPACE + b",:"

TEXT_BYTES_MAX = 1024 * 1024
"""Most bytes of one text: no field of a pack takes a hundredth of them."""

NOT_AN_OBJECT = "is not one JSON object"


class DocumentPart(Value):
    """A part of a document: a member of the root by name, or one style."""

    kind: Literal["member", "style"]
    name: str
    text: bytes


class BadOutline(Exception):
    """Not a JSON object, or a part of it is too long. `path` is where in the document."""

    def __init__(self, message: str, path: str = "document") -> None:
        super().__init__(message)
        self.path = path


Awaited = Literal["name", "value", "comma"]
"""What comes next in the root object: a name, the value of the last name, or a comma behind the styles."""


class Scanner:
    """Takes one document apart. Feed it in pieces, then `end`."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._start = 0
        self._place = 0
        self._depth = 0
        self._awaited: Awaited = "name"
        self._key = ""
        self._is_empty = True
        self._in_styles = False
        self._has_styles = False
        self._over = False

    @property
    def has_styles(self) -> bool:
        """Whether the list of styles has begun."""
        return self._has_styles

    def feed(self, piece: bytes) -> Iterator[DocumentPart]:
        """The parts that end within this piece."""
        self._buffer += piece
        yield from self._scan(last=False)
        if self._start:
            del self._buffer[: self._start]
            self._place -= self._start
            self._start = 0
        if len(self._buffer) - self._place > TEXT_BYTES_MAX and self._is_in_text():
            # It would be searched for its end again with each piece.
            raise BadOutline(f"has a text of more than {TEXT_BYTES_MAX} bytes")
        if len(self._buffer) > PART_BYTES_MAX:
            raise BadOutline(f"a part of the document has more than {PART_BYTES_MAX} bytes")

    def end(self) -> None:
        """No more comes. Raises `BadOutline` where the document is not complete."""
        for _ in self._scan(last=True):
            raise AssertionError("a complete document has no part left")
        if not self._over or self._text(len(self._buffer)):
            raise BadOutline(NOT_AN_OBJECT)

    def _scan(self, *, last: bool) -> Iterator[DocumentPart]:
        while not self._over:
            if self._depth > (2 if self._in_styles else 1):
                is_behind = self._skip()
            else:
                token = _TOKEN.match(self._buffer, self._place)
                is_behind = token is not None
                if token is not None:
                    yield from self._take(token[1], token.start(1), token.end())
                    self._place = token.end()
            if not is_behind:
                # A string or a part that has not ended yet: wait for the rest of it.
                if last:
                    raise BadOutline(NOT_AN_OBJECT)
                return

    def _is_in_text(self) -> bool:
        """Whether a text has begun that has not ended yet."""
        return self._buffer[self._place : self._place + TEXT_BYTES_MAX].lstrip(_BETWEEN)[:1] == b'"'

    def _skip(self) -> bool:
        """Go behind the inner of a part, as far as it has come; whether all of it has."""
        outer = 2 if self._in_styles else 1
        while self._depth > outer:
            inner = _INNER.match(self._buffer, self._place)
            if inner is not None:
                self._place = inner.end()
            bracket = self._buffer[self._place : self._place + 1]
            if bracket and bracket in _BRACKETS:
                self._depth += 1 if bracket in _OPENING else -1
                self._place += 1
            elif inner is None:
                return False
        return True

    def _take(self, text: bytes, start: int, end: int) -> Iterator[DocumentPart]:
        if text in _OPENING:
            self._depth += 1
            if self._depth == 1:
                self._open(text, start, end)
            elif self._depth == 2 and text == b"[":
                self._open_styles(start, end)
        elif text in (b"}", b"]"):
            self._depth -= 1
            if self._depth == 1 and self._in_styles:
                yield from self._close_styles(text, start, end)
            elif self._depth == 0:
                yield from self._close(text, start, end)
        elif text == b"," and self._depth == 2 and self._in_styles:
            yield self._style(start)
            self._start = end
        elif text == b"," and self._depth == 1:
            yield from self._member(start)
            self._awaited, self._start = "name", end
        elif text == b":" and self._depth == 1:
            if self._awaited != "name":
                raise BadOutline(NOT_AN_OBJECT)
            self._key = _name(self._text(start))
            self._awaited, self._start, self._is_empty = "value", end, False

    def _open(self, text: bytes, start: int, end: int) -> None:
        if text != b"{" or self._text(start):
            raise BadOutline(NOT_AN_OBJECT)
        self._start = end

    def _open_styles(self, start: int, end: int) -> None:
        """Begin with the styles, if this list is what they are."""
        if self._awaited != "value" or self._key != "styles" or self._text(start):
            return
        if self._has_styles:
            raise BadOutline("is given more than once", "styles")
        self._in_styles = self._has_styles = True
        self._is_empty = True
        self._start = end

    def _close_styles(self, text: bytes, start: int, end: int) -> Iterator[DocumentPart]:
        if text != b"]":
            raise BadOutline(NOT_AN_OBJECT)
        if not self._is_empty or self._text(start):
            yield self._style(start)
        self._in_styles, self._is_empty = False, False
        self._awaited, self._start = "comma", end

    def _close(self, text: bytes, start: int, end: int) -> Iterator[DocumentPart]:
        if text != b"}":
            raise BadOutline(NOT_AN_OBJECT)
        if not self._is_empty or self._text(start):
            yield from self._member(start)
        self._over, self._start = True, end

    def _text(self, end: int) -> bytes:
        """What lies between the last part and `end`."""
        return bytes(self._buffer[self._start : end]).strip(_SPACE)

    def _style(self, end: int) -> DocumentPart:
        part = self._text(end)
        if not part:
            raise BadOutline("has an empty entry", "styles")
        self._is_empty = False
        return DocumentPart(kind="style", name="", text=part)

    def _member(self, end: int) -> Iterator[DocumentPart]:
        text = self._text(end)
        if self._awaited == "value":
            yield DocumentPart(kind="member", name=self._key, text=text)
        elif self._awaited == "name" or text:
            raise BadOutline(NOT_AN_OBJECT)


def _name(text: bytes) -> str:
    try:
        name = read(text)
    except Malformed as failure:
        raise BadOutline(NOT_AN_OBJECT) from failure
    if not isinstance(name, str):
        raise BadOutline("has a member without a name")
    return name

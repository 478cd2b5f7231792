"""The common fields that the gateway reads from the body or the query, only if it has to.

The top-level names of a body are looked at if the headers have no credential or no org, or if its bytes contain the
name of a field that the gateway reads, plain or escaped. Nothing else of it is read. Credentials are removed from it;
every other value is forwarded byte for byte.
"""

import asyncio
from urllib.parse import parse_qsl, quote_plus

import msgspec
from msgspec import Raw, Struct

from chassis.decoding.top_level import NotAnObject, TooManyNames, TopLevel, scan
from chassis.errors import FieldProblem, Invalid, invalid_field

CREDENTIALS = ("session_guid", "api_key")
NAMES = ("session_guid", "api_key", "orgcode", "cccode")

VALUE_BYTES_MAX = 2048
"""Longest value that is read; more than any of the fields may have, escapes included."""

STEP_BYTES = 256 * 1024
"""What is searched for names at once: half a millisecond."""

_decode_text = msgspec.json.Decoder(str).decode
_encode = msgspec.json.Encoder().encode


class Fields(Struct):
    """The gateway's fields of a body or query. `problem` is reported after all checks that come before a 400."""

    session_guid: str | None = None
    api_key: str | None = None
    orgcode: str | None = None
    cccode: str | None = None
    action: str | None = None
    problem: Invalid | None = None
    understood: bool = True

    @property
    def credentials(self) -> tuple[str, ...]:
        """The credentials among the fields."""
        return tuple(text for text in (self.session_guid, self.api_key) if text)


NOTHING = Fields()


MARKS = (b"\\u", b"orgcode", b"cccode", b"session_guid", b"api_key")
"""What a body contains that has one of the gateway's fields: its name, or an escape."""


def names_ours(body: bytes) -> bool:
    """Whether a body may contain one of the gateway's fields."""
    return any(mark in body for mark in MARKS)


async def names_ours_in_steps(body: bytes) -> bool:
    """The same for a body of any size: other callers are served between the steps."""
    if len(body) <= STEP_BYTES:
        return names_ours(body)
    for mark in MARKS:
        for begin in range(0, len(body), STEP_BYTES):
            if body.find(mark, begin, begin + STEP_BYTES + len(mark)) >= 0:
                return True
            await asyncio.sleep(0)
    return False


def read_body(body: bytes) -> tuple[Fields, bytes]:
    """The gateway's fields of a JSON body, and the body to forward.

    A body that is not a JSON object is left to the service to refuse, unless it may contain a credential, which must
    not be forwarded.
    """
    try:
        found = scan(body)
    except NotAnObject:
        hides = any(name.encode() in body for name in CREDENTIALS) or b"\\u" in body
        problem = invalid_field("body", "is not a JSON object") if hides else None
        return Fields(problem=problem, understood=False), body
    except TooManyNames:
        return Fields(problem=invalid_field("body", "has too many fields"), understood=False), body
    values = found.values
    fields = Fields(problem=_given_twice(found))
    for name in (*NAMES, "action"):
        if name in values:
            _take(fields, name, values[name])
    if any(name in values for name in CREDENTIALS):
        for name in CREDENTIALS:
            values.pop(name, None)
        body = _encode(values)
    return fields, body


def read_large_body(body: bytes) -> tuple[Fields, bytes | None]:
    """As `read_body`, in a child process; None for a body that is forwarded as it is."""
    found, rest = read_body(body)
    return found, None if rest is body else rest


def read_query(target: str) -> tuple[Fields, str]:
    """The gateway's fields of the query of a request target, and the target to forward.

    A credential in a query is ignored and removed, because addresses end up in histories and logs.
    """
    path, _, query = target.partition("?")
    plain = "%" not in query and "code" not in query and "session_guid" not in query and "api_key" not in query
    if plain:
        return NOTHING, target
    pairs = parse_qsl(query, keep_blank_values=True, errors="surrogateescape")
    fields = Fields()
    for name in ("orgcode", "cccode"):
        values = [value for key, value in pairs if key == name and value]
        if len(set(values)) > 1:
            fields.problem = invalid_field(name, "is given twice with different values")
        if values:
            setattr(fields, name, values[0])
    if any(key in CREDENTIALS for key, _ in pairs):
        kept = [
            f"{quote_plus(key, errors='surrogateescape')}={quote_plus(value, errors='surrogateescape')}"
            for key, value in pairs
            if key not in CREDENTIALS
        ]
        target = f"{path}?{'&'.join(kept)}" if kept else path
    return fields, target


def _take(fields: Fields, name: str, raw: Raw) -> None:
    """Set one field from its value: a string, or null for an absent field."""
    text = bytes(raw)
    if text == b"null":
        return
    if text.startswith(b'"') and len(text) <= VALUE_BYTES_MAX:
        setattr(fields, name, _decode_text(text))
    elif name != "action":
        fields.problem = invalid_field(name, "is not a text" if text[:1] != b'"' else "is too long")


def _given_twice(found: TopLevel) -> Invalid | None:
    """The problem of fields that are given twice: parsers disagree on which value counts."""
    twice = [name for name in NAMES if name in found.repeated]
    if not twice:
        return None
    return Invalid("a field is given twice", [FieldProblem(name, "is given twice") for name in twice])

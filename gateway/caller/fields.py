"""The common fields that the gateway itself reads: out of the body or the query, and only where it has to.

A body is looked into when the headers name no credential or no org, or when its bytes hold the name of a field the
gateway answers for, plain or escaped. Credentials are taken out of it on the way; every other value is passed on as the
bytes it came in.
"""

import json
from typing import Any
from urllib.parse import parse_qsl, quote_plus

import msgspec
from msgspec import Raw, Struct

from chassis.errors import FieldProblem, Invalid, invalid_field

CREDENTIALS = ("session_guid", "api_key")
NAMES = ("session_guid", "api_key", "orgcode", "cccode")

_MARKS = (b"session_guid", b"api_key", b"orgcode", b"cccode")

_decode_body = msgspec.json.Decoder(dict[str, Raw]).decode
_decode_value = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


class Fields(Struct):
    """What a body or query said for the gateway. `problem` is told after everything that comes before a 400."""

    session_guid: str | None = None
    api_key: str | None = None
    orgcode: str | None = None
    cccode: str | None = None
    action: str | None = None
    problem: Invalid | None = None
    understood: bool = True


NOTHING = Fields()


def names_ours(body: bytes) -> bool:
    """Whether a body may hold a field of the gateway's: its name stands there, or something is escaped."""
    return b"orgcode" in body or b"cccode" in body or b"session_guid" in body or b"api_key" in body or b"\\u" in body


def read_body(body: bytes) -> tuple[Fields, bytes]:
    """The gateway's fields of a JSON body, and the body to pass on.

    A body that is no JSON object is the service's to refuse, in the words of its own fields, unless it might hold a
    credential: that goes no further.
    """
    try:
        values = _decode_body(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        hides = any(name.encode() in body for name in CREDENTIALS) or b"\\u" in body
        problem = invalid_field("body", "is not a JSON object") if hides else None
        return Fields(problem=problem, understood=False), body
    fields = Fields(problem=_duplicates(body))
    for name in (*NAMES, "action"):
        if name in values:
            _take(fields, name, values[name])
    if any(name in values for name in CREDENTIALS):
        for name in CREDENTIALS:
            values.pop(name, None)
        body = _encode(values)
    return fields, body


def read_query(target: str) -> tuple[Fields, str]:
    """The gateway's fields of a request target's query, and the target to pass on.

    A credential in a query is not taken as one (addresses end up in histories and logs), and not passed on either.
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
    """One field's value: text, or null, which counts as left out."""
    value = _decode_value(raw)
    if value is None:
        return
    if isinstance(value, str):
        setattr(fields, name, value)
    elif name != "action":
        fields.problem = invalid_field(name, "is not a text")


def _duplicates(body: bytes) -> Invalid | None:
    """The complaint about a field of the gateway's that is given twice: readers disagree on which of them counts."""
    if b"\\u" not in body and all(body.count(b'"' + mark + b'"') <= 1 for mark in _MARKS):
        return None
    twice: list[str] = []

    def look(pairs: list[tuple[str, Any]]) -> None:
        # Called for the innermost objects first: what the outermost one says is what stands in the end.
        names = [name for name, _ in pairs]
        twice[:] = [name for name in NAMES if names.count(name) > 1]

    try:
        json.loads(body, object_pairs_hook=look)
    except (ValueError, RecursionError):
        return invalid_field("body", "can't be read without doubt")
    if not twice:
        return None
    return Invalid("a field is given twice", [FieldProblem(name, "is given twice") for name in twice])

"""The common fields that the gateway reads from the body or the query, only if it has to.

A body is parsed if the headers have no credential or no org, or if its bytes contain the name of a field that the
gateway reads, plain or escaped. Credentials are removed from it; every other value is forwarded byte for byte.
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
    """The gateway's fields of a body or query. `problem` is reported after all checks that come before a 400."""

    session_guid: str | None = None
    api_key: str | None = None
    orgcode: str | None = None
    cccode: str | None = None
    action: str | None = None
    problem: Invalid | None = None
    understood: bool = True


NOTHING = Fields()


def names_ours(body: bytes) -> bool:
    """Whether a body may contain one of the gateway's fields: it contains the name, or an escape."""
    return b"orgcode" in body or b"cccode" in body or b"session_guid" in body or b"api_key" in body or b"\\u" in body


def read_body(body: bytes) -> tuple[Fields, bytes]:
    """The gateway's fields of a JSON body, and the body to forward.

    A body that is not a JSON object is left to the service to refuse, unless it may contain a credential, which must
    not be forwarded.
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
    value = _decode_value(raw)
    if value is None:
        return
    if isinstance(value, str):
        setattr(fields, name, value)
    elif name != "action":
        fields.problem = invalid_field(name, "is not a text")


def _duplicates(body: bytes) -> Invalid | None:
    """The problem of a field that is given twice: parsers disagree on which value counts."""
    if b"\\u" not in body and all(body.count(b'"' + mark + b'"') <= 1 for mark in _MARKS):
        return None
    twice: list[str] = []

    def look(pairs: list[tuple[str, Any]]) -> None:
        # Called for inner objects first, so the last call is for the outermost object.
        names = [name for name, _ in pairs]
        twice[:] = [name for name in NAMES if names.count(name) > 1]

    try:
        json.loads(body, object_pairs_hook=look)
    except (ValueError, RecursionError):
        return invalid_field("body", "can't be read without doubt")
    if not twice:
        return None
    return Invalid("a field is given twice", [FieldProblem(name, "is given twice") for name in twice])

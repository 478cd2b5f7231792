"""Finds a token of the service's own (`TokenGuard`) in a request, before anything else of it is decoded."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from chassis.endpoint import Endpoint
from chassis.errors import invalid_field
from chassis.http.decode import FROM_HEADER


def token_of(endpoint: Endpoint, headers: Mapping[str, str], query: str, body: bytes) -> str | None:
    """The token in the header or, of a POST, in the body; None without one.

    Raises `Invalid` for a token in the query, because addresses are logged, and for two tokens that differ.
    """
    assert endpoint.guard is not None
    field = endpoint.guard.field
    if any(name == field for name, _ in parse_qsl(query, keep_blank_values=True)):
        raise invalid_field(field, "is not taken from the query: addresses are logged on their way")
    in_header = headers.get(FROM_HEADER[field])
    in_body = _in_body(field, body) if endpoint.method == "POST" else None
    if in_header is not None and in_body is not None and in_header != in_body:
        raise invalid_field(field, f"differs from the header {FROM_HEADER[field]}")
    token = in_body if in_header is None else in_header
    return token if isinstance(token, str) else None


def _in_body(field: str, body: bytes) -> Any:
    """The value of a field of a JSON object; None where the body is none."""
    if field.encode() not in body:
        return None
    try:
        return msgspec.json.decode(body, type=dict[str, Any]).get(field)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None

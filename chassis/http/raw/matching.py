"""Matches the path of a request with declared paths, and reads the path's parameters."""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import unquote_to_bytes

import msgspec
from msgspec import Struct, inspect

from chassis.decoding.fields import Reading
from chassis.endpoint import RawEndpoint
from chassis.errors import NotFound, invalid_fields

_PART = re.compile(r"{([a-z_]+)(:path)?}|([^{}]+)")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\\]")
_ENCODED_SLASH = re.compile(r"%2f|%5c", re.IGNORECASE)


class RawMatch(NamedTuple):
    """Index of a raw endpoint among the declared ones, and the parameters as they are in the path."""

    place: int
    texts: Mapping[str, str]


def pattern_of(path: str) -> re.Pattern[str]:
    """The expression that matches a declared path. Raises ValueError for a malformed declaration."""
    parts = list(_PART.finditer(path))
    if "".join(part[0] for part in parts) != path:
        raise ValueError(f"{path}: parameters are written {{name}} or {{name:path}}")
    found = []
    for part in parts:
        name, rest, text = part.groups()
        if rest and part is not parts[-1]:
            raise ValueError(f"{path}: {{{name}:path}} has to be the last part")
        found.append(re.escape(text) if text else f"(?P<{name}>{'.+' if rest else '[^/]+'})")
    return re.compile("".join(found), re.DOTALL)


def plain_path(path: str) -> str:
    """A declared path as OpenAPI writes it: `/objects/{key}`."""
    return path.replace(":path}", "}")


class PathParameters:
    """Reads the parameters of one endpoint's path."""

    def __init__(self, endpoint: RawEndpoint) -> None:
        self._struct = endpoint.params
        self._type = inspect.type_info(endpoint.params)

    def read(self, texts: Mapping[str, str]) -> dict[str, Any]:
        """The values by name. Raises `NotFound` for an ambiguous or unsafe path, `Invalid` for a wrong type."""
        reading = Reading(lax=True)
        values = reading.read(self._type, {name: _decoded(text) for name, text in texts.items()})
        if reading.problems:
            raise invalid_fields(reading.problems)
        read: Struct = msgspec.convert(values, self._struct)
        return msgspec.structs.asdict(read)


def _decoded(text: str) -> str:
    """A parameter without percent-encoding. Raises `NotFound` if it is ambiguous or could leave a folder."""
    try:
        value = unquote_to_bytes(text).decode()
    except UnicodeDecodeError:
        raise NotFound("there is no such path") from None
    segments = value.split("/")
    if _ENCODED_SLASH.search(text) or _CONTROL.search(value) or not {"", ".", ".."}.isdisjoint(segments):
        raise NotFound("there is no such path")
    return value

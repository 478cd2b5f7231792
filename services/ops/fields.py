"""Fields of gRPC messages, read with the same care as those of HTTP bodies, and refused in the same words."""

from typing import Any

from msgspec import inspect

from chassis.errors import Invalid
from chassis.http.problems import Reading


def read_field(path: str, value: Any, kind: Any) -> Any:
    """The canonical form of a value of that type; `Invalid`, naming the field, where it is none."""
    reading = Reading()
    canonical = reading.read(inspect.type_info(kind), value, path)
    if reading.problems:
        first = reading.problems[0]
        raise Invalid(f"{first.path}: {first.problem}", reading.problems)
    return canonical

"""Splits a body into the fields that its endpoint takes unread, as JSON texts, and the rest.

Passing over a body of many MiB takes the decoder tens of milliseconds without a break, so it is done in a child process
(`split_large`), which also finds out what is wrong with a body that cannot be split.
"""

from collections.abc import Sequence

import msgspec

from chassis.decoding.fields import shown_path
from chassis.decoding.json_text import Malformed, read
from chassis.decoding.top_level import NotAnObject, TooManyNames, scan
from chassis.errors import FieldProblem, Invalid, invalid_fields
from chassis.frozen import Frozen

VALUE_BYTES_MAX = 8 * 1024
"""The longest value beside the unread fields of a large body."""


class BodyParts(Frozen):
    """The JSON text of each unread field that is not null, and an object of all others."""

    rest: bytes
    unread: dict[str, bytes]


def split(body: bytes, names: Sequence[str]) -> BodyParts | None:
    """The parts of a body of the usual size.

    None if it is not an object of few fields, or repeats one: then it is read as a whole, and refused.
    """
    try:
        found = scan(body)
    except (NotAnObject, TooManyNames):
        return None
    return None if found.repeated else _parts(found.values, names)


def split_large(body: bytes, names: Sequence[str]) -> BodyParts:
    """The parts of a large body. Raises `Invalid` if it cannot be split, or if another field is long."""
    try:
        found = scan(body)
    except TooManyNames:
        raise _invalid("has too many fields") from None
    except NotAnObject:
        raise _invalid(_why(body)) from None
    problems = [FieldProblem(shown_path(name), "is given more than once") for name in sorted(found.repeated)]
    problems += [
        FieldProblem(shown_path(name), "is too long")
        for name, value in found.values.items()
        if name not in names and len(memoryview(value)) > VALUE_BYTES_MAX
    ]
    if problems:
        raise invalid_fields(problems)
    return _parts(found.values, names)


def _parts(values: dict[str, msgspec.Raw], names: Sequence[str]) -> BodyParts:
    texts = {name: bytes(values.pop(name)) for name in names if name in values}
    unread = {name: text for name, text in texts.items() if text != b"null"}
    return BodyParts(rest=msgspec.json.encode(values), unread=unread)


def _why(body: bytes) -> str:
    """Why a body is no JSON object."""
    try:
        value = read(body)
    except Malformed as failure:
        return str(failure)
    return "can't be read" if isinstance(value, dict) else "must be an object"


def _invalid(problem: str) -> Invalid:
    return Invalid(f"the body {problem}", [FieldProblem("body", problem)])

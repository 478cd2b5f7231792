"""The org and the cost centre of a call: header before body or query, upper-cased, equal in all places."""

import re

from chassis.errors import Invalid, NotFound, invalid_field

PATTERNS = {
    "orgcode": re.compile(r"[A-Z0-9]{4,16}"),
    "cccode": re.compile(r"[A-Z0-9]{4}-[A-Z0-9]{4}-[A-Z0-9]{4}"),
}


class NamedCode:
    """A code of a request, normalised, or None. `problem` is reported in the order of the checks."""

    __slots__ = ("code", "problem")

    def __init__(self, code: str | None, problem: Invalid | None) -> None:
        self.code = code
        self.problem = problem


NONE = NamedCode(None, None)


def named_code(field: str, header: str | None, *others: str | None) -> NamedCode:
    """The code of a field that may be given in the header, in the body and in the query."""
    code = _folded(header) if header else None
    problem = None
    for other in others:
        if other is None:
            continue
        if code is None:
            code = _folded(other)
        elif _folded(other) != code:
            problem = invalid_field(field, "header, body and query differ")
    if code is None:
        return NONE
    if not PATTERNS[field].fullmatch(code):
        return NamedCode(None, invalid_field(field, f"{field} is malformed"))
    return NamedCode(code, problem)


def _folded(text: str) -> str:
    """Upper case; text with other letters than ASCII stays, since "ß" would become "SS"."""
    return text.upper() if text.isascii() else text


def unknown_org() -> NotFound:
    """The same refusal for an org that does not exist, is closed, or does not have the caller as a member."""
    return NotFound("there is no such organisation, or it is not yours")

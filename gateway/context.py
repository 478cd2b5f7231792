"""The org and the cost centre a call names: header before body or query, upper-cased, and the same in both places."""

import re

from chassis.errors import Invalid, NotFound, invalid_field

_ORGCODE = re.compile(r"[A-Z0-9]{4,16}")
_CCCODE = re.compile(r"[A-Z0-9]{4}-[A-Z0-9]{4}-[A-Z0-9]{4}")

PATTERNS = {"orgcode": _ORGCODE, "cccode": _CCCODE}


class Named:
    """A code a request names, in its one form; None where it names none. `problem` is told in its turn."""

    __slots__ = ("code", "problem")

    def __init__(self, code: str | None, problem: Invalid | None) -> None:
        self.code = code
        self.problem = problem


NONE = Named(None, None)


def named(field: str, header: str | None, given: str | None) -> Named:
    """The code of a field that may stand in the header and in the body or query."""
    if not header and given is None:
        return NONE
    code = (header or given or "").upper()
    if not PATTERNS[field].fullmatch(code):
        return Named(None, invalid_field(field, f"{field} is malformed"))
    if header and given is not None and given.upper() != code:
        return Named(code, invalid_field(field, "header and body or query differ"))
    return Named(code, None)


def stranger() -> NotFound:
    """The one answer for an org that does not exist, that is closed, and that the caller is not associated with."""
    return NotFound("there is no such organisation, or it is not yours")

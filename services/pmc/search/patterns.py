"""Patterns of regex search: what is taken, and the literals in them that narrow the candidates."""

import re
from collections.abc import Iterator

from services.pmc.profile.patterns import BadPattern, compiled

REPEAT_MAX = 100
TRIGRAM = 3

_REPEAT = re.compile(r"\{(\d*)(?:,(\d*))?\}")
_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyz0123456789 -_/")
_CLOSES = {"(": ")", "[": "]"}


def search_pattern_problem(pattern: str) -> str:
    """What is wrong with a pattern; empty where it is taken."""
    for found in _REPEAT.finditer(pattern):
        if any(number and (len(number) > 3 or int(number) > REPEAT_MAX) for number in found.groups()):
            return f"repeats more than {REPEAT_MAX} times"
    try:
        compiled(pattern, ignore_case=True)
    except BadPattern as failure:
        return str(failure)
    return ""


def literals_of(pattern: str) -> list[str]:
    """Texts that every match surely holds, folded; none where alternatives leave nothing sure."""
    return [] if "|" in pattern else [run for run in _runs(pattern.casefold()) if len(run) >= TRIGRAM]


def _runs(pattern: str) -> Iterator[str]:
    """The plain characters in a row outside of groups and classes, without those a quantifier may leave out."""
    run = ""
    place = 0
    while place < len(pattern):
        character = pattern[place]
        following = pattern[place + 1 : place + 2]
        if character in _PLAIN and following not in {"*", "?", "{"}:
            run += character
            if following != "+":
                place += 1
                continue
        yield run
        run = ""
        place = _behind(pattern, place)
    yield run


def _behind(pattern: str, place: int) -> int:
    """The place behind whatever stands here: an escape, a group, a class, or one character."""
    character = pattern[place]
    if character == "\\":
        # Escapes may be long (\Q..\E, \x{..}, \pN): nothing behind one is sure.
        return len(pattern)
    if character not in _CLOSES:
        return place + 1
    depth, close = 0, _CLOSES[character]
    for at in range(place, len(pattern)):
        if pattern[at] == "\\":
            return len(pattern)
        if pattern[at] == character:
            depth += 1
        elif pattern[at] == close and not (close == "]" and at <= place + 1):
            depth -= 1
            if depth == 0 or close == "]":
                return at + 1
    return len(pattern)

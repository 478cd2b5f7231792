"""Ranges in which a search reads an index, so that it reads little more than its page: pure functions.

Each range is twice as wide as the one before, up to a limit, by the marks of a sample. A value that very many products
share is a range of its own, and is read by ranges of their ids.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from typing import NamedTuple

from services.pmc.search.domain import Scale

COMMON_MARKS = 4
"""A value that occurs so often among the marks is common."""


class FormRange(NamedTuple):
    """Forms from `low` up to below `high`; `high` None: the form `low` alone, which is common."""

    low: str
    high: str | None


def form_ranges(scale: Scale, start: str, end: str) -> Iterator[FormRange]:
    """Ranges from the form `start` up to below `end`, ascending."""
    marks, step, low = scale.values, scale.step(), start
    while low < end:
        if _is_common(marks, place := bisect_left(marks, low)) and marks[place] == low:
            yield FormRange(low, None)
            low += "\0"
            continue
        bound = _next_bound(marks, bisect_right(marks, low), step)
        high = end if bound is None else min(bound, end)
        yield FormRange(low, high)
        low, step = high, scale.step_behind(step)


def id_ranges(scale: Scale, after: str, share: float) -> Iterator[tuple[str, str | None]]:
    """Ranges of ids behind `after`, ascending, each as (above, at most); None: all that follow. `share`: the share of
    the entries that are wanted."""
    marks, step = scale.values, scale.step(share)
    place = bisect_right(marks, after)
    while place + step <= len(marks):
        bound = marks[place + step - 1]
        yield after, bound
        after, place, step = bound, place + step, scale.step_behind(step, share)
    yield after, None


def share_of(scale: Scale, form: str, ids: Scale) -> float:
    """The share of products that have this common form."""
    marks = scale.values
    having = (bisect_right(marks, form) - bisect_left(marks, form)) * scale.each
    return min(1.0, max(having, 1) / max(ids.entries, 1))


def _next_bound(marks: list[str], place: int, step: int) -> str | None:
    """The mark `step` places on from `place`, or a common form before it; None behind the last one."""
    last = place + step - 1
    for at in range(place, min(last, len(marks))):
        if _is_common(marks, at):
            return marks[at]
    return marks[last] if last < len(marks) else None


def _is_common(marks: list[str], place: int) -> bool:
    last = place + COMMON_MARKS - 1
    return last < len(marks) and marks[last] == marks[place]

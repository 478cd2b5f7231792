"""What this process has worked on last: kept so that the loop's watchdog can name the call that held the loop."""

from collections import deque
from time import perf_counter

NOTES_MAX = 256

_notes: deque[tuple[float, str]] = deque([(float("-inf"), "")], maxlen=NOTES_MAX)


def note(call: str) -> None:
    """Say that work on a call, message or job goes on from here."""
    _notes.append((perf_counter(), call))


def noted_at(back: int) -> float:
    """When the last note but so many was taken, by `perf_counter`; long ago if there are not so many."""
    return _notes[-1 - back][0] if back < len(_notes) else float("-inf")


def notes_since(moment: float) -> list[tuple[float, str]]:
    """The notes taken since a moment, and the one before: its call may have gone on after it."""
    found: list[tuple[float, str]] = []
    # A copy, because large operations take notes in threads.
    for at, call in reversed(_notes.copy()):
        found.append((at, call))
        if at < moment:
            found[-1] = (moment, call)
            break
    return found[::-1]

"""What this process has worked on last: kept so that the loop's watchdog can name the call that held the loop."""

from collections import deque
from collections.abc import Callable
from threading import get_ident
from time import perf_counter, thread_time

NOTES_MAX = 256

# When by the clock, whose, when by the CPU time of the thread, and which thread.
_notes: deque[tuple[float, str, float, int]] = deque([(float("-inf"), "", 0.0, 0)], maxlen=NOTES_MAX)


on_note: list[Callable[[float, int], None]] = []
"""Called with the time and the thread of each note."""


def note(call: str) -> None:
    """Say that work on a call, message or job goes on from here."""
    now, thread = perf_counter(), get_ident()
    _notes.append((now, call, thread_time(), thread))
    for told in on_note:
        told(now, thread)


def noted_at(back: int) -> float:
    """When the note `back` places before the last was taken, by `perf_counter`; long ago if there is none."""
    return _notes[-1 - back][0] if back < len(_notes) else float("-inf")


def notes_since(moment: float) -> list[tuple[float, str]]:
    """The notes taken since a moment, and the one before: its call may have gone on after it."""
    found: list[tuple[float, str]] = []
    # A copy, because large operations take notes in threads.
    for at, call, _, _ in reversed(_notes.copy()):
        found.append((at, call))
        if at < moment:
            found[-1] = (moment, call)
            break
    return found[::-1]


def longest_cpu(moment: float, cpu_at: float, cpu_now: float) -> float:
    """The most CPU time of this thread between two of its notes that were taken since a moment, or before the first or
    after the last of them: no callback took more. `cpu_at` and `cpu_now` are `thread_time()` at that moment and now.
    """
    longest, later, here = 0.0, cpu_now, get_ident()
    for at, _, cpu, thread in reversed(_notes.copy()):
        if at < moment:
            break
        if thread == here:
            longest, later = max(longest, later - cpu), cpu
    return max(longest, later - cpu_at)

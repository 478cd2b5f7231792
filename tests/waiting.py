"""Waits by condition, with deadlines that stretch on a slow or busy machine.

A deadline is the longest time something takes on a quiet machine. It is multiplied by the slowness of this machine, so
that a test fails because something does not happen, and not because other programs run.
"""

import asyncio
import inspect
import os
import time
from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar

T = TypeVar("T")
Message = str | Callable[[], object]

SLOWNESS_MAX = 20.0
POLL_SECONDS = 0.02
# What the loop below takes on the machine that the deadlines of the tests were written on.
REFERENCE_SECONDS = 0.015
LOOP_STEPS = 200_000


def slowness() -> float:
    """How many times slower than a quiet reference machine this one is now; between 1 and SLOWNESS_MAX."""
    waiting = os.getloadavg()[0] / (os.cpu_count() or 1)
    return min(SLOWNESS_MAX, max(1.0, waiting) * _cpu_slowness())


@cache
def _cpu_slowness() -> float:
    """How many times longer than the reference one core needs for a fixed loop; the best of five, at least 1."""
    fastest = min(_loop_seconds() for _ in range(5))
    return max(1.0, fastest / REFERENCE_SECONDS)


def _loop_seconds() -> float:
    begun = time.perf_counter()
    total = 0
    for number in range(LOOP_STEPS):
        total += number & 7
    assert total
    return time.perf_counter() - begun


def stretched(seconds: float) -> float:
    """The deadline in seconds for what takes at most so long on a quiet machine."""
    return seconds * slowness()


def cpu_stretched(seconds: float) -> float:
    """The limit of CPU time for what takes at most so long on the reference machine. Other programs do not change it
    much: processors that share a core take up to twice as long."""
    return 2 * seconds * _cpu_slowness()


def within(seconds: float) -> asyncio.Timeout:
    """`asyncio.timeout` with a stretched deadline."""
    return asyncio.timeout(stretched(seconds))


async def until(
    condition: Callable[[], Any], seconds: float, what: Message = "", *, every: float = POLL_SECONDS
) -> Any:
    """Poll the condition, which may be async, and return its first true value.

    Fails with `what` (a text, or a function that says how things are) after the stretched deadline.
    """
    begun = time.monotonic()
    while True:
        found = condition()
        if inspect.isawaitable(found):
            found = await found
        if found:
            return found
        _check(begun, seconds, what)
        await asyncio.sleep(every)


def wait_until(condition: Callable[[], T], seconds: float, what: Message = "", *, every: float = POLL_SECONDS) -> T:
    """The same without an event loop."""
    begun = time.monotonic()
    while not (value := condition()):
        _check(begun, seconds, what)
        time.sleep(every)
    return value


def _check(begun: float, seconds: float, what: Message) -> None:
    """Fail if the deadline is over. It is stretched anew each time: the machine may have become busy meanwhile."""
    waited = time.monotonic() - begun
    if waited > seconds and waited > stretched(seconds):
        said = what if isinstance(what, str) else str(what())
        raise AssertionError(f"{said or 'the condition does not hold'} (waited {waited:.1f} s)")

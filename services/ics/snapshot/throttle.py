"""Throttles long work with pauses between its steps, so that other calls stay fast."""

import asyncio
from time import monotonic

SHARE = 0.5
"""Length of a pause relative to the work before it: the work then uses two thirds of the time."""

REST_SECONDS_MAX = 0.1
"""Maximum pause in seconds. On a busy machine a step is long because it waits, so a pause in proportion is too long."""


class Throttle:
    """Pauses between steps for the first `within_seconds`; after that it stops pausing, because a caller is waiting."""

    def __init__(self, within_seconds: float) -> None:
        self._worked_from = monotonic()
        self._until = self._worked_from + within_seconds

    async def pause(self) -> None:
        """Pause in proportion to the time since the last pause."""
        now = monotonic()
        seconds = min(REST_SECONDS_MAX, SHARE * (now - self._worked_from)) if now < self._until else 0.0
        await asyncio.sleep(seconds)
        self._worked_from = monotonic()

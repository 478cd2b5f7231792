"""Rests between stretches of long work, so that the ledger keeps most of its pace meanwhile."""

import asyncio
from time import monotonic

SHARE = 0.5
"""How long a rest is, by the time that the work before it took: the work has two thirds of the time then."""

REST_SECONDS_MAX = 0.1
"""On a busy machine work takes long because it waits; resting as long again would only make it later."""


class Throttle:
    """Rests within so many seconds from now. What takes longer is hurried on with then: whoever asked is waiting."""

    def __init__(self, within_seconds: float) -> None:
        self._worked_from = monotonic()
        self._until = self._worked_from + within_seconds

    async def pause(self) -> None:
        """Let others have their turn, for longer the longer it was not theirs."""
        now = monotonic()
        seconds = min(REST_SECONDS_MAX, SHARE * (now - self._worked_from)) if now < self._until else 0.0
        await asyncio.sleep(seconds)
        self._worked_from = monotonic()

"""Stopping the parts of a process in the opposite order of their start, within a deadline."""

import asyncio
from collections.abc import Awaitable, Callable
from math import inf
from time import monotonic

from chassis.telemetry.log import get_logger

STOP_SECONDS_MIN = 0.5
"""What every part is given to stop, also after the deadline."""

CUT_OFF_SECONDS = 2.0
"""How much longer than it was told a part may take before it is abandoned."""

Stop = Callable[[], Awaitable[None]]

log = get_logger("chassis.runtime")


class Stops:
    """What has started and is to be stopped. `seconds_max` bounds what one part is given."""

    def __init__(self, seconds_max: float) -> None:
        self._seconds_max = seconds_max
        self._stop_by = inf
        self._stops: list[tuple[str, Stop]] = []

    def add(self, name: str, stop: Stop) -> None:
        """A part that has started."""
        self._stops.append((name, stop))

    def left(self) -> float:
        """Seconds a part is given to stop now."""
        return max(STOP_SECONDS_MIN, min(self._stop_by - monotonic(), self._seconds_max))

    async def stop(self, seconds: float) -> None:
        """Stop every part, the last started first. Parts that exceed their time are abandoned with a warning.

        Raises the last exception of a part, once all have been stopped.
        """
        self._stop_by = monotonic() + seconds
        failure: Exception | None = None
        while self._stops:
            name, stop = self._stops.pop()
            try:
                async with asyncio.timeout(self.left() + CUT_OFF_SECONDS):
                    await stop()
            except TimeoutError:
                log.warning("a part did not stop in time", what=name)
            except Exception as cause:  # noqa: BLE001  raised again below
                failure = cause
        if failure is not None:
            raise failure

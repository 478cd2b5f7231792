"""Keeps long decoding in a thread from holding up the event loop: it pauses now and then.

A thread that computes in Python gives way to others only every five milliseconds. A short sleep gives way at once.
"""

from time import sleep

STEPS_BETWEEN_PAUSES = 256
PAUSE_SECONDS = 0.0002


class Pace:
    """Counts steps of a few microseconds and pauses after every 256 of them."""

    __slots__ = ("_left",)

    def __init__(self) -> None:
        self._left = STEPS_BETWEEN_PAUSES

    def step(self) -> None:
        """Count one step."""
        self._left -= 1
        if not self._left:
            self._left = STEPS_BETWEEN_PAUSES
            sleep(PAUSE_SECONDS)

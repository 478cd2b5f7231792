"""When a consumer should stop: most of what it handled lately failed, so going on would only make dead letters."""

from collections import deque

WINDOW_OUTCOMES = 50
OUTCOMES_MIN = 20
"""No judgement before so many outcomes."""


class Breaker:
    """Remembers the last outcomes; `tripped` once more than half of them are failures."""

    def __init__(self, window: int = WINDOW_OUTCOMES, least: int = OUTCOMES_MIN) -> None:
        self._outcomes: deque[bool] = deque(maxlen=window)
        self._least = least

    @property
    def tripped(self) -> bool:
        """Whether most of the last outcomes were failures."""
        failures = len(self._outcomes) - sum(self._outcomes)
        return len(self._outcomes) >= self._least and failures * 2 > len(self._outcomes)

    def note(self, done: bool) -> None:
        """Remember an outcome."""
        self._outcomes.append(done)

    def reset(self) -> None:
        """Judge afresh."""
        self._outcomes.clear()

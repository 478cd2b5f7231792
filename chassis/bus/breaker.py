"""A circuit breaker for consumers: while most messages fail, consuming more would only produce dead letters."""

from collections import deque

WINDOW_OUTCOMES = 50
OUTCOMES_MIN = 20
"""Fewest outcomes before the breaker may trip."""


class Breaker:
    """Counts recent outcomes; `tripped` if more than half of them are failures."""

    def __init__(self, window: int = WINDOW_OUTCOMES, least: int = OUTCOMES_MIN) -> None:
        self._outcomes: deque[bool] = deque(maxlen=window)
        self._least = least

    @property
    def tripped(self) -> bool:
        """Whether most of the recent outcomes were failures."""
        failures = len(self._outcomes) - sum(self._outcomes)
        return len(self._outcomes) >= self._least and failures * 2 > len(self._outcomes)

    def note(self, done: bool) -> None:
        """Count an outcome."""
        self._outcomes.append(done)

    def reset(self) -> None:
        """Forget all outcomes."""
        self._outcomes.clear()

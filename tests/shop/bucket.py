"""The stand-in's own bucket of points."""

from time import monotonic
from typing import Any


class Bucket:
    """Points that are taken by queries and restored with time. `restore_rate` is points a second."""

    def __init__(self, maximum: float = 20_000.0, restore_rate: float = 10_000.0) -> None:
        self.maximum = maximum
        self.restore_rate = restore_rate
        self._available = maximum
        self._at = monotonic()

    def take(self, cost: float) -> bool:
        """Take points; False where there are not enough."""
        available = self.available()
        if cost > available:
            return False
        self._available = available - cost
        return True

    def available(self) -> float:
        """Points there are now."""
        now = monotonic()
        self._available = min(self.maximum, self._available + (now - self._at) * self.restore_rate)
        self._at = now
        return self._available

    def set(self, maximum: float, restore_rate: float) -> None:
        """Another plan, with a full bucket."""
        self.maximum, self.restore_rate = maximum, restore_rate
        self._available, self._at = maximum, monotonic()

    def cost(self, requested: float, actual: float | None) -> dict[str, Any]:
        """The cost extension of an answer."""
        return {
            "requestedQueryCost": requested,
            "actualQueryCost": actual,
            "throttleStatus": {
                "maximumAvailable": self.maximum,
                "currentlyAvailable": int(self.available()),
                "restoreRate": self.restore_rate,
            },
        }

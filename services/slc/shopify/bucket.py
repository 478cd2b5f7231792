"""The bucket of points of one shop, as this process knows it: learned from every answer, never asked for.

Shopify takes the requested cost of a query before it runs it and restores a number of points a second. Calls that are
not urgent leave a reserve to those that are.
"""

from chassis.entity import Value

COST_DEFAULT = 10.0
"""Points that an operation is taken to cost before its first answer."""

WAIT_SECONDS_MIN = 0.5
"""The least wait after a refusal for cost."""


class ThrottleStatus(Value, rename="camel"):
    """What an answer says of the bucket; `restore_rate` is points a second."""

    maximum_available: float
    currently_available: float
    restore_rate: float


class PointBucket:
    """One shop's bucket. Times are seconds of a monotonic clock."""

    def __init__(self) -> None:
        self._maximum = 1000.0
        self._available = 1000.0
        self._restore = 50.0
        self._at = 0.0
        self._in_flight = 0.0
        self._costs: dict[str, float] = {}

    def estimate(self, operation: str) -> float:
        """Points that the operation asked for last time."""
        return self._costs.get(operation, COST_DEFAULT)

    def wait(self, operation: str, now: float, reserve_percent: int) -> float:
        """Seconds until a call of this operation should be made; 0: now."""
        # A cost above what is left beside the reserve could never be served: then a full bucket is enough.
        reserve = self._maximum * reserve_percent / 100
        needed = min(self.estimate(operation) + reserve, self._maximum)
        missing = needed - (self._now(now) - self._in_flight)
        return max(0.0, missing / self._restore)

    def begin(self, operation: str) -> float:
        """Take the points of a call that is sent; give them to `end` with its answer."""
        cost = self.estimate(operation)
        self._in_flight += cost
        return cost

    def end(
        self, operation: str, taken: float, requested: float | None, status: ThrottleStatus | None, now: float
    ) -> None:
        """Learn from an answer, or from its absence."""
        self._in_flight = max(0.0, self._in_flight - taken)
        if requested is not None:
            self._costs[operation] = requested
        if status is None:
            self._available, self._at = max(0.0, self._now(now) - taken), now
            return
        self._maximum = max(1.0, status.maximum_available)
        self._restore = max(0.1, status.restore_rate)
        self._available, self._at = status.currently_available, now

    def refused(self, operation: str, now: float, retry_after: float | None) -> float:
        """Seconds to wait after a refusal for cost."""
        missing = self.estimate(operation) - self._now(now)
        return max(WAIT_SECONDS_MIN, retry_after or 0.0, missing / self._restore)

    def _now(self, now: float) -> float:
        return min(self._maximum, self._available + max(0.0, now - self._at) * self._restore)

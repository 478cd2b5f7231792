"""Rate limits per credential, org and client address: a leaky bucket each (GCRA), in memory, one number per bucket.

A bucket stores only the time at which it will be empty. Limits hold for one gateway, its workers together: with several
replicas behind a fair balancer, each has its share, so the settings are per replica.
"""

from collections.abc import Callable
from math import ceil
from time import monotonic
from typing import Literal

from chassis.errors import Throttled
from gateway.limits.shared import SharedMemory

BUCKETS_MAX = 100_000
"""Most buckets kept; the least recently used ones are dropped, which only ever admits more calls."""


class Limit:
    """A rate in calls a second with a burst, for each key. A rate of 0 is no limit."""

    __slots__ = ("_burst_seconds", "_empty_at", "_interval", "burst", "name", "window")

    def __init__(self, name: str, per_second: float, burst: int) -> None:
        self.name = name
        self.burst = burst
        self._interval = 1 / per_second if per_second else 0.0
        self._burst_seconds = burst * self._interval
        self.window = max(1, ceil(self._burst_seconds))
        self._empty_at: dict[object, float] = {}

    @property
    def on(self) -> bool:
        """Whether there is a limit at all."""
        return self._interval > 0

    def take(self, key: object, now: float) -> tuple[int, float]:
        """Count one call of a key. Returns the calls left (-1: this one is over the limit) and a time in seconds.

        The time is that until the next call is admitted if none is left, else until all are available again.
        """
        empty_at, left, seconds = self._counted(self._empty_at.get(key, now), now)
        if left < 0:
            return left, seconds
        # Removed and added again, so that the order of the dict is the order of use.
        self._empty_at.pop(key, None)
        self._empty_at[key] = empty_at
        if len(self._empty_at) > BUCKETS_MAX:
            del self._empty_at[next(iter(self._empty_at))]
        return left, seconds

    def wait(self, key: object, now: float) -> float:
        """Seconds until a call of the key is admitted; 0 if one is admitted now. Counts nothing."""
        return self._wait(self._empty_at.get(key, now), now)

    def _counted(self, empty_at: float, now: float) -> tuple[float, int, float]:
        """With one call more: when the bucket is empty, and what `take` returns."""
        empty_at = max(empty_at, now) + self._interval
        ahead = empty_at - now
        if ahead > self._burst_seconds + 1e-9:
            return empty_at, -1, ahead - self._burst_seconds
        return empty_at, int((self._burst_seconds - ahead) / self._interval + 1e-6), ahead

    def _wait(self, empty_at: float, now: float) -> float:
        return max(0.0, max(empty_at, now) + self._interval - now - self._burst_seconds)


class SharedLimit(Limit):
    """A limit that holds for all workers of a gateway together."""

    __slots__ = ("_memory",)

    def __init__(self, name: str, per_second: float, burst: int, memory: SharedMemory) -> None:
        super().__init__(name, per_second, burst)
        self._memory = memory

    def take(self, key: object, now: float) -> tuple[int, float]:
        """Count one call of a key; see `Limit.take`."""
        with self._memory.rate(self.name, key, now) as slot:
            empty_at, left, seconds = self._counted(slot.empty_at, now)
            if left >= 0:
                slot.keep(empty_at)
        return left, seconds

    def wait(self, key: object, now: float) -> float:
        """Seconds until a call of the key is admitted; 0 if one is admitted now. Counts nothing."""
        with self._memory.rate(self.name, key, now) as slot:
            return self._wait(slot.empty_at, now)


class Rates:
    """The limits of a gateway, and the headers that show them."""

    def __init__(
        self,
        limits: tuple[Limit, ...],
        style: Literal["structured", "triple", "both", "none"],
        now: Callable[[], float] = monotonic,
    ) -> None:
        self._limits = {limit.name: limit for limit in limits if limit.on}
        self._style = style
        self._now = now
        self._policies = {
            limit.name: f'"{limit.name}";q={limit.burst};w={limit.window}' for limit in self._limits.values()
        }

    def take(self, name: str, key: object, headers: dict[str, str]) -> None:
        """Count a call against a limit and set the headers. Raises `Throttled` if it is over the limit."""
        limit = self._limits.get(name)
        if limit is None:
            return
        left, seconds = limit.take(key, self._now())
        wait = ceil(seconds)
        if self._style != "none":
            self._tell(limit, max(left, 0), wait, headers)
        if left < 0:
            raise Throttled(f"over the rate of this {name}", max(1, wait), limit=name)

    def check(self, name: str, key: object, headers: dict[str, str]) -> None:
        """Raises `Throttled`, and sets the headers, if a call would be over the limit. Counts nothing."""
        limit = self._limits.get(name)
        if limit is None or not (seconds := limit.wait(key, self._now())):
            return
        wait = max(1, ceil(seconds))
        if self._style != "none":
            self._tell(limit, 0, wait, headers)
        raise Throttled(f"over the rate of this {name}", wait, limit=name)

    def _tell(self, limit: Limit, left: int, seconds: int, headers: dict[str, str]) -> None:
        """Headers with a list item per limit (draft-ietf-httpapi-ratelimit-headers-11), or the early drafts' three."""
        if self._style != "triple":
            state = f'"{limit.name}";r={left};t={seconds}'
            if "RateLimit" in headers:
                headers["RateLimit-Policy"] += f", {self._policies[limit.name]}"
                headers["RateLimit"] += f", {state}"
            else:
                headers["RateLimit-Policy"] = self._policies[limit.name]
                headers["RateLimit"] = state
        if self._style in {"triple", "both"} and left <= int(headers.get("RateLimit-Remaining", left)):
            # The three numbers are those of the limit that is reached first.
            headers["RateLimit-Limit"] = str(limit.burst)
            headers["RateLimit-Remaining"] = str(left)
            headers["RateLimit-Reset"] = str(seconds)

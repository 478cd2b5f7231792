"""Checks the parts of a process: for readiness, gRPC status and the stat endpoints."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from time import monotonic
from typing import Any

from chassis.health import PartHealth
from chassis.telemetry.log import get_logger
from chassis.telemetry.metrics import Metrics
from chassis.telemetry.names import PART_UP

Check = Callable[[], Awaitable[bool]]

PART_SECONDS = 2.0
"""How long the check of a part may take."""

log = get_logger("chassis.health_checks")


class PartsHealth:
    """Checks all parts of a process at once, each with a deadline."""

    def __init__(self, metrics: Metrics) -> None:
        self._checks: dict[str, Check] = {}
        self._not_needed: set[str] = set()
        self._up = metrics.gauge(PART_UP)

    def add(self, name: str, check: Check, *, needed: bool = True) -> None:
        """Add a part and its check. TypeError if there is a part of that name.

        A part that is not needed is measured and shown, but the process is ready without it.
        """
        if name in self._checks:
            raise TypeError(f"two parts of this process are called {name}")
        self._checks[name] = check
        if not needed:
            self._not_needed.add(name)

    def is_needed(self, name: str) -> bool:
        """Whether the process can work only with this part; then it is a part of readiness."""
        return name not in self._not_needed

    async def parts(self) -> Sequence[PartHealth]:
        """The health of every part now."""
        found = await asyncio.gather(*(_ask(name, check) for name, check in self._checks.items()))
        for part in found:
            self._up.labels(part.name).set(part.ok)
        return found


async def _ask(name: str, check: Check) -> PartHealth:
    started = monotonic()
    try:
        async with asyncio.timeout(PART_SECONDS):
            ok = await check()
    except Exception as failure:  # noqa: BLE001  whatever it is, the part is down
        log.warning("a part is down", what=name, problem=repr(failure))
        ok = False
    return PartHealth(name=name, ok=ok, latency_ms=_millis_since(started))


def answers(ping: Callable[[], Awaitable[Any]]) -> Check:
    """A check that succeeds if `ping` returns."""

    async def check() -> bool:
        await ping()
        return True

    return check


def is_up(look: Callable[[], bool]) -> Check:
    """A check that asks the part itself."""

    async def check() -> bool:
        return look()

    return check


def _millis_since(started: float) -> float:
    return round((monotonic() - started) * 1000, 3)

"""Asks the parts of a process how they are: for readiness, for gRPC status and for the stat endpoints."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from time import monotonic
from typing import Any

from chassis.health import PartHealth
from chassis.service import Service
from chassis.settings import BaseSettings
from chassis.telemetry.log import get_logger

Check = Callable[[], Awaitable[bool]]

PART_SECONDS = 2.0
"""How long a part may take to say that it is up."""

log = get_logger("chassis.checks")


class PartsHealth:
    """Asks the parts of a process how they are, all at once, each within a deadline."""

    def __init__(self, service: Service, settings: BaseSettings) -> None:
        self._checks: dict[str, Check] = {}
        self._own_check = service.check
        self._settings = settings

    def add(self, name: str, check: Check) -> None:
        """A part, and how to ask it."""
        self._checks[name] = check

    async def parts(self) -> Sequence[PartHealth]:
        """Every part as it is now."""
        asked = [_ask(name, check) for name, check in self._checks.items()]
        own = [] if self._own_check is None else await self._own(self._own_check)
        return [*await asyncio.gather(*asked), *own]

    async def _own(self, check: Callable[[Any], Awaitable[Mapping[str, bool]]]) -> list[PartHealth]:
        """What the service itself stands on."""
        started = monotonic()
        try:
            async with asyncio.timeout(PART_SECONDS):
                found = await check(self._settings)
        except Exception as failure:  # noqa: BLE001  whatever it is, the part is down
            log.warning("the service's own check failed", problem=repr(failure))
            found = {"service": False}
        return [PartHealth(name=name, ok=ok, latency_ms=_millis_since(started)) for name, ok in found.items()]


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
    """A part is up when this comes back."""

    async def check() -> bool:
        await ping()
        return True

    return check


def is_up(look: Callable[[], bool]) -> Check:
    """A part is up when it says so."""

    async def check() -> bool:
        return look()

    return check


def _millis_since(started: float) -> float:
    return round((monotonic() - started) * 1000, 3)

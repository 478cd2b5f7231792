"""The health of a process's parts, for readiness and the stat endpoints."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from chassis.entity import Value


class PartHealth(Value):
    """One part (`database`, `bus`, `rpc` …), whether it answers, and how long the check took."""

    name: str
    ok: bool
    latency_ms: float


class Health(Protocol):
    """The health of the process's parts. A handler with a parameter `health: Health` is given it."""

    async def parts(self) -> Sequence[PartHealth]:
        """Checks every part now, all at once, each with a deadline. Never raises."""
        ...


def words(parts: Sequence[PartHealth]) -> Mapping[str, str]:
    """Part name -> up or down."""
    return {part.name: "up" if part.ok else "down" for part in parts}

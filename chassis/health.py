"""How a process says whether the parts it stands on are up: asked by readiness and by the stat endpoints."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from chassis.entity import Value


class PartHealth(Value):
    """One part (`database`, `bus`, `rpc` …), whether it answers, and how long that took."""

    name: str
    ok: bool
    latency_ms: float


class Health(Protocol):
    """The health of the process's parts. A handler that declares `health: Health` is given it."""

    async def parts(self) -> Sequence[PartHealth]:
        """Every part, asked now, all at once and each with a deadline: never raises."""
        ...


def words(parts: Sequence[PartHealth]) -> Mapping[str, str]:
    """Part name -> up or down."""
    return {part.name: "up" if part.ok else "down" for part in parts}

"""A process we started, as it is remembered between two runs of the launcher."""

import msgspec


class Running(msgspec.Struct, frozen=True, kw_only=True):
    """A process we started: `started` is the time the system says it began at, in seconds since 1970."""

    name: str
    pid: int
    started: float
    log: str
    ports: dict[str, int] = {}

"""A started process, as it is stored between two runs of the launcher."""

import msgspec


class Running(msgspec.Struct, frozen=True, kw_only=True):
    """A started process. `started` is its start time as the system reports it, in seconds since 1970."""

    name: str
    pid: int
    started: float
    log: str
    ports: dict[str, int] = {}

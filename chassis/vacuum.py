"""Vacuum targets: what has to be emptied beside a service's collections, or not just collection by collection.

A feature's `vacuum_targets.py` declares `vacuum_targets = [Files]`, each a class that is a `VacuumTarget` and whose
parameters ask for things of the process by type: files of an object store, queues, records that belong to an org only
through others. Collections need none: each is erased because it is there.
"""

from collections.abc import AsyncIterator
from typing import Protocol


class VacuumTarget(Protocol):
    """Empties one thing. Its calls may be cut off anywhere and are made again; what is gone already is no error."""

    @property
    def name(self) -> str:
        """What it is called in tallies, where collections have their names."""
        ...

    @property
    def last(self) -> bool:
        """Whether it sweeps behind the collections; one that needs to read them sweeps before."""
        ...

    async def count(self, orgcode: str | None) -> int:
        """How much `erase` would find now, for an org or, None, altogether."""
        ...

    def erase(self, orgcode: str | None) -> AsyncIterator[int]:
        """Empty it, in steps; how much went with each."""
        ...

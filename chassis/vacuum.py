"""Vacuum targets: what has to be emptied beside a service's collections, or not just collection by collection.

A feature's `vacuum_targets.py` declares `vacuum_targets = [Files]`, each a class that is a `VacuumTarget` and whose
parameters ask for things of the process by type: files of an object store, queues, records that belong to an org only
through others. Collections need none: each is erased because it is there.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Protocol

from chassis.entity import Entity

BATCH_RECORDS = 250
"""Records a target should erase at a time, so that others' work goes on in between."""


class StoredRecords(Protocol):
    """The stored records of a process, for vacuum targets: read and erased without a unit of work, so without events.

    Raises `Unavailable` if the database does not answer.
    """

    async def find(self, entity: Entity[Any], where: Mapping[str, Any], fields: Sequence[str]) -> list[dict[str, Any]]:
        """These fields, and the id, of the records whose fields have these values; a sequence means any of them."""
        ...

    async def erase(self, entity: Entity[Any], ids: Sequence[str]) -> None:
        """Delete the records with these ids; those that are gone already are no error."""
        ...


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

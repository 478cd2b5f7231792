"""Vacuum targets: data to erase outside of collections, and records whose org a collection alone does not show.

A feature's `vacuum_targets.py` declares `vacuum_targets = [Files]`, each a class that is a `VacuumTarget` and whose
parameters ask for things of the process by type: files of an object store, queues, records that belong to an org only
through others. Collections need none: each is erased because it exists.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Protocol

from chassis.entity import Entity

BATCH_RECORDS = 250
"""Records a target should erase at a time, so that it does not hold up other work."""


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
    """Something to erase. Its calls may be cut off anywhere and are repeated; what is gone already is no error."""

    @property
    def name(self) -> str:
        """Its name in tallies, beside the names of collections."""
        ...

    @property
    def last(self) -> bool:
        """Whether it is erased after the collections; one that reads them is erased before."""
        ...

    async def count(self, orgcode: str | None) -> int:
        """How much `erase` would delete now, for an org, or for all with None."""
        ...

    def erase(self, orgcode: str | None) -> AsyncIterator[int]:
        """Erase in steps; how much each step deleted."""
        ...

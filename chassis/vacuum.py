"""Brooms: what has to be emptied beside a service's collections, or not just collection by collection.

A feature's `brooms.py` declares `brooms = [factory]`, each a function of the process's `RpcContext` to a `Broom`: files
of an object store, queues, records that belong to an org only through others. Collections need none: each is emptied
because it is there.
"""

from collections.abc import AsyncIterator
from typing import Protocol


class Broom(Protocol):
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
        """How much `sweep` would find now, for an org or, None, altogether."""
        ...

    def sweep(self, orgcode: str | None) -> AsyncIterator[int]:
        """Empty it, in steps; how much went with each."""
        ...

"""What a vacuum of PMC erases besides records: stored objects."""

from collections.abc import AsyncIterator

from services.pmc.objects.port import ObjectStore


class Objects:
    """The objects of an org, or all of them."""

    name = "objects"
    last = True

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    async def count(self, orgcode: str | None) -> int:
        """The number of objects that would be removed."""
        return len([info async for info in self._store.keys(_prefix(orgcode))])

    async def erase(self, orgcode: str | None) -> AsyncIterator[int]:
        """Remove them; yields 1 for each."""
        async for info in self._store.keys(_prefix(orgcode)):
            await self._store.remove(info.key)
            yield 1


vacuum_targets = [Objects]


def _prefix(orgcode: str | None) -> str:
    return "pmc/" if orgcode is None else f"pmc/{orgcode}/"

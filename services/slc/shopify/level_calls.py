"""Quantities, over GraphQL."""

from collections.abc import Sequence

from services.slc.shopify.graphql import Session
from services.slc.shopify.inputs import LevelWrite
from services.slc.shopify.reading import in_batches
from services.slc.shopify.states import LevelState
from services.slc.shopify.words import Gid

STATES_A_CALL = 100


class LevelCalls:
    """Implements the port's `Levels`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def states(self, item_ids: Sequence[Gid], location_id: Gid) -> dict[Gid, LevelState]:
        async def read(ids: Sequence[str]) -> list[LevelState]:
            data = await self._session.execute("LevelsState", ids=ids, locationId=location_id)
            return [
                LevelState(
                    inventory_item_id=item_id,
                    location_id=location_id,
                    available=_available((node or {}).get("inventoryLevel")),
                    exists=bool(node and node.get("id")),
                )
                for item_id, node in zip(ids, data["nodes"], strict=True)
            ]

        return {each.inventory_item_id: each for each in await in_batches(item_ids, STATES_A_CALL, read)}

    async def set(self, key: str, job_id: str, levels: Sequence[LevelWrite]) -> None:
        sent = {
            "name": "available",
            "reason": "correction",
            "referenceDocumentUri": f"gid://retailstack/SyncJob/{job_id}",
            "quantities": levels,
        }
        await self._session.execute("QuantitiesSet", input=sent, key=key)

    async def activate(self, key: str, item_id: Gid, location_id: Gid, available: int) -> None:
        await self._session.execute(
            "ItemActivate", inventoryItemId=item_id, locationId=location_id, available=available, key=key
        )


def _available(level: dict[str, list[dict[str, int | str]]] | None) -> int | None:
    if level is None:
        return None
    found = [each["quantity"] for each in level["quantities"] if each["name"] == "available"]
    return int(found[0]) if found else 0

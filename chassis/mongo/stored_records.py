"""Stored records, read and erased for vacuum targets without a unit of work."""

from collections.abc import Mapping, Sequence
from typing import Any

from chassis.entity import Entity
from chassis.mongo.client import Database
from chassis.mongo.erasure import unreachable_as_unavailable


class MongoStoredRecords:
    """The port `StoredRecords` over one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, entity: Entity[Any], where: Mapping[str, Any], fields: Sequence[str]) -> list[dict[str, Any]]:
        """See `StoredRecords.find`."""
        asked = {
            _stored(entity, field): {"$in": list(wanted)} if isinstance(wanted, list | tuple) else wanted
            for field, wanted in where.items()
        }
        projection = {"_id": 1, **dict.fromkeys((_stored(entity, field) for field in fields), 1)}
        with unreachable_as_unavailable():
            found = await self._database.collection(entity.collection).find(asked, projection=projection)
        return [{**document, entity.id: document["_id"]} for document in found]

    async def erase(self, entity: Entity[Any], ids: Sequence[str]) -> None:
        """See `StoredRecords.erase`."""
        with unreachable_as_unavailable():
            await self._database.collection(entity.collection).remove_many(list(ids))


def _stored(entity: Entity[Any], field: str) -> str:
    return "_id" if field == entity.id else field

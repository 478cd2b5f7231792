"""Spreading the collections of a database over the shards of its cluster."""

from collections.abc import Iterable
from typing import Any

from chassis.entity import Entity
from chassis.errors import Conflict
from chassis.mongo.client import Database
from chassis.shard_keys import ShardKey, shard_keys


class Sharding:
    """The shard keys of one database.

    `own` are the entities that the service declares, `common` those of the chassis. The common ones are spread only
    where own ones are: a service whose records stay on one shard has no use for it.
    """

    def __init__(self, database: Database, own: Iterable[Entity[Any]], common: Iterable[Entity[Any]]) -> None:
        self._database = database
        keys = shard_keys(own)
        self.keys: list[ShardKey] = [*keys, *shard_keys(common)] if keys else []

    @property
    def database(self) -> str:
        """The name of the database."""
        return self._database.name

    async def apply(self) -> None:
        """Shard every collection that has a key. One that is sharded by its key already stays as it is.

        Raises `Conflict` if the server is not the router of a sharded cluster, if the user may not shard, or if a
        collection is sharded by another key.
        """
        hello = await self._database.administer({"hello": 1})
        if hello.get("msg") != "isdbgrid":
            raise Conflict("the database is no sharded cluster; let the service connect to a router (mongos) of one")
        for key in self.keys:
            name = f"{self.database}.{key.collection}"
            await self._database.administer({"shardCollection": name, "key": dict.fromkeys(key.fields, 1)})

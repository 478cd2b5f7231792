"""The servicer behind `db shard`."""

from collections.abc import Sequence
from typing import Any, Protocol

from chassis.rpc.context import require_stack
from chassis.rpc.declaration import Served
from chassis.shard_keys import ShardKey
from retailstack.chassis.v1 import sharding_pb2 as pb
from retailstack.chassis.v1 import sharding_pb2_grpc as pb_grpc


class Shards(Protocol):
    """The shard keys of a database; implemented by `chassis.mongo.sharding.Sharding`."""

    @property
    def database(self) -> str: ...

    @property
    def keys(self) -> Sequence[ShardKey]: ...

    async def apply(self) -> None: ...


class ShardingServicer(pb_grpc.ShardingServicer):
    """Serves operators and other services of the stack."""

    def __init__(self, shards: Shards) -> None:
        self._shards = shards

    async def Keys(self, request: pb.ShardKeysRequest, context: Any) -> pb.ShardKeysResponse:
        """The shard key of every collection that has one."""
        require_stack()
        return self._answer()

    async def Apply(self, request: pb.ApplyShardKeysRequest, context: Any) -> pb.ShardKeysResponse:
        """Shard every collection that has a key."""
        require_stack()
        await self._shards.apply()
        return self._answer()

    def _answer(self) -> pb.ShardKeysResponse:
        database = self._shards.database
        collections = [
            pb.ShardedCollection(namespace=f"{database}.{key.collection}", fields=key.fields)
            for key in self._shards.keys
        ]
        return pb.ShardKeysResponse(collections=collections)


def sharding(shards: Shards) -> Served:
    """The servicer for this process's database."""
    return pb_grpc.add_ShardingServicer_to_server, ShardingServicer(shards)

"""`stackctl db`: how the services' databases are spread over the shards of a cluster."""

import json
from typing import Annotated

from cyclopts import App, Parameter

from retailstack.chassis.v1.sharding_pb2 import ApplyShardKeysRequest, ShardKeysRequest
from retailstack.chassis.v1.sharding_pb2_grpc import ShardingStub
from services.ops.cli.options import UsageError
from services.ops.cli.output import CommandOutcome
from services.ops.cli.stack import Given, Stack

APPLY_SECONDS = 600.0


db = App(name="db", help="The services' databases.")


@db.command(name="shard")
async def db_shard(
    service: str = "",
    /,
    *,
    apply: Annotated[bool, Parameter(negative="", help="Shard the collections, instead of printing how.")] = False,
    stack: Given,
) -> CommandOutcome | None:
    """Print the commands of the MongoDB shell that shard the collections of one service, or of all.

    With --apply, each service shards its own, as its own user: it has to be connected to a router (mongos) and allowed
    to shard (role clusterManager). Collections that are sharded already stay as they are.
    """
    items = []
    for peer in [_known(service, stack)] if service else stack.peers:
        stub = ShardingStub(stack.channels.channel(peer))
        if apply:
            answer = await stub.Apply(ApplyShardKeysRequest(), timeout=APPLY_SECONDS)
        else:
            answer = await stub.Keys(ShardKeysRequest())
        for each in answer.collections:
            key = dict.fromkeys(each.fields, 1)
            command = f"sh.shardCollection({json.dumps(each.namespace)}, {json.dumps(key)})"
            items.append({"service": peer, "namespace": each.namespace, "key": key, "command": command})
    if apply or stack.output.as_json:
        rows = [{"service": item["service"], "sharded": item["namespace"], "key": item["key"]} for item in items]
        return CommandOutcome(document={"applied": apply, "items": items}, rows=rows)
    for item in items:
        stack.output.text(str(item["command"]))
    return None


def _known(service: str, stack: Stack) -> str:
    if service not in stack.options.addresses:
        raise UsageError(f'there is no service "{service}"')
    return service

"""`stackctl db shard`: the commands that shard the databases, printed or applied."""

import json

from chassis.errors import Conflict
from tests.ops.cli.given import Operator


async def test_the_shells_commands_are_printed_and_nothing_is_done(operator: Operator) -> None:
    assert await operator.run("db", "shard", "ics") == 0
    assert operator.out.splitlines() == [
        'sh.shardCollection("ics.entries", {"orgcode": 1, "item": 1})',
        'sh.shardCollection("ics.balances", {"_id": 1})',
    ]
    assert operator.shards.applied == 0


async def test_every_service_is_asked_unless_one_is_named(operator: Operator) -> None:
    assert await operator.run("db", "shard", "--json") == 0
    said = json.loads(operator.out)
    assert [item["service"] for item in said["items"]] == [
        peer for peer in ("ops", "gateway", "ics", "slc") for _ in range(2)
    ]
    assert (said["applied"], said["items"][0]["key"]) == (False, {"orgcode": 1, "item": 1})
    assert await operator.run("db", "shard", "nobody") == 2


async def test_they_are_applied_when_told_and_as_often_as_told(operator: Operator) -> None:
    for times in (1, 2):
        assert await operator.run("db", "shard", "ics", "--apply") == 0
        assert "ics.entries" in operator.out
        assert operator.shards.applied == times


async def test_a_database_that_refuses_is_status_1(operator: Operator) -> None:
    operator.shards.refusal = Conflict("the database is no sharded cluster")
    assert await operator.run("db", "shard", "ics", "--apply") == 1
    assert "no sharded cluster" in operator.err

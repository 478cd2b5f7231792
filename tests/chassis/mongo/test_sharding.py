"""Sharding a database by its declared keys, through the router of a cluster."""

from collections.abc import AsyncIterator

import pytest

from chassis.entity import ONE_SHARD, Entity, Record
from chassis.errors import Conflict
from chassis.mongo.client import Database
from chassis.mongo.eventlog import EVENTS
from chassis.mongo.sharding import Sharding
from tests.chassis.router_given import Router, a_router


class Crate(Record):
    crate_id: str


CRATES = Entity("crate", Crate, collection="crates", id="crate_id", shard_key=("orgcode", "crate_id"))
SITES = Entity("site", Crate, collection="sites", id="crate_id", shard_key=ONE_SHARD)
BY_KEY = {"stock.crates": {"orgcode": 1, "_id": 1}, "stock.events": {"orgcode": 1, "subject": 1}}


@pytest.fixture
async def router() -> AsyncIterator[Router]:
    async with a_router() as router:
        yield router


@pytest.fixture
async def database(router: Router) -> AsyncIterator[Database]:
    database = await Database.connect(router.uri, "stock", "pymongo")
    yield database
    await database.close()


async def test_every_collection_with_a_key_is_sharded_by_it(database: Database, router: Router) -> None:
    await Sharding(database, [CRATES, SITES], [EVENTS]).apply()
    assert router.sharded == BY_KEY


async def test_the_second_time_changes_nothing(database: Database, router: Router) -> None:
    sharding = Sharding(database, [CRATES], [EVENTS])
    await sharding.apply()
    await sharding.apply()
    assert (router.sharded, router.commands) == (BY_KEY, 4)


async def test_another_key_is_not_passed_over(database: Database, router: Router) -> None:
    router.sharded["stock.crates"] = {"_id": 1}
    with pytest.raises(Conflict, match=r"refuses shardCollection: stock\.crates has another shard key"):
        await Sharding(database, [CRATES], []).apply()


async def test_a_user_who_may_not_shard_is_told_so(database: Database, router: Router) -> None:
    router.forbidden = True
    with pytest.raises(Conflict, match="not authorized to shard"):
        await Sharding(database, [CRATES], []).apply()


async def test_a_service_with_all_records_on_one_shard_has_no_keys_at_all(database: Database) -> None:
    assert Sharding(database, [SITES], [EVENTS]).keys == []


async def test_a_replica_set_is_no_cluster(mongodb_uri: str) -> None:
    database = await Database.connect(mongodb_uri, "not_sharded", "pymongo")
    try:
        with pytest.raises(Conflict, match="no sharded cluster"):
            await Sharding(database, [CRATES], []).apply()
    finally:
        await database.close()

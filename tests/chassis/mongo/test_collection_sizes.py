"""How many documents a collection holds: exact after every change of this process, whatever it costs to count them."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any
from unittest.mock import patch

import pytest
from pymongo import MongoClient
from pymongo.errors import PyMongoError

from chassis.errors import Refusal
from chassis.mongo import collection_sizes
from chassis.mongo.collection_sizes import COUNTED_EACH_TIME_MAX, REMEMBERED_SECONDS, CollectionSizes
from chassis.mongo.errors import UnknownCommit
from chassis.mongo.unit import MongoUnits
from chassis.unit import Change
from tests.chassis.data_given import THINGS, a_call, a_thing, keep, opened

MANY = COUNTED_EACH_TIME_MAX + 1


class Server:
    """A server that counts when it is let, and how often it was asked."""

    def __init__(self, documents: int) -> None:
        self.documents = documents
        self.asked = 0
        self.now = 0.0
        self.going = asyncio.Event()
        self.going.set()
        self.sizes = CollectionSizes(self._count, scans=True, clock=lambda: self.now)

    async def _count(self, collection: str) -> int:
        self.asked += 1
        counted = self.documents
        await self.going.wait()
        return counted

    def change(self, documents: int) -> None:
        """Commit a change."""
        self.documents += documents
        self.sizes.changed({"things": documents})


async def test_a_large_number_is_counted_once_and_follows_every_change() -> None:
    server = Server(MANY)
    assert await server.sizes.of("things") == MANY
    for documents in (3, -1, 0):
        server.change(documents)
        assert await server.sizes.of("things") == server.documents
    assert server.asked == 1


async def test_what_other_processes_did_is_counted_after_some_seconds() -> None:
    server = Server(MANY)
    await server.sizes.of("things")
    server.documents += 5
    server.now = REMEMBERED_SECONDS
    assert await server.sizes.of("things") == MANY + 5


async def test_a_small_number_is_counted_each_time() -> None:
    server = Server(COUNTED_EACH_TIME_MAX)
    await server.sizes.of("things")
    server.documents -= 1
    assert await server.sizes.of("things") == server.documents
    assert server.asked == 2


async def test_a_slow_count_gives_the_number_before_and_goes_on() -> None:
    server = Server(MANY)
    await server.sizes.of("things")
    server.now, server.documents = REMEMBERED_SECONDS, MANY + 5
    server.going.clear()
    with patch.object(collection_sizes, "COUNT_SECONDS_MAX", 0.0):
        assert await server.sizes.of("things") == MANY
        server.going.set()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert (await server.sizes.of("things"), server.asked) == (MANY + 5, 2)


async def test_callers_share_a_count_unless_a_change_came_after_it_began() -> None:
    server = Server(MANY)
    server.going.clear()
    early = [asyncio.create_task(server.sizes.of("things")) for _ in range(2)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    server.change(1)
    late = [asyncio.create_task(server.sizes.of("things")) for _ in range(2)]
    await asyncio.sleep(0)
    server.going.set()
    assert await asyncio.gather(*early, *late) == [MANY, MANY, MANY + 1, MANY + 1]
    assert server.asked == 2


async def test_a_count_that_failed_is_made_again() -> None:
    server = Server(MANY)
    with patch.object(server.sizes, "_count", side_effect=OSError), pytest.raises(OSError):
        await server.sizes.of("things")
    assert await server.sizes.of("things") == MANY


@pytest.fixture
def few() -> Iterator[None]:
    """Numbers of more than two are remembered."""
    with patch.object(collection_sizes, "COUNTED_EACH_TIME_MAX", 2):
        yield


@pytest.fixture
async def units(mongodb_uri: str, mongodb_engine: str, database_name: str) -> AsyncIterator[MongoUnits]:
    """Units of the test's own database."""
    if mongodb_engine != "embedded":
        pytest.skip("this server knows the numbers")
    async with opened(mongodb_uri, database_name) as opening:
        yield opening


def bare(document_id: str) -> dict[str, Any]:
    """A document that no unique index knows."""
    return {"_id": document_id, "orgcode": "ACME", "place": "there", "code": document_id}


@pytest.mark.usefixtures("few")
async def test_commits_change_the_number_and_nothing_else_does(
    units: MongoUnits, mongodb_client: MongoClient[dict[str, Any]]
) -> None:
    sizes, collection = units.database.sizes, units.database.collection("things")
    await keep(units, *(a_thing(f"t{number}") for number in range(5)))
    assert await sizes.of("things") == 5
    # Unseen by this process: it shows that the number is remembered.
    mongodb_client[units.database.name]["things"].insert_one(bare("behind its back"))

    async def drop(change: Change) -> None:
        await change.delete(THINGS, await change.load(THINGS, "t0"))
        await change.insert(THINGS, a_thing("t9"))
        await change.delete(THINGS, await change.load(THINGS, "t1"))

    await units.change(a_call(), drop)
    assert await sizes.of("things") == 4
    with pytest.raises(Refusal):
        await keep(units, a_thing("t9"))
    await collection.insert_many([bare("x"), bare("y")])
    await collection.delete_many({"_id": "x"})
    await collection.update_one({"_id": "z"}, {"$set": bare("z") | {"a": 1}}, upsert=True)
    await collection.update_one({"_id": "z"}, {"$set": bare("z") | {"a": 2}}, upsert=True)
    assert await sizes.of("things") == 6
    async with units.database.transaction() as transaction:
        await collection.remove_many(["y", "z"], session=transaction)
    assert await sizes.of("things") == 6
    async with units.database.transaction() as transaction:
        await collection.remove_many(["y", "z"], session=transaction)
        await transaction.commit()
    assert await sizes.of("things") == 4


@pytest.mark.usefixtures("few")
async def test_a_commit_of_unknown_outcome_is_counted_anew(units: MongoUnits) -> None:
    sizes, collection = units.database.sizes, units.database.collection("things")
    await keep(units, *(a_thing(f"t{number}") for number in range(5)))
    assert await sizes.of("things") == 5
    async with units.database.transaction() as transaction:
        await collection.insert_many([bare("x")], session=transaction)
        transaction.session = _Losing(transaction.session)
        with pytest.raises(UnknownCommit):
            await transaction.commit()
    assert await sizes.of("things") == 6


class _Losing:
    """A session that commits, and whose answer is lost."""

    def __init__(self, session: Any) -> None:
        self._session = session

    async def commit_transaction(self) -> None:
        await self._session.commit_transaction()
        lost = PyMongoError("the connection broke")
        lost._add_error_label("UnknownTransactionCommitResult")
        raise lost

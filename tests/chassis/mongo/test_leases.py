"""Leases: one holder at a time, until the time is over or it is given back."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from chassis.clock import FixedClock
from chassis.mongo.client import Database
from chassis.mongo.leases import Leases
from tests.chassis.data_given import NOON


@pytest.fixture
async def database(mongodb_uri: str, database_name: str) -> AsyncIterator[Database]:
    """The test's own database."""
    opening = await Database.connect(mongodb_uri, database_name, "pymongo")
    yield opening
    await opening.close()


async def test_a_name_has_one_holder_until_its_time_is_over(database: Database) -> None:
    clock = FixedClock(NOON)
    ann, bob = Leases(database, clock, "ann"), Leases(database, clock, "bob")

    assert await ann.take(["a", "b"], 10) == {"a", "b"}
    assert await bob.take(["b", "c"], 10) == {"c"}
    clock.advance(9)
    assert await ann.take(["a"], 10) == {"a"}
    clock.advance(1)
    assert await bob.take(["a", "b", "c"], 10) == {"b", "c"}
    assert await bob.holders(["a", "b", "c", "d"]) == {"a": "ann", "b": "bob", "c": "bob"}


async def test_what_is_given_back_is_free_at_once_but_only_by_its_holder(database: Database) -> None:
    clock = FixedClock(NOON)
    ann, bob = Leases(database, clock, "ann"), Leases(database, clock, "bob")
    await ann.take(["a", "b"], 10)

    await bob.give_back(["a", "b"])
    assert await bob.take(["a", "b"], 10) == set()
    await ann.give_back(["a"])
    await ann.give_back([])
    assert await bob.take(["a", "b"], 10) == {"a"}
    assert await bob.take([], 10) == set()


async def test_many_that_want_the_same_share_it_out_without_overlap(database: Database) -> None:
    clock = FixedClock(NOON)
    names = [f"n{n}" for n in range(8)]
    several = [Leases(database, clock, f"holder {n}") for n in range(6)]

    taken = await asyncio.gather(*(leases.take(names, 10) for leases in several))

    assert sorted(name for mine in taken for name in mine) == names

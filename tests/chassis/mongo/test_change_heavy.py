"""Changes that need more than a share of a batch: something done before them, a transaction of their own, or two."""

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import pytest

from chassis.errors import InvalidState
from chassis.mongo import committer, flush
from chassis.mongo.client import Database
from chassis.mongo.errors import TransactionTooLarge, Transient
from chassis.mongo.flush import Writes
from chassis.mongo.transaction import Transaction
from chassis.mongo.unit import MongoUnits
from chassis.repeated import Beforehand
from chassis.unit import Change, Units
from tests.chassis.data_given import THINGS, a_call, a_thing, add, keep, opened
from tests.waiting import within


@pytest.fixture
async def units(mongodb_uri: str, database_name: str) -> AsyncIterator[MongoUnits]:
    """An engine of our own."""
    async with opened(mongodb_uri, database_name, "motor") as opening:
        yield opening


def writing(monkeypatch: pytest.MonkeyPatch, hook: Any) -> None:
    """Have `hook(ids)` awaited before each write, with the documents it writes as text."""

    async def write(database: Database, transaction: Transaction, writes: Writes) -> None:
        await hook(f"{writes.inserts} {writes.replaces}")
        await flush.write(database, transaction, writes)

    monkeypatch.setattr(committer, "write", write)


async def test_what_a_handler_needs_done_before_it_is_done_and_stays(units: MongoUnits) -> None:
    await keep(units, a_thing("t1", amount=1))
    runs: list[int] = []

    async def work(given: Units) -> None:
        await given.change(a_call(), lambda change: add(change, "t1", 4))

    async def handler(change: Change) -> int:
        thing = await add(change, "t1", 1)
        runs.append(thing.amount)
        if thing.amount < 6:
            raise Beforehand(work)
        return thing.amount

    assert await units.change(a_call(), handler) == 6
    assert runs[0] == 2, "what the first run wrote is dropped"
    assert units.stats.defects == 0


async def test_a_heavy_change_holds_no_other_up(units: MongoUnits, monkeypatch: pytest.MonkeyPatch) -> None:
    await keep(units, a_thing("heavy"), a_thing("light"))
    reached, release = asyncio.Event(), asyncio.Event()

    async def hook(what: str) -> None:
        if "heavy" in what:
            reached.set()
            await release.wait()

    writing(monkeypatch, hook)

    async def heavy(change: Change) -> None:
        change.own_transaction()
        await add(change, "heavy")

    slow = asyncio.create_task(units.change(a_call(), heavy))
    async with within(30):
        await reached.wait()
        for _ in range(3):
            await units.change(a_call(), lambda change: add(change, "light"))
    assert not slow.done()
    release.set()
    await slow
    light = await units.view(a_call(), lambda view: view.load(THINGS, "light"))
    assert (light.amount, units.stats.heavy) == (a_thing().amount + 3, 1)


async def test_a_heavy_change_that_others_outrun_is_committed_alone(
    units: MongoUnits, monkeypatch: pytest.MonkeyPatch
) -> None:
    await keep(units, a_thing("t1", amount=0))
    tries = 0

    async def hook(_what: str) -> None:
        nonlocal tries
        tries += 1
        if tries <= committer.TRIES_BEFORE_SPLIT + 1:
            raise Transient("others were quicker")

    writing(monkeypatch, hook)

    async def heavy(change: Change) -> None:
        change.own_transaction()
        await add(change, "t1")

    await units.change(a_call(), heavy)

    assert (await units.view(a_call(), lambda view: view.load(THINGS, "t1"))).amount == 1
    assert tries == committer.TRIES_BEFORE_SPLIT + 2


async def test_a_batch_too_large_is_split_and_a_call_too_large_is_refused(
    units: MongoUnits, monkeypatch: pytest.MonkeyPatch
) -> None:
    await keep(units, *(a_thing(f"small{n}", amount=0) for n in range(8)), a_thing("huge"))

    async def hook(what: str) -> None:
        if "huge" in what or sum(f"small{n}" in what for n in range(8)) > 2:
            raise TransactionTooLarge("more than fits")

    writing(monkeypatch, hook)
    calls = [units.change(a_call(), partial(add, thing_id=f"small{n}")) for n in range(8)]
    calls.append(units.change(a_call(), partial(add, thing_id="huge")))
    *small, huge = await asyncio.gather(*calls, return_exceptions=True)

    assert [getattr(each, "amount", each) for each in small] == [1] * 8
    assert isinstance(huge, InvalidState)
    assert huge.details == {"status": "too_large"}


async def test_bites_too_large_for_the_server_are_halved(units: MongoUnits, monkeypatch: pytest.MonkeyPatch) -> None:
    await keep(units, *(a_thing(f"t{n}", amount=0) for n in range(20)))
    left = [f"t{n}" for n in range(20)]

    async def hook(what: str) -> None:
        if sum(f"'t{n}'" in what for n in range(20)) > 3:
            raise TransactionTooLarge("more than fits")

    writing(monkeypatch, hook)

    async def some(change: Change) -> list[str]:
        bite = left[: change.bite(16)]
        for one in bite:
            await add(change, one)
        return bite

    bites = []
    while left:
        bites.append(await units.change(a_call(), some))
        left = left[len(bites[-1]) :]

    assert [len(bite) for bite in bites] == [2] * 10
    assert units.stats.too_large == 27, "the last two fit at once"
    things = await units.view(a_call(), lambda view: view.get_many(THINGS, [f"t{n}" for n in range(20)]))
    assert [thing.amount for thing in things.values()] == [1] * 20

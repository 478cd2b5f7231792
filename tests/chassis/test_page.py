"""Pages: how many, in which order, and what a token is good for."""

import asyncio
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import pytest

from chassis.clock import FixedClock
from chassis.errors import Invalid
from chassis.mongo.unit import MongoUnits
from chassis.page import Page, PageRequest, Seal, items_of
from chassis.unit import Change, View, between, one_of
from tests.chassis.data_given import NOON, THINGS, Thing, a_call, a_thing, keep, opened

SEAL = Seal(b"a key of at least thirty-two bytes")


@pytest.fixture
async def units(mongodb_uri: str, database_name: str) -> AsyncIterator[MongoUnits]:
    """Units of the test's own database."""
    async with opened(mongodb_uri, database_name) as opening:
        yield opening


async def turn(units: MongoUnits, where: dict[str, Any], org: str = "ACME", **asked: Any) -> Page[Thing]:
    """One page of things."""
    return await units.view(a_call(org), lambda view: view.page(THINGS, where, **asked))


def in_one(pages: list[list[str]]) -> list[str]:
    """The ids of all pages."""
    return [one for page in pages for one in page]


async def turn_all(units: MongoUnits, where: dict[str, Any], limit: int, **asked: Any) -> list[list[str]]:
    """All pages, as ids."""
    pages: list[list[str]] = []
    token = None
    while True:
        page = await turn(units, where, page=PageRequest(limit=limit, next_token=token), **asked)
        assert page.count == len(page.items)
        pages.append([thing.thing_id for thing in page.items])
        token = page.next_token
        if token is None:
            return pages


@pytest.mark.parametrize(("limit", "items"), [(None, 25), (1, 1), (256, 256), (257, 256), (10**9, 256)])
def test_a_page_has_25_items_unless_told_and_never_more_than_256(limit: int | None, items: int) -> None:
    assert items_of(PageRequest(limit=limit)) == items


def test_a_page_of_nothing_is_refused() -> None:
    with pytest.raises(Invalid) as refused:
        items_of(PageRequest(limit=0))
    assert refused.value.details["fields"][0].path == "limit"


def test_a_token_opens_for_the_query_it_was_made_for() -> None:
    token = SEAL.seal(["q", 1], ["2026", 7, None])
    assert SEAL.open(["q", 1], token) == ["2026", 7, None]
    for query, other in ((["q", 2], SEAL), (["q", 1], Seal(b"another key"))):
        with pytest.raises(Invalid) as refused:
            other.open(query, token)
        assert refused.value.details["fields"][0].path == "next_token"


def test_a_token_altered_anywhere_is_refused() -> None:
    token = SEAL.seal("q", ["2026", 7])
    raw = urlsafe_b64decode(token + "=" * (-len(token) % 4))
    altered = [
        urlsafe_b64encode(raw[:place] + bytes([raw[place] ^ 1]) + raw[place + 1 :]).decode().rstrip("=")
        for place in range(len(raw))
    ]
    for one in [*altered, token[:-1], token + "A", token + "=", "", "%", "é", "A" * 4096, "\ud800"]:
        with pytest.raises(Invalid):
            SEAL.open("q", one)


async def test_pages_follow_each_other_newest_first(units: MongoUnits) -> None:
    async def make(change: Change) -> str:
        return (await change.insert(THINGS, a_thing(change.new_id(), code=change.new_id()[-12:].upper()))).thing_id

    made = [await units.change(a_call(), make) for _ in range(11)]

    assert await turn_all(units, {"status": "on"}, 4) == [made[:-5:-1], made[-5:-9:-1], made[2::-1]]
    assert await turn_all(units, {"status": "off"}, 4) == [[]]
    assert await turn_all(units, {"status": "on"}, 11) == [made[::-1]]


async def test_pages_of_a_year_are_whole(mongodb_uri: str, database_name: str) -> None:
    clock = FixedClock(NOON)
    made = []

    async def make(change: Change) -> str:
        return (await change.insert(THINGS, a_thing(change.new_id(), code=change.new_id()[-12:].upper()))).thing_id

    async with opened(mongodb_uri, database_name, clock=clock) as units:
        for seconds in (0, 1, 1, 60, 60, 3600, 86400, 86400 * 30, 86400 * 365, 5):
            clock.advance(seconds)
            made.append(await units.change(a_call(), make))
        assert in_one(await turn_all(units, {"status": "on"}, 3)) == made[::-1]
        clock.advance(86400 * 1000)
        assert in_one(await turn_all(units, {"status": "on"}, 2)) == made[::-1]


async def test_ties_are_broken_by_the_id(units: MongoUnits) -> None:
    await keep(units, *(a_thing(f"t{n}", amount=n // 4) for n in range(9)))
    where = {"place": "here", "status": "on"}

    up = await turn_all(units, where, 2, order=["amount"])
    down = await turn_all(units, where, 2, order=["-amount"])
    bounded = await turn_all(units, {**where, "amount": between(at_least=1)}, 2, order=["amount"])
    rest = await turn_all(units, where, 2, order=["amount"], rest={"code": one_of(["T1", "T4", "T8"])})

    assert in_one(up) == [f"t{n}" for n in range(9)]
    assert in_one(down) == [f"t{n}" for n in range(8, -1, -1)]
    assert in_one(bounded) == [f"t{n}" for n in range(4, 9)]
    assert rest == [["t1", "t4"], ["t8"]]


async def test_pages_stay_consistent_while_rows_come_in(units: MongoUnits) -> None:
    await keep(units, *(a_thing(f"t{n}", amount=n * 10) for n in range(6)))
    where = {"place": "here", "status": "on"}
    first = await turn(units, where, order=["amount"], page=PageRequest(limit=3))
    await keep(units, a_thing("early", amount=5), a_thing("late", amount=45))

    second = await turn(units, where, order=["amount"], page=PageRequest(limit=9, next_token=first.next_token))

    assert [thing.thing_id for thing in second.items] == ["t3", "t4", "late", "t5"]


async def test_a_token_is_no_use_with_other_filters_or_another_org(units: MongoUnits) -> None:
    await keep(units, *(a_thing(f"t{n}") for n in range(3)))
    where: dict[str, Any] = {"place": "here", "status": "on"}
    token = (await turn(units, where, order=["amount"], page=PageRequest(limit=1))).next_token
    page = PageRequest(limit=1, next_token=token)

    others: list[dict[str, Any]] = [
        {"where": {**where, "status": "off"}, "order": ["amount"]},
        {"where": where, "order": ["-amount"]},
        {"where": where, "order": ["amount"], "rest": {"code": "T1"}},
        {"where": where, "order": ["amount"], "org": "OTHER"},
    ]
    for other in others:
        with pytest.raises(Invalid, match="next_token"):
            await turn(units, page=page, **other)
    assert (await turn(units, where, order=["amount"], page=page)).items[0].thing_id == "t1"


async def test_a_page_within_a_change_sees_its_writes(units: MongoUnits) -> None:
    await keep(units, a_thing("t1", amount=1))

    async def act(change: Change, n: int) -> list[str]:
        await change.insert(THINGS, a_thing(f"n{n}", amount=n + 2))
        page = await change.page(
            THINGS, {"place": "here", "status": "on"}, order=["-amount"], page=PageRequest(limit=2)
        )
        return [thing.thing_id for thing in page.items]

    seen = await asyncio.gather(*(units.change(a_call(), partial(act, n=n)) for n in range(3)))

    assert sorted(len(ids) for ids in seen) == [2, 2, 2]
    assert all(f"n{n}" in ids for n, ids in enumerate(seen))


async def test_views_of_pages_share_nothing_they_should_not(units: MongoUnits) -> None:
    await keep(units, *(a_thing(f"a{n}") for n in range(4)))
    await keep(units, *(a_thing(f"b{n}") for n in range(4)), org="OTHER")

    async def look(view: View) -> list[str]:
        page = await view.page(THINGS, {"status": "on"}, page=PageRequest(limit=3))
        return [thing.thing_id for thing in page.items]

    seen = await asyncio.gather(*(units.view(a_call(org), look) for org in ("ACME", "OTHER", "ACME")))
    assert seen == [["a3", "a2", "a1"], ["b3", "b2", "b1"], ["a3", "a2", "a1"]]

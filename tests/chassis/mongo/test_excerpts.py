"""What `Excerpt` promises: queries that read some fields of records, beside others that read them whole."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
import pytest_asyncio

from chassis.entity import Document, Entity, Excerpt, Value
from chassis.mongo.collection import Collection
from chassis.mongo.unit import MongoUnits
from chassis.page import PageRequest
from chassis.unit import View, between, one_of
from tests.chassis.data_given import THINGS, Part, a_call, a_thing, keep, opened


class Shown(Document):
    """What is read of a thing."""

    thing_id: str
    orgcode: str
    place: str
    amount: int


class Inner(Value):
    """What is read of a part."""

    code: str


SHOWN = Excerpt(THINGS, Shown)


@pytest_asyncio.fixture
async def units(mongodb_uri: str, database_name: str) -> AsyncIterator[MongoUnits]:
    """Units of the test's own database."""
    async with opened(mongodb_uri, database_name, "pymongo") as opening:
        yield opening


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[Mapping[str, Any]]:
    """The documents that finds have read."""
    found: list[Mapping[str, Any]] = []
    original = Collection.find

    async def find(collection: Collection, *given: Any, **more: Any) -> list[dict[str, Any]]:
        documents = await original(collection, *given, **more)
        found.extend(dict(each) for each in documents)
        return documents

    monkeypatch.setattr(Collection, "find", find)
    return found


async def given(units: MongoUnits) -> None:
    things = (a_thing(f"t{n}", amount=n, place=f"p{n % 2}", parts=[Part(code="A")]) for n in range(6))
    await keep(units, *things)


@pytest.mark.parametrize("snapshot", [False, True])
async def test_a_page_of_excerpts_is_that_of_the_records(
    units: MongoUnits, snapshot: bool, read: list[Mapping[str, Any]]
) -> None:
    await given(units)
    read.clear()

    async def look(view: View) -> tuple[list[Shown], str | None]:
        first = await view.page(SHOWN, {"status": "on"}, page=PageRequest(limit=4))
        second = await view.page(SHOWN, {"status": "on"}, page=PageRequest(limit=4, next_token=first.next_token))
        return [*first.items, *second.items], second.next_token

    found, token = await units.view(a_call(), look, snapshot=snapshot)

    assert found == [Shown(thing_id=f"t{n}", orgcode="ACME", place=f"p{n % 2}", amount=n) for n in reversed(range(6))]
    assert token is None
    assert read
    assert all(set(each) <= {"_id", "orgcode", "place", "amount"} for each in read)


async def test_a_view_reads_records_whole_beside_their_excerpts(units: MongoUnits) -> None:
    await given(units)

    async def look(view: View) -> tuple[Any, ...]:
        shown = await view.find(SHOWN, {"place": "p1", "status": "on", "amount": between(at_least=2)})
        whole = await view.find(THINGS, {"place": "p1", "status": "on", "amount": between(at_least=2)})
        again = await view.get(THINGS, "t3")
        return [each.thing_id for each in shown], [each.parts for each in whole], again and again.parts

    parts = [Part(code="A")]
    assert await units.view(a_call(), look) == (["t3", "t5"], [parts, parts], parts)


async def test_queries_at_once_each_get_their_own(units: MongoUnits) -> None:
    await given(units)

    async def in_place(place: str) -> list[str]:
        found = await units.view(a_call(), lambda view: view.find(SHOWN, {"place": place, "status": one_of(["on"])}))
        return [each.thing_id for each in found]

    found = await asyncio.gather(*(in_place(f"p{n % 3}") for n in range(12)))

    assert found == [["t0", "t2", "t4"], ["t1", "t3", "t5"], []] * 4


async def test_a_snapshot_reader_reads_excerpts_by_query_and_by_id(
    units: MongoUnits, read: list[Mapping[str, Any]]
) -> None:
    await given(units)
    read.clear()

    async with units.snapshot_reader(a_call(), moment=False) as reader:
        by_id = await reader.find(SHOWN, {"thing_id": one_of(["t1", "t4", "none"])}, limit=3)
        by_place = await reader.find(SHOWN, {"place": "p0", "status": "on"}, rest={"code": "T2"})

    assert sorted(each.amount for each in by_id) == [1, 4]
    assert [each.thing_id for each in by_place] == ["t2"]
    assert all("parts" not in each for each in read)


def test_a_nested_struct_is_read_whole_unless_the_excerpt_has_another() -> None:
    class Whole(Document):
        whole_id: str
        one: Part | None = None
        two: Part | None = None
        many: list[Part]

    class Few(Document):
        whole_id: str
        one: Part | None = None
        two: Inner
        many: list[Part]

    fields = Excerpt(Entity("whole", Whole, collection="wholes", id="whole_id"), Few).fields

    assert fields == ("_id", "one", "two.code", "many")


async def test_an_excerpt_is_not_read_by_id(units: MongoUnits) -> None:
    await given(units)

    with pytest.raises(AssertionError, match="by queries alone"):
        await units.view(a_call(), lambda view: view.get(SHOWN, "t1"))

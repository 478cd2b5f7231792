"""Declared indexes are made, and the database uses them for the queries we send."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from chassis.entity import Entity, index, unique
from chassis.mongo.client import Database
from chassis.mongo.indexes import ensure, is_served, stages_of
from chassis.mongo.query import build
from chassis.mongo.table import Table
from chassis.unit import between, one_of
from tests.chassis.data_given import ENTITIES, FACTS, LEFTS, RIGHTS, SEEN, THINGS, Thing


@pytest.fixture
async def database(mongodb_uri: str, database_name: str) -> AsyncIterator[Database]:
    """The test's own database."""
    opening = await Database.connect(mongodb_uri, database_name, "pymongo")
    yield opening
    await opening.close()


async def made(database: Database, collection: str) -> dict[str, dict[str, Any]]:
    """A collection's indexes by name, but for that of the id."""
    found = await database.collection(collection).indexes()
    return {one["name"]: one for one in found if one["name"] != "_id_"}


async def test_declared_indexes_are_made_with_the_org_first_and_the_id_last(database: Database) -> None:
    await ensure(database, ENTITIES)

    things = await made(database, "things")
    twin = things.pop("folded_twin", None)
    assert (twin is not None) == database.quirks.conditions_serve_one
    assert {name: list(one["key"]) for name, one in things.items()} == {
        "place_code": ["orgcode", "place", "code"],
        "folded": ["orgcode", "folded"],
        "place_status_amount": ["orgcode", "place", "status", "amount", "_id"],
        "status_thing_id": ["orgcode", "status", "_id"],
        "parts_code_amount": ["orgcode", "parts.code", "amount", "_id"],
        "sweep": ["status", "amount", "_id"],
    }
    assert things["place_code"]["unique"] is True
    assert things["folded"]["partialFilterExpression"] == {"status": "on"}
    assert list((await made(database, SEEN.collection))["expires_expires"]["key"]) == ["expires"]
    assert set(await made(database, LEFTS.collection)) == {"group"}


async def test_making_them_again_changes_nothing_and_a_new_meaning_replaces_the_old(database: Database) -> None:
    def declared(which: Any) -> list[Entity[Any]]:
        return [Entity("thing", Thing, collection="things", id="thing_id", indexes=[which])]

    await ensure(database, declared(index("place", name="it")))
    await ensure(database, declared(index("place", name="it")))
    assert list((await made(database, "things"))["it"]["key"]) == ["orgcode", "place", "_id"]
    await ensure(database, declared(unique("code", name="it", refusal="taken")))
    assert list((await made(database, "things"))["it"]["key"]) == ["orgcode", "code"]


async def test_two_meanings_of_one_name_are_refused(database: Database) -> None:
    other = Entity(
        "thing", Thing, collection=FACTS.collection, id="thing_id", indexes=[index("code", name="about_number")]
    )
    with pytest.raises(TypeError, match="facts has two different indexes named about_number"):
        await ensure(database, [FACTS, other])


QUERIES: list[dict[str, Any]] = [
    {"where": {"place": "p", "code": "c"}},
    {"where": {"place": "p", "code": one_of(["c", "d"])}},
    {"where": {"place": "p", "status": "on"}, "order": ["-amount"]},
    {"where": {"place": "p", "status": "on", "amount": between(at_least=3, at_most=9)}},
    {"where": {"place": "p", "status": one_of(["on", "off"]), "amount": between(below=9)}},
    {"where": {"place": "p", "status": "on"}, "order": ["-amount"], "after": [5, "t"]},
    {"where": {"place": "p", "status": "on"}, "rest": {"secret": None}},
    {"where": {"status": "on"}, "order": ["-thing_id"], "after": ["t"]},
    {"where": {"status": "on", "folded": "f"}},
    {"where": {"parts.code": "c", "amount": 4}},
]


@pytest.mark.parametrize("asked", QUERIES, ids=repr)
async def test_the_database_plans_no_scan_for_what_an_index_serves(database: Database, asked: dict[str, Any]) -> None:
    await ensure(database, ENTITIES)
    documents = [{"_id": f"t{n}", "orgcode": "ACME", "place": f"p{n}", "status": "on", "amount": n} for n in range(50)]
    for document in documents:
        document |= {"code": f"c{document['_id']}", "folded": f"f{document['_id']}"}
    await database.collection("things").insert_many(documents)
    query = build(Table(THINGS), "ACME", **asked)
    source = database.collection("things")

    plain = await source.explain({"find": "things", "filter": query.first, "sort": dict(query.sort)})
    piped = await source.explain({"aggregate": "things", "pipeline": query.pipeline(10), "cursor": {}})

    assert is_served(plain), plain
    assert is_served(piped), piped


async def test_reading_by_id_plans_no_scan(database: Database) -> None:
    await ensure(database, ENTITIES)
    await database.collection("things").insert_many([{"_id": f"t{n}", "code": n} for n in range(20)])
    plan = await database.collection("things").explain({"find": "things", "filter": {"_id": {"$in": ["t1", "t2"]}}})
    assert is_served(plan)


async def test_a_scan_is_told_from_a_served_query(database: Database) -> None:
    await ensure(database, ENTITIES)
    await database.collection("things").insert_many([{"_id": f"t{n}", "code": n, "amount": n} for n in range(20)])
    plan = await database.collection("things").explain({"find": "things", "filter": {"amount": 4}})
    assert "COLLSCAN" in stages_of(plan)
    assert not is_served(plan)


async def test_kinds_of_one_collection_share_an_index_declared_alike(database: Database) -> None:
    await ensure(database, [LEFTS, RIGHTS])
    assert list((await made(database, "sides"))["group"]["key"]) == ["orgcode", "group", "_id"]

"""The check of all suites: it finds the queries that the database scans a whole collection for."""

from typing import Any

from pymongo import MongoClient

from chassis.mongo.query_shapes import shape_of
from tests.shapes import scanned


def test_a_query_that_the_engine_scans_for_is_found_and_one_by_an_index_is_not(
    mongodb_client: MongoClient[dict[str, Any]], database_name: str
) -> None:
    database = mongodb_client[database_name]
    name = f"plans_{database_name}"
    database[name].insert_many([{"org": "A", "number": number, "other": number} for number in range(20)])
    database[name].create_index([("org", 1), ("number", 1)])
    served: dict[str, Any] = {"org": "A", "number": {"$gte": 3}}
    scans: dict[str, Any] = {"org": "A", "other": 5}
    examples = {shape_of(name, where): where for where in (served, scans)}

    found = scanned(database, examples)

    assert len(found) == 1
    assert str(scans) in found[0]

"""Every query of a run is noted, and at its end held against the declared indexes by MongoDB's own rule."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from pymongo.database import Database

from chassis.mongo.query_shapes import RECORDER, Shape

_explained: set[Shape] = set()


@pytest.fixture(scope="session", autouse=True)
def every_shape_is_served() -> Iterator[None]:
    """No query that the run sent plans a scan: equal fields first, then the order, then one range."""
    RECORDER.start()
    yield
    unserved = RECORDER.unserved()
    assert not unserved, "no declared index serves:\n" + "\n".join(map(str, unserved))


def scanned(
    database: Database[dict[str, Any]], examples: Mapping[Shape, Mapping[str, Any]] = RECORDER.examples
) -> list[str]:
    """The queries seen so far that the engine itself answers by scanning a collection of this database, as it explains
    one example of each shape. Left out are shapes explained before, walks through a whole collection, and collections
    without an index, which a test has filled by itself."""
    names = {name for name in database.list_collection_names() if len(database[name].index_information()) > 1}
    found = []
    for shape, where in list(examples.items()):
        if shape in _explained or shape.collection not in names or not (shape.equal or shape.ranges - {"_id"}):
            continue
        _explained.add(shape)
        find = {"find": shape.collection, "filter": where, "sort": dict(shape.order)}
        plan = database.command("explain", {name: value for name, value in find.items() if value})
        if "COLLSCAN" in _stages(plan["queryPlanner"]["winningPlan"]):
            found.append(f"{shape}, asked as {where}")
    return found


def _stages(plan: Any) -> set[str]:
    """All stages of a plan."""
    if isinstance(plan, list):
        return set().union(*map(_stages, plan))
    if not isinstance(plan, dict):
        return set()
    own = {plan["stage"]} if "stage" in plan else set()
    return own.union(*map(_stages, plan.values()))

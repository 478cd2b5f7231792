"""Records are found by keys of a unique index with a condition without a scan, however many keys are asked for."""

from typing import Any

import pytest

from chassis.clock import SystemClock
from chassis.mongo.collection import Collection
from chassis.mongo.indexes import is_served
from chassis.mongo.unit import MongoUnits
from chassis.unit import Change, View
from tests.chassis.data_given import THINGS, a_call, a_thing, keep, opened

MANY = 40


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The finds that were sent for things, within transactions and outside."""
    seen: list[dict[str, Any]] = []
    real = Collection._read

    async def read(self: Collection, command: Any, within: Any) -> Any:
        if self.name == THINGS.collection:
            seen.append({name: value for name, value in command.items() if name in {"find", "filter"}})
        return await real(self, command, within)

    monkeypatch.setattr(Collection, "_read", read)
    return seen


async def all_served(units: MongoUnits, finds: list[dict[str, Any]]) -> bool:
    things = units.database.collection(THINGS.collection)
    return all([is_served(await things.explain(each)) for each in finds])


async def test_several_keys_are_found_without_a_scan(
    mongodb_uri: str, database_name: str, asked: list[dict[str, Any]]
) -> None:
    async with opened(mongodb_uri, database_name, clock=SystemClock()) as units:
        await keep(units, *(a_thing(f"t{number}", place="A", status="on") for number in range(MANY)))
        keys = [("A/t1",), ("A/t2",), *((f"A/none{number}",) for number in range(MANY))]

        async def look(view: View) -> set[str]:
            return {each.thing_id for each in (await view.lookup_many(THINGS, "folded", keys)).values()}

        async def change(change: Change) -> set[str]:
            return await look(change)

        asked.clear()
        assert await units.view(a_call(), look) == {"t1", "t2"}
        assert await units.change(a_call(), change) == {"t1", "t2"}

        assert len(asked) == 2, "one find each, however many keys"
        assert await all_served(units, asked)

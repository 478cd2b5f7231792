"""Creating declared indexes, and whether a server's plan uses one."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from chassis.entity import Entity, Index
from chassis.mongo.client import Database
from chassis.mongo.query_shapes import RECORDER
from chassis.mongo.table import keys_of

SERVED = frozenset(
    {
        "IDHACK",
        "EXPRESS_IXSCAN",
        "EXPRESS_CLUSTERED_IXSCAN",
        "CLUSTERED_IXSCAN",
        "IXSCAN",
        "COUNT_SCAN",
        "DISTINCT_SCAN",
        "EOF",
    }
)
"""Plan stages that reach records by an index, or know that there are none."""


async def ensure(database: Database, entities: Iterable[Entity[Any]]) -> None:
    """Create the collections and indexes of these entities. An index that is declared differently under its old name is
    replaced.
    """
    wanted: dict[str, dict[str, dict[str, Any]]] = {}
    entities = list(entities)
    for entity in entities:
        named = wanted.setdefault(entity.collection, {})
        indexes = (*entity.indexes, *_missing_org(entity, entities), *_twins(entity, database))
        for index in indexes:
            specification = specify(entity, index)
            if named.setdefault(index.name, specification) != specification:
                raise TypeError(f"{entity.collection} has two different indexes named {index.name}")
        RECORDER.declare(entity.collection, (keys_of(entity, index) for index in indexes))
    for collection, named in wanted.items():
        await _make(database, collection, named)


def _missing_org(entity: Entity[Any], all_of_them: Sequence[Entity[Any]]) -> tuple[Index, ...]:
    """An index by org alone, if no declared one finds all documents of an org: the vacuum needs it."""
    if not entity.org_scoped:
        return ()
    beside = [other for other in all_of_them if other.collection == entity.collection]
    found = any(each.fields_of(index)[0] == "orgcode" and not index.where for each in beside for index in each.indexes)
    return () if found else (Index(fields=(entity.id,), name="org"),)


def _twins(entity: Entity[Any], database: Database) -> list[Index]:
    """An index without condition for each unique one with a condition, where a server looks keys up by such a twin."""
    if not database.quirks.conditions_serve_one:
        return []
    return [
        Index(fields=each.fields, name=f"{each.name}_twin", every_org=each.every_org)
        for each in entity.indexes
        if each.unique and each.where
    ]


async def _make(database: Database, name: str, named: Mapping[str, Mapping[str, Any]]) -> None:
    collection = database.collection(name)
    await collection.create()
    there = {found["name"]: found for found in await collection.indexes()}
    missing = []
    for index, specification in named.items():
        found = there.get(index)
        if found is not None and _same(found, specification):
            continue
        if found is not None:
            await collection.drop_index(index)
        missing.append(specification)
    await collection.create_indexes(missing)


def specify(entity: Entity[Any], index: Index) -> dict[str, Any]:
    """An index as `createIndexes` takes it."""
    specification: dict[str, Any] = {"name": index.name, "key": dict.fromkeys(entity.fields_of(index), 1)}
    if index.unique:
        specification["unique"] = True
    if index.where:
        specification["partialFilterExpression"] = {
            ("_id" if field == entity.id else field): value for field, value in index.where.items()
        }
    if index.expire_after_seconds is not None:
        specification["expireAfterSeconds"] = index.expire_after_seconds
    return specification


def _same(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    if list(found["key"]) != list(wanted["key"]):
        return False
    options = ("unique", "partialFilterExpression", "expireAfterSeconds")
    return all((found.get(name) or None) == (wanted.get(name) or None) for name in options)


def stages_of(plan: Any) -> set[str]:
    """The names of all stages of an explained plan, without those of rejected plans."""
    if isinstance(plan, Mapping):
        found = {plan["stage"]} if isinstance(plan.get("stage"), str) else set()
        for name, part in plan.items():
            if name not in {"rejectedPlans", "command", "parsedQuery"}:
                found |= stages_of(part)
        return found
    if isinstance(plan, list):
        return set().union(*(stages_of(part) for part in plan)) if plan else set()
    return set()


def is_served(plan: Any) -> bool:
    """Whether an explained plan reaches its records by an index, without a scan of the collection."""
    stages = stages_of(plan)
    return bool(stages & SERVED) and "COLLSCAN" not in stages

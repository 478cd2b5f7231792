"""Erasing collections in batches, for an org or completely, without holding up other work.

Every collection of the database is included, not only those that entities declare: an undeclared one could hold an
org's records unnoticed. An org's documents are found by an index that starts with the org (`indexes.py` makes sure
there is one); only undeclared collections are scanned.

Ids are read many at a time and deleted in short transactions (`quirks.py` says why). After each transaction there is a
pause in proportion to how long it took, so that a vacuum takes the same share of a slow database as of a fast one.
"""

import asyncio
import random
from collections.abc import AsyncGenerator, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from time import monotonic
from typing import Any

from chassis.entity import Entity, Value
from chassis.errors import DatabaseError, Unavailable
from chassis.mongo.client import Database
from chassis.mongo.errors import Transient, UnknownCommit
from chassis.mongo.quirks import READ_IDS_MAX

BATCH_DOCUMENTS = 250
PAUSE_SHARE = 2.5
"""The pause after a batch, as a multiple of the batch's own time, unless the pace falls below `PACE_DOCUMENTS`."""

PAUSE_SHARE_MIN = 0.5
PACE_DOCUMENTS = 2_000
"""Documents a second that a vacuum should reach under load. Below it, pauses get shorter, down to `PAUSE_SHARE_MIN`."""

PAUSE_SECONDS_MAX = 1.0
TRIES_MAX = 12
JITTER_SECONDS = 0.005


class ErasureTarget(Value):
    """A collection to erase, and the field that holds the org; None if every document must be looked at."""

    collection: str
    org_field: str | None


async def erasure_targets(
    database: Database, entities: Iterable[Entity[Any]], kept: Collection[str], org: str | None
) -> list[ErasureTarget]:
    """The collections of the database by name, without those in `kept`.

    For an org, collections whose entities belong to no org are left out as well.
    """
    declared: dict[str, list[Entity[Any]]] = {}
    for entity in entities:
        declared.setdefault(entity.collection, []).append(entity)
    found = []
    with unreachable_as_unavailable():
        for name in await _names(database):
            if name in kept or name.startswith("system."):
                continue
            if org is None:
                found.append(ErasureTarget(collection=name, org_field=None))
                continue
            field = await _org_field(database, name, declared.get(name, ()))
            if field is not None or not _is_of_none(declared.get(name, ())):
                found.append(ErasureTarget(collection=name, org_field=field))
    return found


async def count(database: Database, target: ErasureTarget, org: str | None) -> int:
    """The number of documents `erase` would delete now."""
    collection = database.collection(target.collection)
    with unreachable_as_unavailable():
        if org is None:
            return await collection.count({})
        if target.org_field is not None:
            return await collection.count({target.org_field: org})
    return sum([len(ids) async for ids in _walk(database, target, org)])


async def erase(database: Database, target: ErasureTarget, org: str | None) -> AsyncGenerator[int, None]:
    """Delete in batches; the number deleted in each. Raises `Unavailable` if the database is not reached."""
    batches = _batches(database, target, org) if org is None or target.org_field else _walk(database, target, org)
    async for ids in batches:
        for start in range(0, len(ids), BATCH_DOCUMENTS):
            began = monotonic()
            batch = ids[start : start + BATCH_DOCUMENTS]
            await _remove(database, target.collection, batch)
            yield len(batch)
            await asyncio.sleep(_pause(len(batch), monotonic() - began))


def _pause(documents: int, took: float) -> float:
    """Seconds to wait after a batch, from how long it took."""
    in_pace = documents / PACE_DOCUMENTS - took
    return min(PAUSE_SECONDS_MAX, took * PAUSE_SHARE, max(took * PAUSE_SHARE_MIN, in_pace))


@contextmanager
def unreachable_as_unavailable() -> Iterator[None]:
    """Raises `Unavailable` for errors of the database: a later call continues where this one stopped."""
    try:
        yield
    except DatabaseError as failure:
        raise Unavailable("the database can't be reached") from failure


async def _names(database: Database) -> list[str]:
    reply = await database.command({"listCollections": 1, "nameOnly": True, "cursor": {"batchSize": 1000}})
    return sorted(found["name"] for found in reply["cursor"]["firstBatch"] if found.get("type") != "view")


async def _org_field(database: Database, name: str, entities: Sequence[Entity[Any]]) -> str | None:
    """The field that finds an org's documents: the id if records are orgs, else the org of an index."""
    if any(entity.id == "orgcode" for entity in entities):
        return "_id"
    for index in await database.collection(name).indexes():
        if next(iter(index["key"])) == "orgcode" and "partialFilterExpression" not in index:
            return "orgcode"
    return None


def _is_of_none(entities: Sequence[Entity[Any]]) -> bool:
    """Whether the records belong to no org: declared so, and without a field of their own that names one."""
    return bool(entities) and not any(
        entity.org_scoped or ("orgcode" in entity.struct.__struct_fields__ and not entity.versioned)
        for entity in entities
    )


async def _batches(database: Database, target: ErasureTarget, org: str | None) -> AsyncGenerator[list[Any], None]:
    """Ids of the remaining documents until there are none. Each batch must be deleted before the next is read."""
    collection = database.collection(target.collection)
    where: Mapping[str, Any] = {} if org is None or target.org_field is None else {target.org_field: org}
    while True:
        with unreachable_as_unavailable():
            found = await collection.find(where, projection={"_id": 1}, limit=READ_IDS_MAX)
        if not found:
            return
        yield [document["_id"] for document in found]


async def _walk(database: Database, target: ErasureTarget, org: str | None) -> AsyncGenerator[list[Any], None]:
    """Ids of an org's documents, found by reading the whole collection in order of ids."""
    collection = database.collection(target.collection)
    after: Mapping[str, Any] = {}
    while True:
        with unreachable_as_unavailable():
            found = await collection.find(after, projection={"orgcode": 1}, sort=[("_id", 1)], limit=READ_IDS_MAX)
        if ids := [document["_id"] for document in found if document.get("orgcode") == org]:
            yield ids
        if len(found) < READ_IDS_MAX:
            return
        after = {"_id": {"$gt": found[-1]["_id"]}}


async def _remove(database: Database, name: str, ids: Sequence[Any]) -> None:
    """Delete these in one transaction. Repeating it after an unknown commit does no harm."""
    collection = database.collection(name)
    with unreachable_as_unavailable():
        for tries in range(TRIES_MAX):
            try:
                async with database.transaction() as transaction:
                    await collection.delete_many({"_id": {"$in": list(ids)}}, session=transaction)
                    await transaction.commit()
                return
            except (Transient, UnknownCommit):
                if tries == TRIES_MAX - 1:
                    raise
                await asyncio.sleep(random.random() * JITTER_SECONDS * 2 ** min(tries, 7))

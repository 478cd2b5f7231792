"""Loading what operations miss: one find per collection for ids, and as few as possible for keys and queries."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from typing import Any

from chassis.mongo.client import Database
from chassis.mongo.collection import Document
from chassis.mongo.query import Query
from chassis.mongo.remembered import WRITE_ID
from chassis.mongo.table import Key, Table, UniqueKey
from chassis.mongo.transaction import Transaction
from chassis.mongo.working_set import FindResult, PendingReads, WorkingSet

IDS_MAX = 5_000
"""Ids in one find."""

DECODED_BETWEEN_YIELDS = 64


async def load(database: Database, held: WorkingSet, reads: PendingReads, within: Transaction | None) -> None:
    """Load all pending reads, one after the other within a transaction, concurrently without."""
    # Not coroutines yet: of those that a failure leaves over, nothing must remain.
    jobs: list[Callable[[], Coroutine[Any, Any, None]]] = []
    jobs += [partial(_load_ids, database, held, collection, ids, within) for collection, ids in reads.ids.items()]
    jobs += [
        partial(_load_keys, database, held, table, unique, keys, within) for table, unique, keys in reads.keys.values()
    ]
    unanswered = [asked for asked in reads.finds.values() if not held.has_answer(*asked)]
    jobs += [partial(_load_finds, database, held, group, within) for group in _alike(unanswered)]
    if within is None and len(jobs) > 1:
        await _all_at_once(jobs)
        return
    for job in jobs:
        await job()


async def _all_at_once(jobs: Sequence[Callable[[], Coroutine[Any, Any, None]]]) -> None:
    """Run all of them. If one fails, the others are cancelled and have ended before its error is raised."""
    tasks = [asyncio.create_task(job()) for job in jobs]
    try:
        await asyncio.gather(*tasks)
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise


async def _load_ids(
    database: Database, held: WorkingSet, collection: str, ids: set[str], within: Transaction | None
) -> None:
    slots = held.collection_state(collection).slots
    wanted = [one for one in ids if one not in slots]
    if known := held.remembered.among(collection, wanted):
        known_now = await database.collection(collection).find(
            {"_id": {"$in": known}}, projection={WRITE_ID: 1}, session=within
        )
        for each in known_now:
            held.keep_remembered(collection, each["_id"], each.get(WRITE_ID))
        wanted = [one for one in wanted if one not in slots]
    for start in range(0, len(wanted), IDS_MAX):
        part = wanted[start : start + IDS_MAX]
        for document in await database.collection(collection).find({"_id": {"$in": part}}, session=within):
            held.keep(collection, document)
        held.note_absent(collection, part)


async def _load_keys(
    database: Database,
    held: WorkingSet,
    table: Table[Any],
    unique: UniqueKey,
    keys: set[Key],
    within: Transaction | None,
) -> None:
    known = held.collection_state(table.collection).keys.setdefault(unique.name, {})
    wanted = {key for key in keys if key not in known}
    conditions = {} if database.quirks.conditions_serve_one else unique.conditions
    for first, second in _lookups(unique, wanted, conditions):
        for place, document in enumerate(await _matching(database, table.collection, first, second, within), 1):
            if not place % DECODED_BETWEEN_YIELDS:
                await asyncio.sleep(0)
            slot = held.collection_state(table.collection).slots[held.keep(table.collection, document)]
            # Another operation of the batch may have moved the key since; what is already known stands.
            record = slot.record_of(table)
            for key in unique.keys_of(record) if record is not None else ():
                known.setdefault(key, table.entity.id_of(record))
    for key in wanted:
        known.setdefault(key, None)


def _lookups(unique: UniqueKey, keys: set[Key], conditions: Document) -> list[tuple[Document, Document]]:
    """Filters that together find all keys: all fields equal but one, which takes any of several values."""
    if not keys:
        return []
    best: tuple[int, int] | None = None
    for place in reversed(range(len(unique.fields))):
        groups = len({key[:place] for key in keys})
        # Varying an earlier field takes fewer finds but reads more than was asked for: it must pay off.
        if best is None or (best[1] > 4 and groups * 4 <= best[1]):
            best = (place, groups)
    assert best is not None
    place = best[0]
    grouped: dict[Key, set[Key]] = {}
    for key in keys:
        grouped.setdefault(key[:place], set()).add(key)
    filters = []
    for head, members in grouped.items():
        first: Document = {**conditions, **dict(zip(unique.fields, head, strict=False))}
        first[unique.fields[place]] = _any_of({key[place] for key in members})
        behind = range(place + 1, len(unique.fields))
        second = {unique.fields[at]: _any_of({key[at] for key in members}) for at in behind}
        filters.append((first, second))
    return filters


def _any_of(values: set[Any]) -> Any:
    return {"$in": list(values)} if len(values) > 1 else next(iter(values))


async def _matching(
    database: Database, collection: str, first: Document, second: Document, within: Transaction | None
) -> list[Document]:
    source = database.collection(collection)
    if not second:
        return await source.find(first, session=within)
    return await source.aggregate([{"$match": first}, {"$match": second}], session=within)


Asked = tuple[Query, int]


def _alike(asked: Sequence[Asked]) -> list[list[Asked]]:
    """Queries that differ only in the last field the index covers, grouped: one find answers a group."""
    if len(asked) < 2:
        return [[one] for one in asked]
    groups: dict[Any, list[Asked]] = {}
    for query, limit in asked:
        groups.setdefault(query.sibling_key() or query.key, []).append((query, limit))
    return list(groups.values())


async def _load_finds(database: Database, held: WorkingSet, group: list[Asked], within: Transaction | None) -> None:
    if len(group) > 1:
        limit = sum(limit for _, limit in group) + 1
        query = group[0][0]
        documents = await _found(database, query, query.together([each for each, _ in group]), limit, within)
        if len(documents) < limit:
            _share_out(held, group, documents)
            return
    for query, limit in group:
        documents = await _found(database, query, query.first, limit, within)
        ids = [held.keep(query.held_as, document) for document in documents]
        held.answers[query.key] = FindResult(ids, limit)


async def _found(
    database: Database, query: Query, first: Document, limit: int, within: Transaction | None
) -> list[Document]:
    source = database.collection(query.collection)
    if not query.second:
        projection = query.table.projection
        return await source.find(first, projection=projection, sort=query.sort, limit=limit, session=within)
    return await source.aggregate([{"$match": first}, *query.pipeline(limit)[1:]], session=within)


def _share_out(held: WorkingSet, group: list[Asked], documents: list[Document]) -> None:
    """Give each query of a group its part of the result, in order."""
    lead = group[0][0]
    parts: dict[Any, list[str]] = {query.first[lead.last_field]: [] for query, _ in group}
    for document in documents:
        value = document.get(lead.last_field)
        record_id = held.keep(lead.held_as, document)
        for one in value if isinstance(value, list) else (value,):
            if one in parts:
                parts[one].append(record_id)
    for query, limit in group:
        held.answers[query.key] = FindResult(parts[query.first[lead.last_field]], limit)

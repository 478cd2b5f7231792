"""Bringing stored documents to the form of this release: derived fields that it added or computes otherwise, and fields
that it stores and an earlier one did not.

Revisions, times and history stay: what happened to a record is not changed. It may be cut off and repeated at any time,
beside ordinary changes.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from chassis.entity import Entity, Value
from chassis.mongo.client import Database

PAGE_RECORDS = 200

Complete = Callable[[Sequence[Mapping[str, Any]]], Awaitable[Mapping[str, Mapping[str, Any]]]]
"""Gives, by id, fields to be set on these documents, or does what must be done before they are."""


class RederivedPage(Value):
    """How many documents of a page are of the entity, and how many were brought up to date; `after`: the last id read,
    None at the end."""

    checked: int
    corrected: int
    after: str | None


async def rederive(
    database: Database,
    entity: Entity[Any],
    after: str = "",
    *,
    complete: Complete | None = None,
    skip: Callable[[str], bool] = lambda _: False,
) -> RederivedPage:
    """Compute the derived fields of the entity's next documents, of all orgs in the order of ids, and store those that
    are missing or different.

    complete  gives further fields to be stored
    skip      whether the documents of an org are left as they are
    """
    collection = database.collection(entity.collection)
    found = await collection.find({"_id": {"$gt": after}}, sort=[("_id", 1)], limit=PAGE_RECORDS)
    ours = [
        document
        for document in found
        if not (entity.kind and document.get("kind") != entity.kind) and not skip(document.get("orgcode", ""))
    ]
    added = await complete(ours) if complete is not None and ours else {}
    corrected = 0
    for document in ours:
        if wrong := _wrong(entity, document, added.get(document["_id"], {})):
            _, changed = await collection.update_one({"_id": document["_id"]}, [{"$set": wrong}])
            corrected += changed
    return RederivedPage(
        checked=len(ours), corrected=corrected, after=found[-1]["_id"] if len(found) == PAGE_RECORDS else None
    )


def _wrong(entity: Entity[Any], document: Mapping[str, Any], added: Mapping[str, Any]) -> dict[str, Any]:
    """The fields to set, each unless the record was changed since it was read: a change stores all anew."""
    record = entity.from_document({**document, **added})
    values = {**added, **{field: derive(record) for field, derive in entity.derived.items()}}
    unchanged = {"$eq": ["$revision", document.get("revision")]} if entity.versioned else True
    absent = object()
    return {
        field: {"$cond": [unchanged, {"$literal": value}, f"${field}"]}
        for field, value in values.items()
        if document.get(field, absent) != value
    }

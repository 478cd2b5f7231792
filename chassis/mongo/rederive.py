"""Computing the derived fields of stored documents again, after a release that added one or computes it otherwise."""

from collections.abc import Iterable
from typing import Any

from chassis.entity import Entity, Value
from chassis.mongo.client import Database
from chassis.telemetry.log import get_logger

PAGE_RECORDS = 200

log = get_logger("chassis.mongo.rederive")


class Rederived(Value):
    """How many documents were looked at, and how many of them had a derived field that was missing or different."""

    checked: int
    corrected: int


async def rederive(database: Database, entities: Iterable[Entity[Any]]) -> Rederived:
    """Compute the derived fields of these entities, of all orgs, and store those that are missing or different.

    Revisions, times and history stay: nothing has changed that a caller sees. It can be cut off and run again at any
    time, beside ordinary changes. Reads page by page in the order of ids.
    """
    checked = corrected = 0
    for entity in entities:
        collection = database.collection(entity.collection)
        after = ""
        while True:
            found = await collection.find({"_id": {"$gt": after}}, sort=[("_id", 1)], limit=PAGE_RECORDS)
            for document in found:
                if entity.kind and document.get("kind") != entity.kind:
                    continue
                checked += 1
                if wrong := _wrong(entity, document):
                    _, changed = await collection.update_one({"_id": document["_id"]}, [{"$set": wrong}])
                    corrected += changed
            log.info("derived fields are computed", entity=entity.name, checked=checked, corrected=corrected)
            if len(found) < PAGE_RECORDS:
                break
            after = found[-1]["_id"]
    return Rederived(checked=checked, corrected=corrected)


def _wrong(entity: Entity[Any], document: dict[str, Any]) -> dict[str, Any]:
    """The derived fields to set, each unless the record was changed since it was read: a change derives all anew."""
    record = entity.from_document(document)
    values = {field: derive(record) for field, derive in entity.derived.items()}
    unchanged = {"$eq": ["$revision", document.get("revision")]} if entity.versioned else True
    return {
        field: {"$cond": [unchanged, {"$literal": value}, f"${field}"]}
        for field, value in values.items()
        if document.get(field) != value
    }

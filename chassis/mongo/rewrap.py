"""Moving sealed secrets under the current key, once a key was exchanged."""

from collections.abc import Iterable
from typing import Any

from chassis.entity import Entity, Value
from chassis.mongo.client import Database
from chassis.sealing import Sealer, SealError
from chassis.telemetry.log import get_logger

PAGE_RECORDS = 200

log = get_logger("chassis.mongo.rewrap")


class Rewrapped(Value):
    """What a rewrap found: secrets moved under the current key, and those that no key of the settings opens."""

    moved: int
    unopened: int


async def rewrap(database: Database, sealer: Sealer, entities: Iterable[Entity[Any]]) -> Rewrapped:
    """Move every sealed secret of these entities, of all orgs, under the current key.

    Revisions, times and history stay: nothing has changed that a caller sees. It can be cut off and run again at any
    time, beside ordinary changes; the old key is no longer needed once a run moves nothing and leaves nothing
    unopened. Reads page by page in the order of ids.
    """
    moved = unopened = 0
    for entity in entities:
        collection = database.collection(entity.collection)
        after = ""
        while True:
            found = await collection.find({"_id": {"$gt": after}}, sort=[("_id", 1)], limit=PAGE_RECORDS)
            for document in found:
                if entity.kind and document.get("kind") != entity.kind:
                    continue
                for field in entity.seals:
                    try:
                        anew = sealer.rewrapped(entity, entity.from_document(document), field)
                    except SealError as failure:
                        log.warning("a secret can't be opened", entity=entity.name, field=field, problem=str(failure))
                        unopened += 1
                        continue
                    if anew is not None:
                        # Guarded by the old text: a change that has come between is sealed under the current key.
                        unchanged = {"$eq": [f"${field}", document[field]]}
                        update = [{"$set": {field: {"$cond": [unchanged, anew, f"${field}"]}}}]
                        _, changed = await collection.update_one({"_id": document["_id"]}, update)
                        moved += changed
            if len(found) < PAGE_RECORDS:
                break
            after = found[-1]["_id"]
    return Rewrapped(moved=moved, unopened=unopened)

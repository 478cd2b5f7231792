"""The event log: written in the change that emits the event, read by the relay (pending ones) and by history (by
subject).
"""

from collections.abc import Collection, Sequence

from chassis.entity import Entity, index
from chassis.event import EventDocument
from chassis.mongo.client import Database
from chassis.mongo.table import Table
from chassis.page import Page, Paged
from chassis.unit import View

EVENTS: Entity[EventDocument] = Entity(
    "event",
    EventDocument,
    collection="events",
    id="event_id",
    shard_key=("orgcode", "subject"),
    indexes=[
        index("pending", "shard", where={"pending": True}),
        index("orgcode", "subject"),
        index("causes"),
    ],
    org_scoped=False,
    history=False,
    technical=True,
)
_TABLE = Table(EVENTS)


async def pending(database: Database, shards: Collection[int], limit: int) -> list[EventDocument]:
    """The oldest events of these shards that are not published yet, in the order to publish them in.

    Ids sort by time. Events of one subject are put in the order of its revisions where they carry them, because two
    processes may have changed it within one tick of their clocks.
    """
    if not shards:
        return []
    found = await database.collection(EVENTS.collection).find(
        {"pending": True, "shard": {"$in": list(shards)}}, sort=[("_id", 1)], limit=limit
    )
    return in_publishing_order([_TABLE.decode(document) for document in found])


async def mark_relayed(database: Database, event_ids: Sequence[str]) -> None:
    """Mark these as confirmed by the broker."""
    if event_ids:
        where = {"_id": {"$in": list(event_ids)}}
        await database.collection(EVENTS.collection).update_many(where, {"$set": {"pending": False}})


async def remove_relayed(database: Database, event_ids: Sequence[str]) -> None:
    """Delete work messages that the broker has confirmed; history does not need them."""
    if event_ids:
        await database.collection(EVENTS.collection).delete_many({"_id": {"$in": list(event_ids)}})


async def history(view: View, subject: str, page: Paged) -> Page[EventDocument]:
    """The events of a record, newest first, within the caller's org."""
    return await view.page(EVENTS, {"orgcode": view.call.orgcode, "subject": subject}, page=page)


def in_publishing_order(events: Sequence[EventDocument]) -> list[EventDocument]:
    """Events by id, those of one subject by revision if all of them carry one."""
    ordered = sorted(events, key=lambda event: event.event_id)
    places: dict[str, list[int]] = {}
    for place, event in enumerate(ordered):
        places.setdefault(event.subject, []).append(place)
    for mine in places.values():
        of_subject = [ordered[place] for place in mine]
        if len(of_subject) > 1 and all(event.revision for event in of_subject):
            of_subject.sort(key=lambda event: (event.revision, event.event_id))
            for place, event in zip(mine, of_subject, strict=True):
                ordered[place] = event
    return ordered

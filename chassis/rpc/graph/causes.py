"""The records that one request, job or operation created or changed, read from the event log."""

from collections.abc import Mapping, Sequence

from chassis.mongo.direct_reader import DirectReader
from chassis.mongo.eventlog import EVENTS
from chassis.rpc.graph.by_ids import ByIds
from chassis.rpc.graph.records import Listing, Presenter

EVENTS_MAX = 10_000
"""Of more events of one cause the newest count."""

EVENTS_AT_ONCE = 500


async def listings_of(
    reader: DirectReader, cause: str, presenters: Sequence[Presenter], orgcode: str | None
) -> list[Listing]:
    """The touched records of each of these kinds, newest first; those that are deleted are left out."""
    touched = await _touched(reader, cause)
    return [
        Listing(presenter, ByIds(reader, presenter.entity, touched[presenter.entity.name], orgcode))
        for presenter in presenters
        if presenter.entity.name in touched
    ]


async def _touched(reader: DirectReader, cause: str) -> Mapping[str, list[str]]:
    """Kind -> the ids of touched records."""
    found: dict[str, dict[str, None]] = {}
    read, after = 0, None
    while read < EVENTS_MAX:
        limit = min(EVENTS_AT_ONCE, EVENTS_MAX - read)
        events = await reader.find(EVENTS, None, {"causes": cause}, order=("-event_id",), limit=limit, after=after)
        for event in events:
            for each in event.touched:
                found.setdefault(each.entity, {})[each.id] = None
        read += len(events)
        if len(events) < limit:
            break
        after = [events[-1].event_id]
    return {kind: list(ids) for kind, ids in found.items()}

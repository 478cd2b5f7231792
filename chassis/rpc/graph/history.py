"""The history of a record: from the event log, each event and what it changed since the previous one; from the record
itself where it is written once; or from the records that tell of its changes.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from chassis.entity import Entity
from chassis.event import EventDocument
from chassis.record_history import Changed, WrittenOnce
from chassis.telemetry.trace import trace_id_in
from retailstack.graph.v1 import source_pb2 as pb

BOOKKEEPING = frozenset({"revision", "updated_utc", "updated_by"})
"""Fields that every change sets; the history item has them already."""

State = dict[str, Any]


def items_to_proto(
    entity: Entity[Any], record_id: str, events: Sequence[EventDocument], older: EventDocument | None
) -> list[pb.HistoryItem]:
    """The history items for events, newest first. `older` is the event before the last of them, if any."""
    states = [state_in(entity, record_id, event) for event in events]
    states.append(state_in(entity, record_id, older) if older is not None else None)
    # The first event is compared with an empty record, any other with the nearest older state in an event.
    beginning: State | None = {} if older is None else None
    items = []
    for place, event in enumerate(events):
        before = next((state for state in states[place + 1 :] if state is not None), beginning)
        items.append(_item(event, before, states[place]))
    return items


def state_in(entity: Entity[Any], record_id: str, event: EventDocument) -> State | None:
    """The record as contained in an event; None if the event does not contain it, {} if it was deleted."""
    body = msgspec.json.decode(event.body)
    if body.get("deleted") is True:
        return {}
    for value in body.values():
        if isinstance(value, dict) and value.get(entity.id) == record_id:
            return value
    return None


def changes(before: State, after: State) -> list[pb.ChangedField]:
    """The fields that differ, in the order of the record, then those that were removed."""
    names = [*after, *(name for name in before if name not in after)]
    return [
        pb.ChangedField(field=name, before=_json(before, name), after=_json(after, name))
        for name in names
        if name not in BOOKKEEPING and before.get(name, msgspec.UNSET) != after.get(name, msgspec.UNSET)
    ]


def item_of_record(service: str, entity: Entity[Any], past: WrittenOnce, properties: State) -> pb.HistoryItem:
    """The one item of a record that is written once; `changed` lists all its fields."""
    return _once(service, entity, past, properties, changes({}, properties))


def item_recorded(
    service: str, recorder: Entity[Any], past: WrittenOnce, properties: State, changed: Sequence[Changed]
) -> pb.HistoryItem:
    """The item that another record tells: its time, actor and reason, and what it changed."""
    fields = [
        pb.ChangedField(field=field, before=_text(before), after=_text(after)) for field, before, after in changed
    ]
    return _once(service, recorder, past, properties, fields)


def _once(
    service: str, entity: Entity[Any], past: WrittenOnce, properties: Mapping[str, Any], changed: list[pb.ChangedField]
) -> pb.HistoryItem:
    return pb.HistoryItem(
        at_utc=properties.get(past.at) or "",
        action=f"{service}.{entity.name}.recorded",
        actor=properties.get(past.by) or "",
        reason=properties.get(past.reason) or None,
        revision=properties.get("revision"),
        changed=changed,
    )


def _item(event: EventDocument, before: State | None, after: State | None) -> pb.HistoryItem:
    return pb.HistoryItem(
        event_id=event.event_id,
        at_utc=event.at_utc,
        action=event.type,
        actor=event.actor,
        revision=event.revision or None,
        reason=event.reason,
        changed=changes(before, after) if before is not None and after is not None else [],
        trace_id=trace_id_in(event.traceparent),
    )


def _json(state: State, name: str) -> str:
    return _text(state[name]) if name in state else ""


def _text(value: Any) -> str:
    return msgspec.json.encode(value).decode()

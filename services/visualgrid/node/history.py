"""The history of a record, from the service that owns it."""

from collections.abc import Sequence

import msgspec

from chassis.clock import Utc as Instant
from chassis.endpoint import Answer
from chassis.entity import Value
from chassis.errors import NotFound
from chassis.values import Id, Reason, Revision, Utc
from retailstack.graph.v1 import source_pb2 as pb
from services.visualgrid.graph.hubs import HUB_SERVICE
from services.visualgrid.graph.sources import SourceReader
from services.visualgrid.node.domain import NodeRef
from services.visualgrid.node.loading import load, owner_of


class FieldChange(Answer, omit_defaults=True):
    field: str
    before: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    after: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


class HistoryItem(Answer, omit_defaults=True):
    at_utc: Utc
    action: str
    actor: str | None = None
    revision: Revision | None = None
    event_id: Id | None = None
    reason: Reason | None = None
    trace_id: str | None = None
    changed: list[FieldChange]


class History(Value):
    """One page of a history, newest first."""

    items: Sequence[HistoryItem]
    token: str | None


async def read_history(reader: SourceReader, ref: NodeRef, limit: int, token: str | None) -> History:
    """A page of a record's history. A hub has none. Raises `NotFound`, or `Unavailable` if its service is down."""
    service = owner_of(reader, ref.table)
    if service == HUB_SERVICE:
        await load(reader, ref)
        return History(items=(), token=None)
    page = pb.Page(limit=limit, next_token=token)
    request = pb.HistoryRequest(table=ref.table, pk=ref.pk, sk=ref.sk, page=page)

    try:
        answer = await reader.ask(service, lambda stub, options: stub.History(request, **options))
    except NotFound:
        raise NotFound("there is neither a record nor an event with these keys") from None
    token = answer.next_token if answer.HasField("next_token") else None
    return History(items=[_item_from_proto(item) for item in answer.items], token=token)


def _item_from_proto(item: pb.HistoryItem) -> HistoryItem:
    return HistoryItem(
        at_utc=Instant(item.at_utc),
        action=item.action,
        actor=item.actor or None,
        revision=item.revision if item.HasField("revision") else None,
        event_id=item.event_id or None,
        reason=item.reason if item.HasField("reason") else None,
        trace_id=item.trace_id or None,
        changed=[
            FieldChange(field=changed.field, before=_raw(changed.before), after=_raw(changed.after))
            for changed in item.changed
        ],
    )


def _raw(text: str) -> msgspec.Raw | msgspec.UnsetType:
    return msgspec.Raw(text.encode()) if text else msgspec.UNSET

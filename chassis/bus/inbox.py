"""The inbox: which events each consumer has handled, recorded in the same transaction as the handler's writes."""

from chassis.clock import Utc, to_datetime
from chassis.consumer import Consumer, Event
from chassis.entity import Document, Entity, expiring, index
from chassis.unit import Change, View

KEPT_SECONDS = 30 * 24 * 3600
"""How long a handled event is remembered. Dead letters should be replayed sooner, or one may be handled twice."""


class Handled(Document):
    """An event that a consumer has handled, and its org; empty if it has none."""

    handled_id: str
    orgcode: str = ""
    consumer: str
    event_id: str
    handled_utc: Utc


INBOX: Entity[Handled] = Entity(
    "handled_event",
    Handled,
    collection="inbox",
    id="handled_id",
    shard_key=("handled_id",),
    indexes=[expiring("expires", KEPT_SECONDS), index("orgcode")],
    derived={"expires": lambda handled: to_datetime(handled.handled_utc)},
    org_scoped=False,
    history=False,
    technical=True,
)


async def is_handled(view: View, consumer: Consumer, event: Event) -> bool:
    """Whether the consumer has handled the event before."""
    return await view.get(INBOX, _key(consumer, event)) is not None


async def note_handled(change: Change, consumer: Consumer, event: Event) -> None:
    """Record in this change that the consumer handles the event."""
    handled = Handled(
        handled_id=_key(consumer, event),
        orgcode=event.orgcode,
        consumer=consumer.call_name,
        event_id=event.event_id,
        handled_utc=change.now,
    )
    await change.insert(INBOX, handled)


def _key(consumer: Consumer, event: Event) -> str:
    return f"{consumer.call_name}/{event.event_id}"

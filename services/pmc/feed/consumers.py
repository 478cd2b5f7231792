"""Keeps the change feed: PMC consumes its own product events, in the order in which they were relayed."""

from chassis.consumer import Consumers, Event
from chassis.entity import Value
from chassis.unit import Change
from services.pmc.feed.domain import ChangeKind, FeedEntry, FeedHead, advanced
from services.pmc.feed.store import FEED, FEED_HEADS

consumers = Consumers("pmc")

_CHANGES: dict[str, ChangeKind] = {
    "pmc.product.published": "served",
    "pmc.product.online_set": "online",
    "pmc.product.online_cleared": "offline",
    "pmc.product.pointer_set": "served",
    "pmc.product.pointer_cleared": "served",
}


class _Product(Value):
    channel_guid: str


class _Body(Value):
    product: _Product
    served_changed: bool = True


@consumers.on(*_CHANGES, name="feed", concurrency=1)
async def feed(change: Change, event: Event) -> None:
    """Move a product to the end of the feed."""
    body = event.body(_Body)
    known = await change.get(FEED, event.subject)
    if not body.served_changed or (known is not None and known.revision > event.revision):
        return
    orgcode = event.orgcode
    head = await change.get(FEED_HEADS, orgcode)
    moved = advanced(head or FeedHead(head_id=orgcode))
    await (change.insert if head is None else change.update)(FEED_HEADS, moved)
    entry = FeedEntry(
        entry_id=event.subject,
        orgcode=orgcode,
        channel_guid=body.product.channel_guid,
        position=moved.position,
        change=_CHANGES[event.type],
        at_utc=event.at_utc,
        revision=event.revision,
    )
    await (change.insert if known is None else change.update)(FEED, entry)

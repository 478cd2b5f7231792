"""What a webhook causes, in the transaction that stores it: work for the thing it names."""

from hashlib import sha256

from chassis.unit import Change
from chassis.work.store import enqueue
from services.slc.audit.store import record
from services.slc.channel.domain import StoredChannel
from services.slc.counters.store import count
from services.slc.inbound.store import DOORBELLS_TO_ANSWER, DoorbellToAnswer
from services.slc.inbound.topics import WebhookSubject
from services.slc.lifecycle.store import DOORBELLS, Doorbell
from services.slc.order.store import reconcile_orders
from services.slc.words import number_of

ALWAYS = frozenset({"redact", "uninstalled", "privacy"})
"""Done for inactive channels, too."""


async def take_in(change: Change, channel: StoredChannel, named: WebhookSubject, doorbell: Doorbell) -> None:
    """Store a webhook and have it worked on; one that came before is counted only. Index: id."""
    if await change.get(DOORBELLS, doorbell.row_id) is not None:
        await count(change, channel.channel_id, webhooks_duplicate=1)
        return
    await count(change, channel.channel_id, webhooks_received=1)
    if not channel.is_open and named.what not in ALWAYS:
        return
    await change.insert(DOORBELLS, doorbell)
    change.emit(
        "slc.webhook.received",
        doorbell.webhook_id,
        revision=channel.revision,
        webhook_id=doorbell.webhook_id,
        topic=doorbell.topic,
        shop_domain=doorbell.shop_domain,
        channel_id=channel.channel_id,
        resource_id=doorbell.resource_id,
        **_given(doorbell),
    )
    if named.what == "order":
        await reconcile_orders(change, channel.channel_id, [named.resource_id])
    elif named.what == "privacy":
        # Nothing is held of a customer. The record says that a request came; its contents were dropped at the door.
        await record(change, channel, "order.ignored", cause="order", outcome="recorded", actor=doorbell.topic)
    else:
        await enqueue(change, DOORBELLS_TO_ANSWER, _key(channel, named, doorbell), _work(channel, named, doorbell))


def _given(doorbell: Doorbell) -> dict[str, object]:
    names = ("location_id", "available", "triggered_utc")
    return {name: value for name in names if (value := getattr(doorbell, name)) is not None}


def _key(channel: StoredChannel, named: WebhookSubject, doorbell: Doorbell) -> str:
    """What waits under one key is looked at once. Each quantity counts as an echo of its own."""
    itself = f"/{sha256(doorbell.webhook_id.encode()).hexdigest()[:32]}" if named.what == "level" else ""
    return f"{channel.channel_id}/{named.what}/{number_of(named.resource_id)}{itself}"


def _work(channel: StoredChannel, named: WebhookSubject, doorbell: Doorbell) -> DoorbellToAnswer:
    return DoorbellToAnswer(
        channel_id=channel.channel_id,
        what=named.what,
        resource_id=named.resource_id,
        location_id=named.location_id,
        available=named.available,
        triggered_utc=doorbell.triggered_utc,
        received_utc=doorbell.received_utc,
    )

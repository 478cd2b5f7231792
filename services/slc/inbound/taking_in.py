"""Webhooks: stored and published as they are taken in, and worked on when their event is consumed."""

from hashlib import sha256

from chassis.clock import Utc, later
from chassis.unit import Change
from chassis.work.store import enqueue
from services.slc.audit.store import record
from services.slc.channel.domain import StoredChannel
from services.slc.channel.store import CHANNELS
from services.slc.counters.store import count
from services.slc.inbound.edits import seconds_to_product
from services.slc.inbound.events import WebhookReceived
from services.slc.inbound.levels_rung import look_at_level
from services.slc.inbound.store import DOORBELLS_TO_ANSWER, DoorbellToAnswer
from services.slc.inbound.topics import WebhookSubject, what_of
from services.slc.lifecycle.store import DOORBELLS, Doorbell
from services.slc.order.store import reconcile_orders
from services.slc.words import number_of

ALWAYS = frozenset({"redact", "uninstalled", "privacy"})
"""Done for inactive channels, too."""


async def take_in(change: Change, channel: StoredChannel, named: WebhookSubject, doorbell: Doorbell) -> None:
    """Store and publish a webhook; one that came before is counted only. Index: id."""
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
    if named.what == "privacy":
        # Nothing is held of a customer. The record says that a request came; its contents were dropped at the door.
        await record(change, channel, "order.ignored", cause="order", outcome="recorded", actor=doorbell.topic)


async def work_on(change: Change, told: WebhookReceived, received_utc: Utc) -> None:
    """Have the thing looked at that a webhook is about; webhooks of one thing that wait together are one look.

    What can be told from the database alone is done at once: most quantities are echoes, and most products of a large
    shop are not of the channel.
    """
    what = what_of(told.topic)
    if what is None or what == "privacy":
        return
    if what == "order":
        await reconcile_orders(change, told.channel_id, [told.resource_id])
        return
    rung = DoorbellToAnswer(
        channel_id=told.channel_id,
        what=what,
        resource_id=told.resource_id,
        location_id=told.location_id,
        available=told.available,
        triggered_utc=told.triggered_utc,
        received_utc=received_utc,
    )
    wait: float | None = 0.0
    if what == "level":
        channel = await change.get(CHANNELS, told.channel_id)
        wait = await look_at_level(change, channel, rung) if channel is not None else None
    elif what == "product":
        wait = await seconds_to_product(change, told.channel_id, told.resource_id)
    if wait is None:
        return
    # Each quantity counts as an echo of its own.
    itself = f"/{sha256(told.webhook_id.encode()).hexdigest()[:32]}" if what == "level" else ""
    key = f"{told.channel_id}/{what}/{number_of(told.resource_id)}{itself}"
    await enqueue(change, DOORBELLS_TO_ANSWER, key, rung, due_utc=later(change.now, wait))


def _given(doorbell: Doorbell) -> dict[str, object]:
    names = ("location_id", "available", "triggered_utc")
    return {name: value for name in names if (value := getattr(doorbell, name)) is not None}

"""The event of a webhook that was taken in."""

from chassis.event import EventType
from chassis.values import Id, Name, Text, Utc
from services.slc.variant.domain import Baseline
from services.slc.words import Gid, Part, ShopDomain


class WebhookReceived(Part):
    """A webhook: ids, and of inventory_levels/update the quantity."""

    webhook_id: Text
    topic: Name
    shop_domain: ShopDomain
    channel_id: Id
    resource_id: Gid
    location_id: Gid | None = None
    available: Baseline | None = None
    triggered_utc: Utc | None = None


EVENTS = [
    EventType(
        type="slc.webhook.received",
        subject="webhook_id",
        body=WebhookReceived,
        summary="A webhook of a shop was taken in.",
    ),
]

"""What is audited, counted and published about postings."""

from typing import Any

from chassis.unit import Change
from services.slc.audit.domain import AuditKind, IcsDocument
from services.slc.audit.store import record
from services.slc.channel.domain import StoredChannel
from services.slc.counters.store import count
from services.slc.inbound.planning import is_standing_in
from services.slc.inbound.reading import Booking
from services.slc.order.domain import Posting, StoredLine
from services.slc.variant.domain import StoredVariant

AUDITED: dict[str, AuditKind] = {
    "commit": "order.committed",
    "release": "order.released",
    "ship": "order.shipped",
    "return": "order.restocked",
}


async def tell_confirmed(
    change: Change, booking: Booking, posting: Posting, line: StoredLine, row: StoredVariant | None, *, is_first: bool
) -> None:
    """Audit, count and publish a posting that ICS has confirmed; `is_first`: the first one of its order."""
    assert posting.document_type is not None
    assert posting.document_id is not None
    await record(
        change,
        booking.channel,
        AUDITED[posting.kind],
        cause="order",
        outcome="partial" if is_standing_in(posting) else "done",
        row=row,
        documents=[IcsDocument(document_type=posting.document_type, document_id=posting.document_id)],
        variant_id=posting.variant_id,
        sku=line.sku,
        location_id=posting.location_id,
        logical_guid=posting.logical_guid,
        shopify_order_id=posting.shopify_order_id,
    )
    moved = {kind: posting.quantity if posting.kind == kind else 0 for kind in AUDITED}
    await count(
        change,
        booking.channel.channel_id,
        orders_recorded=int(is_first),
        units_committed=moved["commit"],
        units_released=moved["release"],
        units_restocked=moved["return"],
    )
    _publish(change, booking.channel, posting)


async def tell_oversold(
    change: Change,
    booking: Booking,
    row: StoredVariant | None,
    variant_id: str,
    location_id: str,
    short: int,
) -> None:
    """Audit, count and publish that ICS refused units of an order."""
    facilities = booking.channel.facilities_at(location_id)
    primary = booking.channel.primary
    facility = facilities[0] if facilities else primary.logical_guid if primary else ""
    await record(
        change,
        booking.channel,
        "order.oversold",
        cause="order",
        outcome="recorded",
        row=row,
        variant_id=variant_id,
        location_id=location_id,
        logical_guid=facility or None,
        shopify_order_id=booking.order_id,
    )
    await count(change, booking.channel.channel_id, units_oversold=short)
    change.emit(
        "slc.order.oversold",
        booking.order_id,
        revision=booking.channel.revision,
        channel_id=booking.channel.channel_id,
        shopify_order_id=booking.order_id,
        variant_id=variant_id,
        logical_guid=facility,
        short=short,
    )


def _publish(change: Change, channel: StoredChannel, posting: Posting) -> None:
    """The event of a confirmed posting."""
    line: dict[str, Any] = {
        "variant_id": posting.variant_id,
        "logical_guid": posting.logical_guid,
        "quantity": posting.quantity,
    }
    match posting.kind:
        case "commit" | "ship":
            event, line["kind"] = "slc.order.recorded", posting.kind
        case "release":
            event = "slc.order.released"
        case _:
            event = "slc.restock.recorded"
    change.emit(
        event,
        posting.shopify_order_id,
        revision=channel.revision,
        channel_id=channel.channel_id,
        shopify_order_id=posting.shopify_order_id,
        lines=[line],
    )

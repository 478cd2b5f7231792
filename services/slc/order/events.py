"""Events published about orders."""

from typing import Annotated, Literal

from msgspec import Meta

from chassis.entity import Value
from chassis.event import EventType
from chassis.values import Count, Guid, Id, Name, Qty, Text, Utc
from services.slc.words import Gid, Part


class OrdersRequested(Part):
    """Orders that were asked to be reconciled."""

    channel_id: Id
    batch_id: Id
    shopify_order_ids: Annotated[list[Gid], Meta(min_length=1, max_length=100)] | None = None
    from_utc: Utc | None = None
    include_before_activation: bool


class OrderTally(Value):
    """How many orders of a batch are in each state."""

    orders: Count
    booked: Count
    partial: Count
    oversold: Count
    ignored: Count
    failed: Count


class OrdersReconciled(Value):
    """How a batch ended."""

    channel_id: Id
    batch_id: Id
    tally: OrderTally


class OrderRecordedLine(Value):
    """Units of an order that took stock in ICS."""

    variant_id: Guid
    logical_guid: Guid
    quantity: Qty
    kind: Literal["commit", "ship"]


class OrderRecorded(Value):
    """What an order took in ICS."""

    channel_id: Id
    shopify_order_id: Gid
    lines: list[OrderRecordedLine]


class OrderUnits(Value):
    """Units of one variant of an order in one facility."""

    variant_id: Guid
    logical_guid: Guid
    quantity: Qty


class OrderLines(Value):
    """Units of an order that moved in ICS."""

    channel_id: Id
    shopify_order_id: Gid
    lines: list[OrderUnits]


class OrderOversold(Value):
    """Units of an order that ICS refused."""

    channel_id: Id
    shopify_order_id: Gid
    variant_id: Guid
    logical_guid: Guid
    short: Qty


class OrderFulfilled(Part):
    """Units of an order that were fulfilled in the shop."""

    channel_id: Id
    shopify_order_id: Gid
    fulfillment_id: Gid
    lines: list[OrderUnits]
    carrier: Name | None = None
    tracking_ref: Text | None = None


EVENTS = [
    EventType(
        type="slc.orders.requested",
        subject="batch_id",
        body=OrdersRequested,
        summary="Orders were asked to be reconciled.",
    ),
    EventType(
        type="slc.orders.reconciled",
        subject="batch_id",
        body=OrdersReconciled,
        summary="Every order of a batch was reconciled or has failed.",
    ),
    EventType(
        type="slc.order.recorded",
        subject="shopify_order_id",
        body=OrderRecorded,
        summary="An order of a shop took stock in ICS.",
    ),
    EventType(
        type="slc.order.released",
        subject="shopify_order_id",
        body=OrderLines,
        summary="Units of an order were released in ICS.",
    ),
    EventType(
        type="slc.order.oversold",
        subject="shopify_order_id",
        body=OrderOversold,
        summary="ICS refused units of an order.",
    ),
    EventType(
        type="slc.order.fulfilled",
        subject="shopify_order_id",
        body=OrderFulfilled,
        summary="Units of an order were fulfilled in the shop.",
    ),
    EventType(
        type="slc.restock.recorded",
        subject="shopify_order_id",
        body=OrderLines,
        summary="Units of an order came back.",
    ),
]

"""What comes in by event: webhooks that were taken in, orders asked for, and units that left for the customer."""

from chassis.consumer import Consumers, Event
from chassis.entity import Value
from chassis.unit import Change
from chassis.values import Code, Guid, Id, Utc
from chassis.work.store import enqueue
from services.slc.channel.selling import SellingOrgs
from services.slc.channel.store import org_channels
from services.slc.fulfilment.domain import Shipment, shipment_row_id
from services.slc.fulfilment.store import SHIPMENTS
from services.slc.inbound.events import WebhookReceived
from services.slc.inbound.taking_in import work_on
from services.slc.order.domain import order_row_id
from services.slc.order.events import OrdersRequested
from services.slc.order.store import CATCH_UPS, ORDERS, CatchUp, reconcile_orders
from services.slc.words import DELIVERIES_MAX


async def is_relevant(event: Event, orgs: SellingOrgs) -> bool:
    """Whether an event is worked on. What SLC has published is, always: a shop may ask inactive channels to forget."""
    return event.type.startswith("slc.") or await orgs.sells(event)


consumers = Consumers("slc", relevant=is_relevant)


class Ship(Value):
    """One shipment of units of a commit."""

    operation_id: Id
    quantity: int
    carrier: str | None = None
    tracking_ref: str | None = None
    shipped_utc: Utc


class ShippedCommit(Value):
    """What is needed of a commit of which units left."""

    commit_id: Id
    channel_code: Code
    logical_guid: Guid
    variant_id: Guid
    order_ref: str
    order_line_ref: str | None = None
    ships: list[Ship]


class CommitShipped(Value):
    """What is needed of `ics.commit.shipped`."""

    commit: ShippedCommit


@consumers.on(
    "slc.webhook.received",
    "slc.orders.requested",
    "ics.commit.shipped",
    name="inbound",
    queue="slc-inbound-queue",
    ordered=False,
    prefetch=16,
    deliveries_max=DELIVERIES_MAX,
)
async def take_inbound(change: Change, event: Event) -> None:
    """Have worked on what a shop has rung for, a caller has asked for, or the warehouse has shipped."""
    match event.type:
        case "slc.webhook.received":
            await work_on(change, event.body(WebhookReceived), event.at_utc)
        case "slc.orders.requested":
            await reconcile_batch(change, event.body(OrdersRequested))
        case "ics.commit.shipped":
            await keep_shipments(change, event)


async def reconcile_batch(change: Change, asked: OrdersRequested) -> None:
    """Have a batch of orders/reconcile done."""
    batch = CatchUp(
        channel_id=asked.channel_id,
        batch_id=asked.batch_id,
        from_utc=asked.from_utc,
        order_ids=tuple(asked.shopify_order_ids or ()),
        before_activation=asked.include_before_activation,
    )
    await enqueue(change, CATCH_UPS, f"{asked.channel_id}/{asked.batch_id}", batch)


async def keep_shipments(change: Change, event: Event) -> None:
    """Keep what left for the customer until the shop is told, and have its order reconciled."""
    commit = event.body(CommitShipped).commit
    line_id = commit.order_line_ref
    for channel in await org_channels(change, ("active", "paused")):
        if line_id is None or channel.channel_code != commit.channel_code or not channel.config.fulfilment_push:
            continue
        order = await change.get(ORDERS, order_row_id(channel.channel_id, commit.order_ref))
        if order is None or line_id not in {line.line_id for line in order.lines}:
            continue
        ships = {
            shipment_row_id(channel.channel_id, commit.commit_id, each.operation_id): each for each in commit.ships
        }
        known = await change.get_many(SHIPMENTS, ships)
        for row_id, ship in ships.items():
            if row_id not in known:
                await change.insert(SHIPMENTS, _shipment(row_id, channel.channel_id, commit, line_id, ship))
        await reconcile_orders(change, channel.channel_id, [order.shopify_order_id])


def _shipment(row_id: str, channel_id: str, commit: ShippedCommit, line_id: str, ship: Ship) -> Shipment:
    return Shipment(
        row_id=row_id,
        channel_id=channel_id,
        commit_id=commit.commit_id,
        operation_id=ship.operation_id,
        shopify_order_id=commit.order_ref,
        line_id=line_id,
        variant_id=commit.variant_id,
        logical_guid=commit.logical_guid,
        quantity=ship.quantity,
        left=ship.quantity,
        carrier=ship.carrier,
        tracking_ref=ship.tracking_ref,
        shipped_utc=ship.shipped_utc,
    )

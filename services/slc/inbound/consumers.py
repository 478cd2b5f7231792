"""Events of ICS that concern orders: stock that oversold orders wait for, and units that left for the customer."""

from chassis.consumer import Consumers, Event
from chassis.entity import Value
from chassis.unit import Change
from chassis.values import Code, Guid, Id, Utc
from services.slc.channel.selling import org_sells
from services.slc.channel.store import org_channels
from services.slc.fulfilment.domain import Shipment, shipment_row_id
from services.slc.fulfilment.store import SHIPMENTS
from services.slc.order.domain import order_row_id
from services.slc.order.store import ORDERS, oversold_orders, reconcile_orders

consumers = Consumers("slc", relevant=org_sells)

ORDERS_AT_ONCE = 100


class ItemMoved(Value):
    """What is needed of a stock change."""

    logical_guid: Guid
    variant_id: Guid


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


@consumers.on("ics.stock.changed", name="oversold")
async def retry_oversold(change: Change, event: Event) -> None:
    """Have orders reconciled whose oversold units may be promised now, oldest first."""
    changed = event.body(ItemMoved)
    for channel in await org_channels(change, ("active", "paused")):
        if changed.logical_guid not in {each.logical_guid for each in channel.facilities}:
            continue
        orders = await oversold_orders(change, channel.channel_id, changed.variant_id, ORDERS_AT_ONCE)
        await reconcile_orders(change, channel.channel_id, [each.shopify_order_id for each in orders])


@consumers.on("ics.commit.shipped", name="shipments")
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

"""Storage of shipments that become fulfilments in the shop."""

from chassis.entity import HUB, Entity, edge, index
from chassis.unit import Change, View
from services.slc.fulfilment.domain import Shipment
from services.slc.order.store import reconcile_orders

SHIPMENTS_MAX = 10_000
SHIPMENTS_AT_ONCE = 100

SHIPMENTS = Entity(
    "shipment",
    Shipment,
    collection="slc_shipments",
    id="row_id",
    shard_key=("orgcode", "channel_id", "shopify_order_id"),
    keys=("ORG#{orgcode}", "CHANNEL#{channel_id}#COMMIT#{commit_id}#SHIPMENT#{operation_id}"),
    id_pattern="{channel_id}/{commit_id}/{operation_id}",
    label="{quantity} {variant_id} from {logical_guid} {shipped_utc}",
    indexes=[
        index("channel_id", "is_due", "row_id", name="due"),
        index("channel_id", "shopify_order_id", "row_id", name="order"),
        index("shopify_order_id", "row_id", name="orders"),
        index("commit_id", "row_id", name="commit"),
        index("variant_id", "row_id", name="variants"),
        index("logical_guid", "row_id", name="facility"),
        index("row_id", name="org"),
    ],
    derived={"is_due": lambda shipment: shipment.state != "pushed"},
    edges=[
        edge("of", to="order", by="shopify_order_id", at="shopify_order_id"),
        edge("for", to="variant", by="variant_id", service=HUB),
        edge("from", to="facility", by="logical_guid", service=HUB),
        edge("ships", to="commit", by="commit_id", service="ics"),
    ],
    history=False,
)


async def shipments_of(view: View, channel_id: str, order_id: str) -> list[Shipment]:
    """The shipments of an order. Index: order."""
    where = {"channel_id": channel_id, "shopify_order_id": order_id}
    return await view.find(SHIPMENTS, where, order=("row_id",), limit=SHIPMENTS_MAX)


async def push_shipments(change: Change, channel_id: str, row_id: str) -> str | None:
    """Have the orders of the next shipments reconciled that the shop is still to be told of; the last one looked at,
    None at the end. Index: due."""
    where = {"channel_id": channel_id, "is_due": True}
    after = (row_id, row_id) if row_id else None
    due = await change.find(SHIPMENTS, where, order=("row_id",), limit=SHIPMENTS_AT_ONCE, after=after)
    await reconcile_orders(change, channel_id, list(dict.fromkeys(each.shopify_order_id for each in due)))
    return due[-1].row_id if len(due) == SHIPMENTS_AT_ONCE else None

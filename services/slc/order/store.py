"""Storage of order records and postings, and the queues by which orders are reconciled."""

from collections.abc import Iterable, Sequence

from msgspec import field

from chassis.clock import Utc, later
from chassis.entity import HUB, Entity, Value, edge, index
from chassis.page import Page, Paged
from chassis.unit import Change, View, one_of
from chassis.values import Id
from chassis.work.queue import Lane, WorkQueue
from chassis.work.store import NewWork, enqueue, enqueue_many
from services.slc.order.domain import OrderStateWord, Posting, StoredOrder, order_row_id

POSTINGS_MAX = 100_000
OPEN_AT_ONCE = 200

ORDERS = Entity(
    "order",
    StoredOrder,
    collection="slc_orders",
    id="row_id",
    shard_key=("orgcode", "channel_id", "row_id"),
    keys=("ORG#{orgcode}", "CHANNEL#{channel_id}#ORDER#{shopify_order_id}"),
    id_pattern="{channel_id}/{shopify_order_id}",
    label="order_name",
    indexes=[
        index("recorded_utc", name="newest", every_org=True),
        index("recorded_utc", name="newest_of_org"),
        index("channel_id", "row_id", name="channel"),
        index("channel_id", "recorded_utc", name="newest_of_channel"),
        index("channel_id", "recorded_rank", name="recorded"),
        index("channel_id", "state", "recorded_rank", name="state"),
        index("channel_id", "short", name="short"),
        index("shopify_order_id", "channel_id", name="number"),
        index("lines.variant_id", "recorded_utc", name="variant"),
    ],
    newest_by="recorded_utc",
    edges=[
        edge("of", to="channel", by="channel_id"),
        edge("sells", to="variant", by="lines.variant_id", service=HUB, cardinality="many"),
        edge("contains", to="posting", by="shopify_order_id", cardinality="many"),
        edge("committed-as", to="commit", by="shopify_order_id", service="ics", cardinality="many", at="order_ref"),
    ],
    derived={"short": lambda order: sorted({line.variant_id for line in order.lines if line.oversold})},
    history=False,
)
POSTINGS = Entity(
    "posting",
    Posting,
    collection="slc_postings",
    id="row_id",
    shard_key=("orgcode", "channel_id", "shopify_order_id"),
    keys=("ORG#{orgcode}", "CHANNEL#{channel_id}#ORDER#{shopify_order_id}#LINE#{line_id}#{n}"),
    id_pattern="{channel_id}/{shopify_order_id}/{line_id}/{n:06d}",
    label="{kind} {quantity} {variant_id} @ {logical_guid}",
    indexes=[
        index("channel_id", "shopify_order_id", "row_id", name="order"),
        index("channel_id", "variant_id", "state", name="variant"),
        # For several variants at once: each is read in the order of its rows.
        index("channel_id", "variant_id", "row_id", name="variant_rows"),
        index("shopify_order_id", "channel_id", "line_id", "n", name="number"),
        index("variant_id", "row_id", name="variants"),
        index("logical_guid", "row_id", name="facility"),
        index("commit_id", "row_id", name="commit"),
        index("document_id", "row_id", name="document"),
    ],
    edges=[
        edge("of", to="order", by="shopify_order_id", at="shopify_order_id"),
        edge("for", to="variant", by="variant_id", service=HUB),
        edge("in", to="facility", by="logical_guid", service=HUB),
        edge("changes", to="commit", by="commit_id", service="ics"),
        edge("posted", to="entry", by="document_id", service="ics", cardinality="many"),
    ],
    history=False,
)


class OrderToReconcile(Value):
    """Which order of a channel, and what asked for it beside its webhooks."""

    channel_id: Id
    shopify_order_id: str
    before_activation: bool = False


class CatchUp(Value):
    """Which channel; of orders/reconcile also since when, and the batch.

    batch_id  of orders/reconcile; its event is published at the end
    order_ids  the orders asked for; empty where the search finds them
    """

    channel_id: Id
    batch_id: Id | None = None
    from_utc: Utc | None = None
    order_ids: tuple[str, ...] = ()
    before_activation: bool = False


class CaughtUp(Value):
    """How far a catch-up is: when it began, where the next page begins, what is under way, and how it went so far.

    row_id       the last variant whose unseen units were explained
    shipment_id  the last shipment that was looked at; pushed_all: there are no more
    """

    began_utc: Utc
    after: str | None = None
    read_all: bool = False
    waiting: tuple[str, ...] = ()
    tally: dict[str, int] = field(default_factory=dict)
    transient: bool = False
    row_id: str = ""
    shipment_id: str = ""
    pushed_all: bool = False


ORDERS_TO_RECONCILE: WorkQueue[OrderToReconcile] = WorkQueue(
    "slc", "orders", payload=OrderToReconcile, lanes=("high", "normal"), attempts_max=1000, delay_seconds_max=600.0
)
"""Orders to reconcile, one worker at a time: key `<channel_id>/<order>`."""

CATCH_UPS: WorkQueue[CatchUp] = WorkQueue(
    "slc", "catch-up", payload=CatchUp, progress=CaughtUp, attempts_max=100, delay_seconds_max=120.0
)
"""Catch-ups: key `<channel_id>` for the regular one, `<channel_id>/<batch_id>` for those of orders/reconcile."""


async def reconcile_orders(
    change: Change,
    channel_id: str,
    order_ids: Sequence[str],
    *,
    before_activation: bool = False,
    lane: Lane = "high",
) -> None:
    """Have these orders reconciled, at once; 200 at most. Those of a catch-up go to the normal lane, because there may
    be thousands, and a webhook is not to wait for them."""
    await enqueue_many(
        change,
        ORDERS_TO_RECONCILE,
        [
            NewWork(
                key=order_row_id(channel_id, order_id),
                payload=OrderToReconcile(
                    channel_id=channel_id, shopify_order_id=order_id, before_activation=before_activation
                ),
                lane=lane,
            )
            for order_id in order_ids
        ],
    )


async def catch_up(change: Change, channel_id: str, *, delay_seconds: float = 0.0) -> None:
    """Have all orders of a channel reconciled that changed lately. One catch-up serves everybody who waits for it.

    `ChannelStatus.caught_up_utc` is when the latest one that ended well began.
    """
    due = later(change.now, delay_seconds) if delay_seconds else None
    key = f"{channel_id}/later" if delay_seconds else channel_id
    await enqueue(change, CATCH_UPS, key, CatchUp(channel_id=channel_id), due_utc=due)


async def postings_of(view: View, channel_id: str, order_id: str) -> list[Posting]:
    """The postings of an order, by line and number. Index: order."""
    where = {"channel_id": channel_id, "shopify_order_id": order_id}
    return await view.find(POSTINGS, where, order=("row_id",), limit=POSTINGS_MAX)


async def postings_of_line(view: View, channel_id: str, order_id: str, line_id: str) -> list[Posting]:
    """The postings of one line of an order, by number. Index: number."""
    where = {"shopify_order_id": order_id, "channel_id": channel_id, "line_id": line_id}
    return await view.find(POSTINGS, where, order=("n",), limit=POSTINGS_MAX)


async def open_postings(view: View, channel_id: str, variant_ids: Iterable[str]) -> set[str]:
    """Those of these variants that have a posting which waits for ICS. Index: variant or variant_rows."""
    left, held = set(variant_ids), set[str]()
    while left:
        where = {"channel_id": channel_id, "variant_id": one_of(sorted(left)), "state": "open"}
        found = await view.find(POSTINGS, where, limit=OPEN_AT_ONCE)
        held |= {posting.variant_id for posting in found}
        if len(found) < OPEN_AT_ONCE:
            break
        # Thousands of one variant may be open while ICS is away: the others are asked for without it.
        left -= held
    return held


async def list_orders(view: View, channel_id: str, state: OrderStateWord | None, page: Paged) -> Page[StoredOrder]:
    """The orders of a channel, newest recorded first. Index: recorded or state."""
    where = {"channel_id": channel_id} | ({"state": state} if state is not None else {})
    return await view.page(ORDERS, where, page=page, order=("recorded_rank",))


async def oversold_orders(view: View, channel_id: str, variant_id: str, limit: int) -> list[StoredOrder]:
    """Orders with oversold units of a variant. Index: short."""
    return await view.find(ORDERS, {"channel_id": channel_id, "short": variant_id}, limit=limit)

"""The order endpoints: what was recorded, and having orders reconciled."""

from collections.abc import Sequence
from typing import Annotated

from msgspec import Meta

from chassis.clock import later
from chassis.endpoint import Answer, Endpoints, Listed, Request
from chassis.errors import InvalidState, invalid_field
from chassis.page import Page, PageLimit
from chassis.unit import Change, View
from chassis.values import Count, Id, Token, Utc
from services.slc.channel.store import CHANNELS
from services.slc.closing.store import refused_while_emptied
from services.slc.order.domain import ChannelOrder, OrderStateWord, StoredOrder, order_answer, order_row_id
from services.slc.order.store import ORDERS, list_orders, postings_of
from services.slc.words import MANAGE, VIEW, AskedGid, gid_of

endpoints = Endpoints("slc")

BACK_SECONDS_MAX = 60 * 24 * 3600
"""How far back Shopify shows orders."""


class OrdersListRequest(Request):
    channel_id: Id
    shopify_order_id: AskedGid | None = None
    state: OrderStateWord | None = None
    limit: PageLimit | None = None
    next_token: Token | None = None

    def problems(self) -> Sequence[tuple[str, str]]:
        both = self.shopify_order_id is not None and self.state is not None
        return [("state", "can't be combined with shopify_order_id")] if both else ()


class ChannelOrderList(Listed[ChannelOrder]):
    """Orders of a channel, newest recorded first."""


@endpoints.post("/slc", action="orders/list", roles=VIEW, refusals={"validation-error": "both filters"})
async def slc_orders_list(view: View, body: OrdersListRequest) -> ChannelOrderList:
    """List the order records of a channel, newest first; one order is shown with its postings."""
    channel = await view.load(CHANNELS, body.channel_id)
    if body.shopify_order_id is None:
        page = await list_orders(view, channel.channel_id, body.state, body)
        items = [order_answer(each, None) for each in page.items]
        return ChannelOrderList(items=items, count=page.count, next_token=page.next_token)
    order_id = gid_of("Order", body.shopify_order_id, "shopify_order_id")
    order = await view.get(ORDERS, order_row_id(channel.channel_id, order_id))
    found: Page[StoredOrder] = Page(items=[order] if order else [], count=int(order is not None), next_token=None)
    postings = await postings_of(view, channel.channel_id, order_id)
    return ChannelOrderList(
        items=[order_answer(each, postings) for each in found.items], count=found.count, next_token=None
    )


class OrdersReconcileRequest(Request):
    channel_id: Id
    shopify_order_ids: Annotated[list[AskedGid], Meta(min_length=1, max_length=100)] | None = None
    from_utc: Utc | None = None
    include_before_activation: bool | None = None

    def problems(self) -> Sequence[tuple[str, str]]:
        if (self.shopify_order_ids is None) == (self.from_utc is None):
            return [("shopify_order_ids", "exactly one of shopify_order_ids and from_utc is needed")]
        return ()


class OrdersReconcileAnswer(Answer, omit_defaults=True):
    batch_id: Id
    enqueued: Count | None = None


@endpoints.post(
    "/slc",
    action="orders/reconcile",
    roles=MANAGE,
    idempotent=True,
    emits=["slc.orders.requested"],
    refusals={
        "validation-error": "not exactly one of shopify_order_ids and from_utc; an id twice or not of an Order; "
        "from_utc in the future or more than 60 days ago",
        "invalid-state": "the channel is inactive",
    },
)
@refused_while_emptied
async def slc_orders_reconcile(change: Change, body: OrdersReconcileRequest) -> OrdersReconcileAnswer:
    """Bring ICS to what given orders, or all changed since a time, say, in the background."""
    order_ids = _order_ids(body.shopify_order_ids or ())
    if body.from_utc is not None and not later(change.now, -BACK_SECONDS_MAX) <= body.from_utc <= change.now:
        raise invalid_field("from_utc", "must lie within the last 60 days")
    channel = await change.load(CHANNELS, body.channel_id)
    if not channel.is_open:
        raise InvalidState("the channel is inactive", state=channel.state)
    batch_id = change.new_id()
    change.emit(
        "slc.orders.requested",
        batch_id,
        revision=channel.revision,
        channel_id=channel.channel_id,
        batch_id=batch_id,
        include_before_activation=bool(body.include_before_activation),
        **({"shopify_order_ids": order_ids} if order_ids else {"from_utc": body.from_utc}),
    )
    return OrdersReconcileAnswer(batch_id=batch_id, enqueued=len(order_ids) if order_ids else None)


def _order_ids(given: Sequence[str | int]) -> list[str]:
    found = [gid_of("Order", each, f"shopify_order_ids.{place}") for place, each in enumerate(given)]
    if len(set(found)) < len(found):
        raise invalid_field("shopify_order_ids", "names an order twice")
    return found

"""Orders, refunds and fulfilments, over GraphQL."""

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from services.slc.shopify.graphql import Session
from services.slc.shopify.order_states import (
    Fulfilment,
    FulfilmentLine,
    FulfilmentOrder,
    FulfilmentUnits,
    OrderChanged,
    OrderLineState,
    OrderState,
    RefundLine,
    RefundState,
)
from services.slc.shopify.reading import converted, nodes
from services.slc.shopify.words import Gid


class OrderCalls:
    """Implements the port's `Orders`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def order(self, order_id: Gid) -> OrderState | None:
        found: OrderState | None = None
        after: str | None = None
        while True:
            data = await self._session.execute("OrderState", id=order_id, after=after)
            order = data["order"]
            if order is None:
                return None
            page = order["lineItems"]
            lines = tuple(_order_line(each) for each in page["nodes"])
            found = _order(order, lines) if found is None else replace(found, lines=(*found.lines, *lines))
            if not page["pageInfo"]["hasNextPage"]:
                return found
            after = page["pageInfo"]["endCursor"]

    async def placement(self, order_id: Gid) -> list[FulfilmentOrder]:
        found = []
        async for each in nodes(self._session, "OrderPlacement", ["order", "fulfillmentOrders"], id=order_id):
            placed = _fulfilment_order(each)
            if each["lineItems"]["pageInfo"]["hasNextPage"]:
                placed = replace(placed, lines=await self._all_lines(placed.fulfilment_order_id))
            found.append(placed)
        return found

    async def _all_lines(self, fulfilment_order_id: Gid) -> tuple[FulfilmentLine, ...]:
        pages = nodes(self._session, "FulfilmentOrderState", ["fulfillmentOrder", "lineItems"], id=fulfilment_order_id)
        return tuple([_fulfilment_line(each) async for each in pages])

    async def order_of(self, fulfilment_order_id: Gid) -> Gid | None:
        data = await self._session.execute("FulfilmentOrderState", id=fulfilment_order_id, after=None)
        found = data["fulfillmentOrder"]
        return found["orderId"] if found is not None else None

    async def refund(self, refund_id: Gid) -> RefundState | None:
        lines: list[RefundLine] = []
        after: str | None = None
        while True:
            data = await self._session.execute("RefundState", id=refund_id, after=after)
            refund = data["refund"]
            if refund is None:
                return None
            page = refund["refundLineItems"]
            lines += [_refund_line(each) for each in page["nodes"]]
            if not page["pageInfo"]["hasNextPage"]:
                return RefundState(refund_id=refund["id"], created_at=refund["createdAt"], lines=tuple(lines))
            after = page["pageInfo"]["endCursor"]

    async def changed_since(self, at: str, after: str | None = None) -> tuple[list[OrderChanged], str | None]:
        data = await self._session.execute("OrdersChanged", query=f"updated_at:>='{at}'", after=after)
        page = data["orders"]
        more = page["pageInfo"]["endCursor"] if page["pageInfo"]["hasNextPage"] else None
        return [converted(each, OrderChanged) for each in page["nodes"]], more

    async def fulfil(self, units: Sequence[FulfilmentUnits], company: str | None, number: str | None) -> Fulfilment:
        by_order: dict[Gid, list[dict[str, Any]]] = {}
        for each in units:
            line = {"id": each.fulfilment_line_id, "quantity": each.quantity}
            by_order.setdefault(each.fulfilment_order_id, []).append(line)
        sent: dict[str, Any] = {
            "lineItemsByFulfillmentOrder": [
                {"fulfillmentOrderId": order, "fulfillmentOrderLineItems": lines} for order, lines in by_order.items()
            ],
            "notifyCustomer": False,
        }
        tracking = {name: value for name, value in (("company", company), ("number", number)) if value is not None}
        if tracking:
            sent["trackingInfo"] = tracking
        data = await self._session.execute("FulfilmentCreate", fulfillment=sent)
        return converted(data["fulfillmentCreate"]["fulfillment"], Fulfilment)

    async def latest_fulfilment(self, order_id: Gid) -> Fulfilment | None:
        order = (await self._session.execute("OrderFulfilments", id=order_id))["order"]
        found = [converted(each, Fulfilment) for each in order["fulfillments"]] if order is not None else []
        return max(found, key=lambda each: int(each.id.rpartition("/")[2]), default=None)


def _id_of(part: Mapping[str, Any] | None) -> Gid | None:
    return part["id"] if part is not None else None


def _order(order: Mapping[str, Any], lines: tuple[OrderLineState, ...]) -> OrderState:
    return OrderState(
        order_id=order["id"],
        name=order["name"],
        created_at=order["createdAt"],
        updated_at=order["updatedAt"],
        cancelled_at=order["cancelledAt"],
        financial_status=order["displayFinancialStatus"],
        retail_location_id=_id_of(order["retailLocation"]),
        refund_ids=tuple(each["id"] for each in order["refunds"]),
        lines=lines,
    )


def _order_line(line: Mapping[str, Any]) -> OrderLineState:
    return OrderLineState(
        line_id=line["id"],
        sku=line["sku"],
        quantity=line["quantity"],
        current_quantity=line["currentQuantity"],
        unfulfilled_quantity=line["unfulfilledQuantity"],
        variant_id=_id_of(line["variant"]),
    )


def _fulfilment_order(order: Mapping[str, Any]) -> FulfilmentOrder:
    return FulfilmentOrder(
        fulfilment_order_id=order["id"],
        status=order["status"],
        location_id=_id_of((order["assignedLocation"] or {}).get("location")),
        lines=tuple(_fulfilment_line(each) for each in order["lineItems"]["nodes"]),
    )


def _fulfilment_line(line: Mapping[str, Any]) -> FulfilmentLine:
    return FulfilmentLine(
        id=line["id"],
        line_id=line["lineItem"]["id"],
        total=line["totalQuantity"],
        remaining=line["remainingQuantity"],
    )


def _refund_line(line: Mapping[str, Any]) -> RefundLine:
    return RefundLine(
        id=line["id"],
        line_id=line["lineItem"]["id"],
        quantity=line["quantity"],
        restock_type=line["restockType"],
        restocked=line["restocked"],
        location_id=_id_of(line["location"]),
    )

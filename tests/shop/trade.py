"""What customers and staff do in the shop: orders, payments, edits, refunds, cancellations, moves, shipments."""

from typing import Any

from tests.shop.hooks import Hooks
from tests.shop.model import Fulfilment, FulfilmentOrder, Level, Order, OrderLine, Placement, Refund, Shop, Variant
from tests.shop.product_mutations import Refused, number_of


class Trade:
    """Orders of one shop. `silent` rings nothing."""

    def __init__(self, shop: Shop, hooks: Hooks) -> None:
        self._shop = shop
        self._hooks = hooks

    def sell(
        self, units: dict[str, int], *, location_id: str | None = None, paid: bool = True, silent: bool = False
    ) -> Order:
        """An order of these units (SKU -> quantity). The shop sells what it shows, and below zero too."""
        shop, now = self._shop, self._shop.now()
        where = location_id or next(iter(shop.locations))
        lines = [OrderLine(shop.gid("LineItem"), shop.by_sku(sku), quantity) for sku, quantity in units.items()]
        placed = [Placement(shop.gid("FulfillmentOrderLineItem"), each, each.quantity, each.quantity) for each in lines]
        order = Order(
            id=shop.gid("Order"),
            name=f"#{1000 + len(shop.orders) + 1}",
            created_at=now,
            updated_at=now,
            lines=lines,
            placements=[FulfilmentOrder(shop.gid("FulfillmentOrder"), where, "OPEN", placed)],
            financial_status="PAID" if paid else "PENDING",
        )
        shop.orders[order.id] = order
        for each in lines:
            self._move(each.variant, where, -each.quantity, each.quantity, silent=silent)
        if not silent:
            self._ring("orders/create", order)
            if paid:
                self._ring("orders/paid", order)
        return order

    def pay(self, order_id: str, *, silent: bool = False) -> None:
        """The order is paid."""
        order = self._touched(order_id)
        order.financial_status = "PAID"
        if not silent:
            self._ring("orders/paid", order)

    def edit(self, order_id: str, sku: str, delta: int, *, silent: bool = False) -> None:
        """Units added to a line, or removed from it."""
        order = self._touched(order_id)
        line = next(each for each in order.lines if each.variant.item.sku == sku)
        placed = next(each for where in order.placements for each in where.lines if each.line is line)
        if delta > 0:
            line.quantity += delta
        else:
            line.removed -= delta
        placed.total += delta
        placed.remaining += delta
        self._move(line.variant, order.placements[0].location_id, -delta, delta, silent=silent)
        if not silent:
            self._hooks.ring("orders/edited", {"order_edit": {"order_id": number_of(order.id)}})

    def refund(
        self, order_id: str, sku: str, quantity: int, restock: str = "CANCEL", *, silent: bool = False
    ) -> Refund:
        """A refund of units. CANCEL and RETURN put them back to available."""
        order = self._touched(order_id)
        line = next(each for each in order.lines if each.variant.item.sku == sku)
        where = order.placements[0].location_id
        kept = None if restock == "NO_RESTOCK" else where
        refund = Refund(
            self._shop.gid("Refund"),
            self._shop.now(),
            [(self._shop.gid("RefundLineItem"), line, quantity, restock, kept)],
        )
        order.refunds.append(refund)
        line.removed += quantity
        unshipped = restock == "CANCEL"
        if unshipped:
            self._unplace(order, line, quantity)
        if restock != "NO_RESTOCK":
            self._move(line.variant, where, quantity, -quantity if unshipped else 0, silent=silent)
        if not silent:
            self._hooks.ring("refunds/create", {"id": number_of(refund.id), "order_id": number_of(order.id)})
        return refund

    def cancel(self, order_id: str, *, restock: bool = True, silent: bool = False) -> None:
        """The order is cancelled; what is not shipped goes back to stock, if wanted."""
        order = self._touched(order_id)
        for line in order.lines:
            left = line.quantity - line.removed - line.fulfilled
            if left:
                kind = "CANCEL" if restock else "NO_RESTOCK"
                self.refund(order_id, line.variant.item.sku or "", left, kind, silent=True)
                self._ring_level(line.variant, order.placements[0].location_id, silent=silent)
        order.cancelled_at = self._shop.now()
        for placed in order.placements:
            placed.status = "CLOSED" if placed.status == "CLOSED" else "CANCELLED"
        if not silent:
            self._ring("orders/cancelled", order)

    def move(self, order_id: str, location_id: str, *, silent: bool = False) -> FulfilmentOrder:
        """The open fulfilment order goes to another location, with its units."""
        order = self._touched(order_id)
        old = next(each for each in order.placements if each.status == "OPEN")
        new = FulfilmentOrder(self._shop.gid("FulfillmentOrder"), location_id, "OPEN", old.lines)
        old.lines, old.status = [], "CLOSED"
        order.placements.append(new)
        for each in new.lines:
            self._move(each.line.variant, old.location_id, each.remaining, -each.remaining, silent=silent)
            self._move(each.line.variant, location_id, -each.remaining, each.remaining, silent=silent)
        if not silent:
            body = {"original_fulfillment_order": {"id": old.id}, "moved_fulfillment_order": {"id": new.id}}
            self._hooks.ring("fulfillment_orders/moved", body)
        return new

    def fulfil(self, given: dict[str, Any]) -> Fulfilment:
        """The mutation: units of fulfilment orders leave."""
        order, units = None, []
        for part in given["lineItemsByFulfillmentOrder"]:
            order, placed = self._placed(part["fulfillmentOrderId"])
            for each in part["fulfillmentOrderLineItems"]:
                line = next((one for one in placed.lines if one.id == each["id"]), None)
                if line is None or not 0 < each["quantity"] <= line.remaining:
                    raise Refused("Invalid fulfillment order line item quantity requested.", ["fulfillment"])
                units.append((line, each["quantity"], placed))
        if order is None:
            raise Refused("no fulfilment order", ["fulfillment"])
        for line, quantity, placed in units:
            line.remaining -= quantity
            line.line.fulfilled += quantity
            line.line.variant.item.levels[placed.location_id].committed -= quantity
            placed.status = "CLOSED" if not any(each.remaining for each in placed.lines) else "IN_PROGRESS"
        tracking = given.get("trackingInfo") or {}
        made = Fulfilment(
            self._shop.gid("Fulfillment"),
            order.id,
            [(line.line.id, quantity) for line, quantity, _ in units],
            tracking.get("company"),
            tracking.get("number"),
        )
        order.fulfilments.append(made)
        order.updated_at = self._shop.now()
        return made

    def _placed(self, id_: str) -> tuple[Order, FulfilmentOrder]:
        for order in self._shop.orders.values():
            for placed in order.placements:
                if placed.id == id_:
                    return order, placed
        raise Refused("Fulfillment order does not exist.", ["fulfillment"])

    def _unplace(self, order: Order, line: OrderLine, quantity: int) -> None:
        for placed in order.placements:
            for each in placed.lines:
                if each.line is line:
                    taken = min(quantity, each.remaining)
                    each.total -= taken
                    each.remaining -= taken
                    quantity -= taken

    def _touched(self, order_id: str) -> Order:
        order = self._shop.orders[order_id]
        order.updated_at = self._shop.now()
        return order

    def _move(self, variant: Variant, location_id: str, available: int, committed: int, *, silent: bool) -> None:
        level = variant.item.levels.setdefault(location_id, Level())
        level.available += available
        level.committed += committed
        level.updated_at = self._shop.now()
        self._ring_level(variant, location_id, silent=silent)

    def _ring_level(self, variant: Variant, location_id: str, *, silent: bool) -> None:
        if silent:
            return
        body = {
            "inventory_item_id": number_of(variant.item.id),
            "location_id": number_of(location_id),
            "available": variant.item.levels[location_id].available,
        }
        self._hooks.ring("inventory_levels/update", body)
        self._hooks.ring("products/update", {"id": number_of(variant.product_id)})

    def _ring(self, topic: str, order: Order) -> None:
        self._hooks.ring(topic, {"id": number_of(order.id), "admin_graphql_api_id": order.id})

"""What a shop shows of its orders, refunds and fulfilments, and what a fulfilment is made of."""

from chassis.entity import Value
from services.slc.shopify.words import Gid, Wire


class OrderLineState(Value):
    """A line of an order. `quantity` counts refunded and removed units, `current_quantity` does not."""

    line_id: Gid
    sku: str | None
    quantity: int
    current_quantity: int
    unfulfilled_quantity: int
    variant_id: Gid | None


class OrderState(Value):
    """An order as the shop shows it, with all its lines."""

    order_id: Gid
    name: str
    created_at: str
    updated_at: str
    cancelled_at: str | None
    financial_status: str | None
    retail_location_id: Gid | None
    refund_ids: tuple[Gid, ...]
    lines: tuple[OrderLineState, ...]


class FulfilmentLine(Value):
    """Units of an order line in a fulfilment order; `id` is the fulfilment order's own line."""

    id: Gid
    line_id: Gid
    total: int
    remaining: int


class FulfilmentOrder(Value):
    """The part of an order that is assigned to one location."""

    fulfilment_order_id: Gid
    status: str
    location_id: Gid | None
    lines: tuple[FulfilmentLine, ...]


class RefundLine(Value):
    """Refunded units of an order line. `restock_type` is CANCEL, RETURN, NO_RESTOCK or LEGACY_RESTOCK."""

    id: Gid
    line_id: Gid
    quantity: int
    restock_type: str
    restocked: bool
    location_id: Gid | None


class RefundState(Value):
    """A refund with all its lines."""

    refund_id: Gid
    created_at: str | None
    lines: tuple[RefundLine, ...]


class OrderChanged(Wire):
    """An order that a search found."""

    id: Gid
    updated_at: str


class FulfilmentUnits(Value):
    """Units of one line of a fulfilment order to fulfil."""

    fulfilment_order_id: Gid
    fulfilment_line_id: Gid
    quantity: int


class Fulfilment(Wire):
    """A fulfilment that was made."""

    id: Gid
    status: str

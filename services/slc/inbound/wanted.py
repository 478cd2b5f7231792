"""What ICS should hold for each line of an order, read off the order as its shop shows it."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from chassis.clock import Utc, utc
from chassis.entity import Value
from services.slc.channel.config import OrderTrigger
from services.slc.channel.domain import StoredChannel
from services.slc.shopify.order_states import FulfilmentOrder, OrderLineState, OrderState, RefundLine, RefundState

PAID = frozenset({"PAID", "PARTIALLY_REFUNDED", "REFUNDED"})
ENDED = frozenset({"VOIDED", "EXPIRED"})
CANCELLED = "CANCELLED"


class ShownOrder(Value):
    """An order with its fulfilment orders and refunds, as its shop shows them."""

    order: OrderState
    placement: tuple[FulfilmentOrder, ...]
    refunds: tuple[RefundState, ...]


class Returned(Value):
    """Units of a refund line that came back, and where."""

    refund_line_id: str
    refund_id: str
    quantity: int
    location_id: str | None
    created_utc: Utc


class WantedLine(Value):
    """A line as ICS should hold it.

    held, awaiting  units by location that ICS holds, and that wait for payment
    restocked_utc   when units were put back to stock last; the order's own time where there were none
    cancelled       units restocked as CANCEL
    not_restocked   refund line -> its units, which stay committed
    """

    line_id: str
    shopify_variant_id: str | None
    sku: str | None
    quantity: int
    held: Mapping[str, int]
    awaiting: Mapping[str, int]
    returned: tuple[Returned, ...]
    cancelled: int
    not_restocked: Mapping[str, int]
    created_utc: Utc
    restocked_utc: Utc

    @property
    def units_held(self) -> int:
        """Units that ICS should hold, over all locations."""
        return sum(self.held.values())

    @property
    def units_awaiting(self) -> int:
        """Units that wait for payment, over all locations."""
        return sum(self.awaiting.values())


def moment(text: str) -> Utc:
    """A time of Shopify in canonical form."""
    return utc(datetime.fromisoformat(text))


def wanted_lines(
    shown: ShownOrder, channel: StoredChannel, posted: Mapping[str, Mapping[str, int]]
) -> list[WantedLine]:
    """The lines of an order as ICS should hold them; `posted` are units held now, by line and location."""
    fallback = shown.order.retail_location_id or (channel.primary.location_id if channel.primary else "")
    return [
        _wanted(shown, line, channel.config.order_trigger, posted.get(line.line_id, {}), fallback)
        for line in shown.order.lines
    ]


def _wanted(
    shown: ShownOrder, line: OrderLineState, trigger: OrderTrigger, posted: Mapping[str, int], fallback: str
) -> WantedLine:
    order = shown.order
    created = moment(order.created_at)
    refunded = [(refund, each) for refund in shown.refunds for each in refund.lines if each.line_id == line.line_id]
    cancelled = sum(each.quantity for _, each in refunded if each.restock_type == "CANCEL")
    times = [moment(refund.created_at) for refund, each in refunded if refund.created_at and each.restocked]
    due = max(0, line.quantity - cancelled)
    status = order.financial_status or ""
    is_met = trigger == "created" or status in PAID
    is_over = order.cancelled_at is not None or status in ENDED
    held = due if is_met else 0
    awaiting = 0 if is_met or is_over else due
    return WantedLine(
        line_id=line.line_id,
        shopify_variant_id=line.variant_id,
        sku=line.sku,
        quantity=line.quantity,
        held=divided(held, line.line_id, shown.placement, posted, fallback),
        awaiting=divided(awaiting, line.line_id, shown.placement, posted, fallback),
        returned=tuple(_returned(refunded, created)),
        cancelled=cancelled,
        not_restocked={each.id: each.quantity for _, each in refunded if each.restock_type == "NO_RESTOCK"},
        created_utc=created,
        restocked_utc=max(times, default=created),
    )


def _returned(refunded: Iterable[tuple[RefundState, RefundLine]], created: Utc) -> Iterable[Returned]:
    for refund, each in refunded:
        if each.restock_type in {"RETURN", "LEGACY_RESTOCK"} and each.quantity:
            yield Returned(
                refund_line_id=each.id,
                refund_id=refund.refund_id,
                quantity=each.quantity,
                location_id=each.location_id,
                created_utc=moment(refund.created_at) if refund.created_at else created,
            )


def divided(
    units: int, line_id: str, placement: Sequence[FulfilmentOrder], posted: Mapping[str, int], fallback: str
) -> dict[str, int]:
    """Units of a line by location, as its fulfilment orders say. Units that none names stay where they are posted, and
    else go to the fallback."""
    found: dict[str, int] = {}
    left = units
    for fulfilment in placement:
        if fulfilment.status == CANCELLED or fulfilment.location_id is None:
            continue
        total = sum(each.total for each in fulfilment.lines if each.line_id == line_id)
        part = min(total, left)
        if part:
            found[fulfilment.location_id] = found.get(fulfilment.location_id, 0) + part
            left -= part
    for location_id, number in posted.items():
        part = min(max(0, number - found.get(location_id, 0)), left)
        if part:
            found[location_id] = found.get(location_id, 0) + part
            left -= part
    if left and fallback:
        found[fallback] = found.get(fallback, 0) + left
    return found

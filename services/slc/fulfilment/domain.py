"""Shipments in ICS become fulfilments in the shop: which units, read off what the shop still has to fulfil. Pure."""

from collections.abc import Mapping, Sequence
from typing import Literal

from chassis.entity import Document, Value
from chassis.values import Count, Guid, Id, Name, Qty, Qty0, Text, Utc
from services.slc.shopify.order_states import FulfilmentOrder, FulfilmentUnits
from services.slc.words import Gid, SyncError

OPEN = frozenset({"OPEN", "IN_PROGRESS"})
DONE = frozenset({"CLOSED", "CANCELLED"})


class ShipmentLine(Value):
    """Units of a fulfilment order's line that are pushed, and what the line had left to fulfil before."""

    fulfilment_order_id: Gid
    fulfilment_line_id: Gid
    quantity: Qty
    remaining: Count


class Shipment(Document, omit_defaults=True):
    """Units of a commit that left for the customer, and that the shop is to be told of.

    quantity  units that left; left: those of them that the shop is still to be told of
    state     waiting · open: `lines` are stored and their call was or will be made · pushed
    push_id   the shipments of one call have the same
    """

    row_id: str
    orgcode: str = ""
    channel_id: Id
    commit_id: Id
    operation_id: Id
    shopify_order_id: Gid
    line_id: Gid
    variant_id: Guid
    logical_guid: Guid
    quantity: Qty
    left: Qty0
    carrier: Name | None = None
    tracking_ref: Text | None = None
    shipped_utc: Utc
    state: Literal["waiting", "open", "pushed"] = "waiting"
    push_id: Id | None = None
    lines: list[ShipmentLine] = []  # noqa: RUF012  msgspec copies an empty list
    error: SyncError | None = None


class Fulfillable(Value):
    """What can be pushed of a shipment now; units that were fulfilled by hand; units that have to wait."""

    lines: tuple[ShipmentLine, ...]
    by_hand: int
    waiting: int

    @property
    def units(self) -> int:
        """Units that can be pushed."""
        return sum(line.quantity for line in self.lines)


class Group(Value):
    """What shipments of one call have in common."""

    carrier: str | None
    tracking_ref: str | None
    location_id: str


def shipment_row_id(channel_id: str, commit_id: str, operation_id: str) -> str:
    """The id of a shipment."""
    return f"{channel_id}/{commit_id}/{operation_id}"


def fulfillable(
    shipment: Shipment, location_id: str, placement: Sequence[FulfilmentOrder], taken: Mapping[str, int]
) -> Fulfillable:
    """How a shipment's units lie in the shop. `taken`: units of fulfilment lines that other shipments push."""
    left, elsewhere = shipment.left, 0
    lines: list[ShipmentLine] = []
    for order in placement:
        for line in order.lines:
            if line.line_id != shipment.line_id or order.status in DONE:
                continue
            remaining = max(0, line.remaining - taken.get(line.id, 0))
            if order.status not in OPEN or order.location_id != location_id:
                elsewhere += remaining
            elif units := min(left, remaining):
                left -= units
                lines.append(
                    ShipmentLine(
                        fulfilment_order_id=order.fulfilment_order_id,
                        fulfilment_line_id=line.id,
                        quantity=units,
                        remaining=line.remaining,
                    )
                )
    waiting = min(left, elsewhere)
    return Fulfillable(lines=tuple(lines), by_hand=left - waiting, waiting=waiting)


def was_executed(shipments: Sequence[Shipment], placement: Sequence[FulfilmentOrder]) -> bool:
    """Whether a call without an answer was executed: the shop has less left to fulfil than was stored."""
    now = {line.id: line.remaining for order in placement for line in order.lines}
    stored = {line.fulfilment_line_id: line.remaining for each in shipments for line in each.lines}
    return any(now.get(line_id, 0) < remaining for line_id, remaining in stored.items())


def units_of(shipments: Sequence[Shipment]) -> list[FulfilmentUnits]:
    """The units of the shipments of one call."""
    found: dict[tuple[str, str], int] = {}
    for each in shipments:
        for line in each.lines:
            key = (line.fulfilment_order_id, line.fulfilment_line_id)
            found[key] = found.get(key, 0) + line.quantity
    return [
        FulfilmentUnits(fulfilment_order_id=order, fulfilment_line_id=line, quantity=quantity)
        for (order, line), quantity in found.items()
    ]

"""Putaway: units move to another zone or bin. Pure.

Their bucket, lot, stage and holder stay. Within a bucket, units without a holder move first, then those of the oldest
holder.
"""

from typing import Literal

from services.ics.ledger.balance import Landing, PositionKey
from services.ics.ledger.draw import Pin, draw, draw_held
from services.ics.ledger.holder import is_on_shelf
from services.ics.ledger.leg import Leg
from services.ics.ledger.naming import Named
from services.ics.ledger.open_item import OpenItem
from services.ics.ledger.posting import Posting, insufficient
from services.ics.words import STAGES, UNHELD_BUCKETS, Bucket, Stage

OnHand = Literal["available", "quarantine", "damaged", "consignment", "reserved", "committed"]

Want = tuple[OnHand, Stage | None]
"""A bucket, and the stage to take units from; None stands for all stages."""

GOOD_STOCK: tuple[Want, ...] = (("available", None), ("reserved", None), ("committed", "open"))
"""The buckets used if the caller names none: good stock, promised or not, that is not picked yet."""


def wanted(bucket: OnHand | None) -> tuple[Want, ...]:
    """The buckets from which a putaway may take units, in order."""
    return GOOD_STOCK if bucket is None else ((bucket, None),)


def source_pin(
    zone_id: str | None, bin_id: str | None, lot_code: str | None, target: Landing, *, named: bool = False
) -> Pin:
    """The source place. Without a zone, only units without a place match, or (`named`) the named ones wherever they
    are; units at the target never match."""
    unplaced = zone_id is None and not named
    return Pin(zone_id, bin_id, lot_code, unplaced=unplaced, away=(target.zone_id, target.bin_id))


def put_away(
    posting: Posting, item: OpenItem, quantity: int, wants: tuple[Want, ...], pin: Pin, *, target: Landing, named: Named
) -> None:
    """Move units to their new place. Raises `InsufficientStock` if fewer than `quantity` match."""
    left = quantity
    for want in wants:
        if want[0] in UNHELD_BUCKETS:
            left = _free(posting, item, want[0], left, pin, target=target, named=named)
        if left and want[0] not in {"available", "damaged"}:
            left = _held(posting, item, want, left, pin, target=target, named=named)
    if left:
        raise insufficient(item, wants[0][0], quantity, quantity - left, "fewer such units are there")


def unheld(item: OpenItem, bucket: OnHand | None, pin: Pin, quantity: int) -> bool:
    """Whether the units without a holder are enough, so that no holder has to be loaded."""
    first = bucket or "available"
    return first in UNHELD_BUCKETS and draw(item, first, quantity, pin)[1] == 0


def _free(
    posting: Posting, item: OpenItem, bucket: Bucket, quantity: int, pin: Pin, *, target: Landing, named: Named
) -> int:
    while quantity:
        # Draw one position at a time: landed units may at once be assigned to promises made beyond the stock.
        takes, _ = draw(item, bucket, quantity, pin, named=named)
        if not takes:
            break
        key, units, serials = takes[0]
        named.put_back(takes[1:])
        landing = posting.land(item, target, key.lot_code)
        posting.move("putaway", units, Leg(item, bucket, key), Leg(item, bucket, landing), serials=serials)
        quantity -= units
    return quantity


def _held(
    posting: Posting, item: OpenItem, want: Want, quantity: int, pin: Pin, *, target: Landing, named: Named
) -> int:
    bucket, stage = want
    for holding in posting.holders_in(item, bucket):
        for take_stage in _stages(bucket, stage):
            leaves_shelf = is_on_shelf(bucket, take_stage)
            takes, _ = draw_held(item, holding, quantity, pin, stage=take_stage, leaves_shelf=leaves_shelf, named=named)
            for part, units, serials in takes:
                landing: PositionKey = posting.land(item, target, part.key.lot_code)
                source = Leg(item, bucket, part.key, holding, part.stage, part.line)
                posting.move("putaway", units, source, source._replace(key=landing), serials=serials)
                quantity -= units
    return quantity


def _stages(bucket: Bucket, stage: Stage | None) -> tuple[Stage | None, ...]:
    if bucket != "committed":
        return (None,)
    return STAGES if stage is None else (stage,)

"""Putaway: goods change their place and nothing else. Pure.

Bucket, lot, stage and holder stay. Within a bucket units no one holds go first, then the oldest holder's.
"""

from typing import Literal

from services.ics.ledger.balance import Landing, PositionKey
from services.ics.ledger.draw import Pin, draw, draw_held
from services.ics.ledger.holder import is_on_shelf
from services.ics.ledger.naming import Named, named_at
from services.ics.ledger.open_item import OpenItem
from services.ics.ledger.posting import Leg, Posting, insufficient
from services.ics.words import STAGES, UNHELD_BUCKETS, Bucket, Stage

OnHand = Literal["available", "quarantine", "damaged", "consignment", "reserved", "committed"]

Want = tuple[OnHand, Stage | None]
"""A bucket, and the one stage of it that is meant, if not all."""

GOOD_STOCK: tuple[Want, ...] = (("available", None), ("reserved", None), ("committed", "open"))
"""What a handler sees as good stock, promised or not."""


def wanted(bucket: OnHand | None) -> tuple[Want, ...]:
    """The buckets a putaway may take from, in order."""
    return GOOD_STOCK if bucket is None else ((bucket, None),)


def source_pin(zone_id: str | None, bin_id: str | None, lot_code: str | None, target: Landing) -> Pin:
    """Where the goods are: no zone named means in no place, and never where they are to go."""
    return Pin(zone_id, bin_id, lot_code, unplaced=zone_id is None, away=(target.zone_id, target.bin_id))


def put_away(
    posting: Posting, page: OpenItem, quantity: int, wants: tuple[Want, ...], pin: Pin, *, target: Landing, named: Named
) -> None:
    """Move units to their new place; refused where there are fewer of them."""
    left = quantity
    for want in wants:
        if want[0] in UNHELD_BUCKETS:
            left = _free(posting, page, want[0], left, pin, target=target, named=named)
        if left and want[0] not in {"available", "damaged"}:
            left = _held(posting, page, want, left, pin, target=target, named=named)
    if left:
        raise insufficient(page, wants[0][0], quantity, quantity - left, "fewer such units are there")


def unheld(page: OpenItem, bucket: OnHand | None, pin: Pin, quantity: int) -> bool:
    """Whether units no one holds are enough, so that no holder need be looked at."""
    first = bucket or "available"
    return first in UNHELD_BUCKETS and draw(page, first, quantity, pin)[1] == 0


def _free(
    posting: Posting, page: OpenItem, bucket: Bucket, quantity: int, pin: Pin, *, target: Landing, named: Named
) -> int:
    while wanted := named.at_most(quantity, None, None):
        # One position at a time: what lands may at once be exchanged for what was promised beyond stock.
        takes, _ = draw(page, bucket, wanted, pin)
        if not takes:
            break
        spot, units = takes[0]
        landing = posting.land(page, target, spot.lot_code)
        serials = named.hand(spot, units, None, None)
        posting.move("putaway", units, Leg(page, bucket, spot), Leg(page, bucket, landing), serials=serials)
        quantity -= units
    return quantity


def _held(
    posting: Posting, page: OpenItem, want: Want, quantity: int, pin: Pin, *, target: Landing, named: Named
) -> int:
    bucket, stage = want
    for holding in posting.holders_in(page, bucket):
        for take_stage in _stages(bucket, stage):
            leaves_shelf = is_on_shelf(bucket, take_stage)
            known = named_at(take_stage, holding.id, on_shelf=leaves_shelf)
            wanted = named.at_most(quantity, *known)
            takes, _ = draw_held(page, holding, wanted, pin, stage=take_stage, leaves_shelf=leaves_shelf)
            for part, units in takes:
                landing: PositionKey = posting.land(page, target, part.spot.lot_code)
                source = Leg(page, bucket, part.spot, holding, part.stage, part.line)
                serials = named.hand(part.spot, units, *known)
                posting.move("putaway", units, source, source._replace(spot=landing), serials=serials)
                quantity -= units
    return quantity


def _stages(bucket: Bucket, stage: Stage | None) -> tuple[Stage | None, ...]:
    if bucket != "committed":
        return (None,)
    return STAGES if stage is None else (stage,)

"""Draws, returns and exchanges the units of promises within a posting. Pure."""

from services.ics.ledger.balance import SHORTFALL
from services.ics.ledger.draw import ANYWHERE, HeldTake, Pin, count_free, draw, draw_held
from services.ics.ledger.holder import Holding
from services.ics.ledger.open_item import OpenItem
from services.ics.ledger.posting import Leg, Posting, insufficient
from services.ics.words import Kind, Stage


def promise(posting: Posting, kind: Kind, quantity: int, holding: Holding, pin: Pin = ANYWHERE) -> int:
    """Draw units for a promise; returns the number of units promised beyond stock.

    The caller has checked that `quantity` is promisable. Sellable units are taken first. Without a pin the rest comes
    from the shortfall position; with one, raises `InsufficientStock`.
    """
    item = holding.item
    there = quantity
    if item.shortfall:
        # Units owed to waiting promises cannot be promised again.
        there = min(quantity, max(0, count_free(item, "available", today=posting.today) - item.shortfall))
    takes, lacking = draw(item, "available", there, pin, today=posting.today)
    lacking += quantity - there
    if lacking and not pin.open:
        raise insufficient(item, "available", quantity, quantity - lacking, "the pinned place has fewer units")
    if lacking:
        item.positions.setdefault(SHORTFALL, item.position(SHORTFALL))
    stage = first_stage(holding)
    for take in takes:
        target = Leg(item, holding.bucket, take.key, holding, stage)
        posting.move(kind, take.quantity, Leg(item, "available", take.key), target)
    if lacking:
        target = Leg(item, holding.bucket, SHORTFALL, holding, stage)
        posting.move(kind, lacking, Leg(item, "available"), target)
    return lacking


def first_stage(holding: Holding) -> Stage | None:
    """The first stage of a promise's units: open for commits, else None."""
    return "open" if holding.type == "commit" else None


def give_back(
    posting: Posting, kind: Kind, quantity: int, holding: Holding, *, stage: Stage | None = None
) -> list[HeldTake]:
    """Return units of a promise to available at their positions, in draw order; returns what was taken from each part.

    Parts are taken one by one, because units that become available may be exchanged at once for units promised beyond
    stock, also those of this holder.
    """
    given: list[HeldTake] = []
    while quantity:
        takes, _ = draw_held(holding.item, holding, quantity, stage=stage)
        part, units = takes[0]
        source = Leg(holding.item, holding.bucket, part.key, holding, part.stage, part.line)
        posting.move(kind, units, source, Leg(holding.item, "available", part.key))
        given.append(takes[0])
        quantity -= units
    return given


def pass_on(
    posting: Posting, kind: Kind, quantity: int, giver: Holding, taker: Holding, *, pin: Pin = ANYWHERE
) -> None:
    """Move units from one promise to another; position and lot stay."""
    takes, lacking = draw_held(giver.item, giver, quantity, pin)
    assert lacking == 0, (giver.id, quantity, lacking)
    for part, units in takes:
        source = Leg(giver.item, giver.bucket, part.key, giver, part.stage)
        target = Leg(giver.item, taker.bucket, part.key, taker, first_stage(taker))
        posting.move(kind, units, source, target)


def repin(posting: Posting, quantity: int, holding: Holding, pin: Pin) -> None:
    """Ensure that `quantity` units of the promise on the shelf are inside the pin, which is what was scanned.

    Units already inside count. The rest is exchanged: units outside return to available in reverse draw order, and as
    many available units inside are taken in draw order. Raises `InsufficientStock` if there are too few.
    """
    item, stage = holding.item, first_stage(holding)
    _, exchange = draw_held(item, holding, quantity, pin, stage=stage, leaves_shelf=True)
    if pin.open or exchange == 0:
        return
    there = count_free(item, "available", pin, today=posting.today)
    inside = quantity - exchange
    if there < exchange:
        raise insufficient(item, "available", quantity, inside + there, "the pinned place has fewer units")
    for part, units in _outside(item, holding, exchange, pin, stage):
        source = Leg(item, holding.bucket, part.key, holding, part.stage)
        posting.move("repin", units, source, Leg(item, "available", part.key))
    takes, lacking = draw(item, "available", exchange, pin, today=posting.today)
    if lacking:
        raise insufficient(item, "available", quantity, quantity - lacking, "the pinned place has fewer units")
    for take in takes:
        target = Leg(item, holding.bucket, take.key, holding, stage)
        posting.move("repin", take.quantity, Leg(item, "available", take.key), target)


def _outside(item: OpenItem, holding: Holding, quantity: int, pin: Pin, stage: Stage | None) -> list[HeldTake]:
    """Takes of `quantity` units outside the pin, in reverse draw order."""
    everything, _ = draw_held(item, holding, holding.total(stage=stage), stage=stage)
    found: list[HeldTake] = []
    for part, units in reversed(everything):
        if quantity and not pin.holds(part.key):
            found.append(HeldTake(part, min(units, quantity)))
            quantity -= min(units, quantity)
    return found

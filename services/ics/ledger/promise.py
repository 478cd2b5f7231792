"""How promises get their units, give them back, and exchange them for others. Pure, on the books of a call."""

from services.ics.ledger.balance import SHORTFALL
from services.ics.ledger.draw import ANYWHERE, HeldTake, Pin, count_free, draw, draw_held
from services.ics.ledger.holder import Holding
from services.ics.ledger.open_item import OpenItem
from services.ics.ledger.posting import Leg, Posting, insufficient
from services.ics.words import Kind, Stage


def promise(posting: Posting, kind: Kind, quantity: int, holding: Holding, pin: Pin = ANYWHERE) -> int:
    """Draw units for a promise, and say how many of them are promised beyond stock.

    The caller has made sure that so many are promisable. Sellable units go first; without a pin the rest comes from the
    shortfall account, with one it is refused.
    """
    item = holding.item
    there = quantity
    if item.shortfall:
        # Units that are owed to those who wait can be promised to nobody else.
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
    """The stage a promise's units start at."""
    return "open" if holding.type == "commit" else None


def give_back(
    posting: Posting, kind: Kind, quantity: int, holding: Holding, *, stage: Stage | None = None
) -> list[HeldTake]:
    """Return a promise's units to available where they lie, in draw order.

    One part at a time: what appears in available may at once be exchanged for units promised beyond stock, the
    holder's own included.
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
    """Units go from one promise to the next, position and lot kept."""
    takes, lacking = draw_held(giver.item, giver, quantity, pin)
    assert lacking == 0, (giver.id, quantity, lacking)
    for part, units in takes:
        source = Leg(giver.item, giver.bucket, part.key, giver, part.stage)
        target = Leg(giver.item, taker.bucket, part.key, taker, first_stage(taker))
        posting.move(kind, units, source, target)


def repin(posting: Posting, quantity: int, holding: Holding, pin: Pin) -> None:
    """Make sure that so many of the promise's units on the shelf are inside the pin: the scan wins.

    Its units inside count first. The rest is exchanged: units outside go back to available in reverse draw order, and
    as many available ones inside are taken in draw order.
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
    """Parts outside the pin, the last in draw order first."""
    everything, _ = draw_held(item, holding, holding.total(stage=stage), stage=stage)
    found: list[HeldTake] = []
    for part, units in reversed(everything):
        if quantity and not pin.holds(part.key):
            found.append(HeldTake(part, min(units, quantity)))
            quantity -= min(units, quantity)
    return found

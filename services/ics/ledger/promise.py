"""Draws, returns and exchanges the units of promises within a posting. Pure."""

from collections.abc import Sequence

from services.ics.ledger.balance import SHORTFALL
from services.ics.ledger.draw import ANYWHERE, HeldTake, Pin, count_free, draw, draw_held
from services.ics.ledger.holder import Holding, Part
from services.ics.ledger.leg import Leg
from services.ics.ledger.naming import UNNAMED, Named
from services.ics.ledger.posting import Posting, insufficient
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
        part, units, _ = takes[0]
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
    for part, units, _ in takes:
        source = Leg(giver.item, giver.bucket, part.key, giver, part.stage)
        target = Leg(giver.item, taker.bucket, part.key, taker, first_stage(taker))
        posting.move(kind, units, source, target)


def repin(posting: Posting, quantity: int, holding: Holding, pin: Pin, named: Named = UNNAMED) -> None:
    """Ensure that `quantity` units of the promise on the shelf are inside the pin, which is what was scanned.

    Units already inside count. The rest is exchanged: units outside return to available in reverse draw order, and as
    many available units inside are taken in draw order. Named units pin their own positions, each for as many units as
    it has of them. Raises `InsufficientStock` if there are too few.
    """
    if not named.explicit:
        if not pin.open:
            _exchange(posting, holding, [(pin, quantity)])
        return
    keys = named.keys()
    _exchange(posting, holding, [(Pin(exact=key), named.count_at(key)) for key in keys])


def _exchange(posting: Posting, holding: Holding, wants: Sequence[tuple[Pin, int]]) -> None:
    """Ensure that the promise has the units of each pin inside it; the pins do not overlap."""
    item, stage = holding.item, first_stage(holding)
    short: list[tuple[Pin, int]] = []
    for pin, wanted in wants:
        _, lacking = draw_held(item, holding, wanted, pin, stage=stage, leaves_shelf=True)
        there = count_free(item, "available", pin, today=posting.today)
        if there < lacking:
            message = "the pinned place has fewer units"
            raise insufficient(item, "available", wanted, wanted - lacking + there, message)
        if lacking:
            short.append((pin, lacking))
    for part, units in _outside(holding, sum(units for _, units in short), wants, stage):
        source = Leg(item, holding.bucket, part.key, holding, part.stage)
        posting.move("repin", units, source, Leg(item, "available", part.key))
    for pin, wanted in short:
        takes, lacking = draw(item, "available", wanted, pin, today=posting.today)
        if lacking:
            raise insufficient(item, "available", wanted, wanted - lacking, "the pinned place has fewer units")
        for take in takes:
            target = Leg(item, holding.bucket, take.key, holding, stage)
            posting.move("repin", take.quantity, Leg(item, "available", take.key), target)


def _outside(
    holding: Holding, quantity: int, wants: Sequence[tuple[Pin, int]], stage: Stage | None
) -> list[tuple[Part, int]]:
    """`quantity` units of the promise that no pin wants, by part, in reverse draw order: those outside every pin, then
    those that a pin has too many of."""
    everything, _ = draw_held(holding.item, holding, holding.total(stage=stage), stage=stage)
    spare = [
        (part, units) for part, units, _ in reversed(everything) if not any(pin.holds(part.key) for pin, _ in wants)
    ]
    for pin, wanted in wants:
        kept = wanted
        for part, units, _ in everything:
            if pin.holds(part.key):
                spare.append((part, units - min(units, kept)))
                kept -= min(units, kept)
    found: list[tuple[Part, int]] = []
    for part, units in spare:
        if taken := min(units, quantity):
            found.append((part, taken))
            quantity -= taken
    return found

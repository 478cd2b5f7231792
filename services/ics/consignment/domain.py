"""Consignments: goods in the building that a consignor still owns, until they are consumed or sent back. Pure.

The stored record has more fields than its answer: where its units lie, since putaway may move them. `to_answer` leaves
those out, and money too for callers who may not see it.
"""

from decimal import Decimal, localcontext
from typing import Annotated, Literal

from msgspec import Meta, field
from msgspec.structs import replace

from chassis.entity import Record, Value
from chassis.errors import InvalidState, invalid_field
from chassis.values import Guid, Id, Lot, Money, Qty, Qty0, Text, Utc
from services.ics.decimals import FIGURE_DIGITS
from services.ics.ledger.balance import Landing
from services.ics.ledger.draw import ANYWHERE, HeldTake, Pin, draw_held
from services.ics.ledger.holder import HeldPosition, Holding, parts_of
from services.ics.ledger.naming import Named
from services.ics.ledger.open_item import OpenItem
from services.ics.ledger.posting import Leg, Posting, insufficient

SETTLEMENTS_MAX = 500
"""Most settlements of one consignment."""

AMOUNT_MAX = Decimal(10) ** 15
"""No amount of money is as large as this."""

ConsignmentStatus = Literal["open", "consumed", "settled"]


class Settlement(Value):
    """Consumed units paid for, unsold ones sent back, or both. `amount` is quantity x unit_cost."""

    settlement_ref: Text | None = None
    quantity: Qty0
    amount: Money | None
    returned: Qty0
    settled_utc: Utc
    settled_by: Guid


Settlements = Annotated[list[Settlement], Meta(max_length=SETTLEMENTS_MAX)]


class ConsignmentFacts(Record):
    """What is both stored of a consignment and shown. quantity = on_hand + consumed + returned + lost."""

    consignment_id: Id
    consignor_ref: Guid
    agreement_ref: Text | None = None
    logical_guid: Guid
    variant_id: Guid
    lot_code: Lot | None = None
    quantity: Qty
    on_hand: Qty0
    consumed: Qty0 = 0
    settled: Qty0 = 0
    returned: Qty0 = 0
    lost: Qty0 = 0
    status: ConsignmentStatus = "open"


class Consignment(ConsignmentFacts):
    """A consignment as answers and events show it: money is null for callers who may not see it."""

    unit_cost: Money | None
    settled_amount: Money | None
    settlements: Settlements


class ConsignmentRecord(ConsignmentFacts):
    """A consignment as it is stored."""

    unit_cost: Money
    settled_amount: Money
    settlements: Settlements = field(default_factory=list)
    positions: list[HeldPosition] = field(default_factory=list)

    @property
    def owed(self) -> int:
        """Consumed units not paid for yet."""
        return self.consumed - self.settled


def to_answer(kept: ConsignmentRecord, *, money: bool) -> Consignment:
    """The consignment as answers show it, or without its money."""
    whole = Consignment(**{name: getattr(kept, name) for name in Consignment.__struct_fields__})
    if money:
        return whole
    settlements = [replace(each, amount=None) for each in whole.settlements]
    return replace(whole, unit_cost=None, settled_amount=None, settlements=settlements)


def times(cost: Money, quantity: int) -> Money:
    """What so many units cost, exactly, with as many places as one."""
    with localcontext(prec=FIGURE_DIGITS):
        return Money(amount=f"{Decimal(cost.amount) * quantity:f}", currency=cost.currency)


def plus(amount: Money, more: Money) -> Money:
    """Both together; they are of one currency."""
    assert amount.currency == more.currency, (amount, more)
    with localcontext(prec=FIGURE_DIGITS):
        return Money(amount=f"{Decimal(amount.amount) + Decimal(more.amount):f}", currency=amount.currency)


def check_cost(cost: Money, quantity: int) -> None:
    """Refuse a cost below 0, and one that would make of all units an amount too large to be told."""
    if Decimal(cost.amount) < 0:
        raise invalid_field("unit_cost.amount", "is below 0")
    with localcontext(prec=FIGURE_DIGITS):
        if Decimal(cost.amount) * quantity >= AMOUNT_MAX:
            raise invalid_field("unit_cost.amount", "is too large for so many units")


def status_of(kept: ConsignmentRecord) -> ConsignmentStatus:
    """Open while units are on hand, consumed while some are owed for, settled then."""
    if kept.on_hand > 0:
        return "open"
    return "consumed" if kept.owed > 0 else "settled"


def restated(kept: ConsignmentRecord, holding: Holding) -> ConsignmentRecord:
    """The consignment with what it holds now, and the status that follows from its counters."""
    held = replace(kept, on_hand=holding.total(), positions=holding.positions())
    return replace(held, status=status_of(held))


def held_by(posting: Posting, page: OpenItem, kept: ConsignmentRecord) -> Holding:
    """The consignment as a holder, kept by the call itself."""
    return posting.own(page, "consignment", kept.consignment_id, parts_of(kept.positions))


def bring_in(
    posting: Posting, page: OpenItem, kept: ConsignmentRecord, *, place: Landing, named: Named
) -> ConsignmentRecord:
    """The consignment once its units are in the house, still the consignor's."""
    holding = posting.own(page, "consignment", kept.consignment_id)
    spot = posting.land(page, place, kept.lot_code)
    target = Leg(page, "consignment", spot, holding)
    posting.move("consign_receive", kept.quantity, "consignor", target, serials=named.hand(spot, kept.quantity))
    return restated(kept, holding)


def consume(
    posting: Posting, holding: Holding, kept: ConsignmentRecord, quantity: int, *, pin: Pin, named: Named
) -> ConsignmentRecord:
    """The consignment after units became ours: available where they lie, and owed for."""
    page = holding.page
    for part, units in _takes(holding, quantity, pin):
        source, target = Leg(page, "consignment", part.spot, holding), Leg(page, "available", part.spot)
        posting.move("consign_consume", units, source, target, serials=named.hand(part.spot, units))
    return restated(replace(kept, consumed=kept.consumed + quantity), holding)


def check_settled(kept: ConsignmentRecord, quantity: int) -> None:
    """Refuse to settle more than is owed for, and more often than a consignment remembers."""
    if quantity > kept.owed:
        raise InvalidState(f"{kept.owed} consumed units are not settled", status=kept.status)
    if len(kept.settlements) >= SETTLEMENTS_MAX:
        raise InvalidState(f"a consignment has {SETTLEMENTS_MAX} settlements at most", status=kept.status)


def send_back(posting: Posting, holding: Holding, quantity: int, named: Named) -> None:
    """Unsold units go back to the consignor."""
    for part, units in _takes(holding, quantity, ANYWHERE):
        source = Leg(holding.page, "consignment", part.spot, holding)
        posting.move("consign_return", units, source, "consignor", serials=named.hand(part.spot, units))


def settled(kept: ConsignmentRecord, holding: Holding, settlement: Settlement) -> ConsignmentRecord:
    """The consignment after units were paid for, or were sent back."""
    assert settlement.amount is not None, settlement
    changed = replace(
        kept,
        settled=kept.settled + settlement.quantity,
        returned=kept.returned + settlement.returned,
        settled_amount=plus(kept.settled_amount, settlement.amount),
        settlements=[*kept.settlements, settlement],
    )
    return restated(changed, holding)


def _takes(holding: Holding, quantity: int, pin: Pin) -> list[HeldTake]:
    takes, lacking = draw_held(holding.page, holding, quantity, pin)
    if lacking:
        page = holding.page
        raise insufficient(page, "consignment", quantity, quantity - lacking, "fewer consigned units are there")
    return takes


def changed_in_passing(kept: ConsignmentRecord, holding: Holding) -> ConsignmentRecord:
    """The consignment, updated after another operation moved or removed some of its units."""
    return restated(replace(kept, lost=kept.lost + holding.lost), holding)

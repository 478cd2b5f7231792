"""Consignments: goods in the facility owned by a consignor until they are consumed or returned. Pure.

The stored record also has the positions of its units, because putaway may move them. `to_answer` removes the positions,
and the money for callers without the cost role.
"""

from decimal import Decimal, localcontext
from typing import Annotated, Literal

from msgspec import Meta, field
from msgspec.structs import replace

from chassis.entity import Record, Value
from chassis.errors import InvalidState, invalid_field
from chassis.values import Count, Guid, Id, Lot, Money, Qty, Qty0, Text, Utc
from services.ics.decimals import FIGURE_DIGITS
from services.ics.ledger.balance import Landing
from services.ics.ledger.draw import ANYWHERE, HeldTake, Pin, draw_held
from services.ics.ledger.entry import ENTRIES_MAX
from services.ics.ledger.holder import HeldPosition, Holding, parts_of
from services.ics.ledger.leg import Leg
from services.ics.ledger.naming import Named
from services.ics.ledger.open_item import OpenItem
from services.ics.ledger.posting import Posting, insufficient
from services.ics.remarks import Remarks

SETTLEMENTS_MAX = 500
"""Most settlements of one consignment."""

OWED_MAX = 1000
"""Most rows of what is owed in one answer."""

AMOUNT_MAX = Decimal(10) ** 15
"""Amounts of money must be below this."""

ConsignmentStatus = Literal["open", "consumed", "settled"]


class Settlement(Value):
    """A payment for consumed units, a return of unsold ones, or both. `amount` is quantity x unit_cost."""

    settlement_ref: Text | None = None
    quantity: Qty0
    amount: Money | None
    returned: Qty0
    settled_utc: Utc
    settled_by: Guid


Settlements = Annotated[list[Settlement], Meta(max_length=SETTLEMENTS_MAX)]


class ConsignmentFacts(Record):
    """The fields common to record and answer. quantity = on_hand + consumed + returned + lost."""

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
    remarks: Remarks = field(default_factory=list)


class Consignment(ConsignmentFacts):
    """A consignment in answers and events. Money is null for callers without the cost role."""

    owed: Qty0
    unit_cost: Money | None
    settled_amount: Money | None
    owed_amount: Money | None
    settlements: Settlements


class ConsignorOwed(Value):
    """The open balance of one consignor in one currency: consignments and units owed for, and the amount."""

    consignor_ref: Guid
    consignments: Count
    quantity: Count
    amount: Money | None


class ConsignmentRecord(ConsignmentFacts):
    """The stored record of a consignment."""

    unit_cost: Money
    settled_amount: Money
    settlements: Settlements = field(default_factory=list)
    positions: list[HeldPosition] = field(default_factory=list)

    @property
    def owed(self) -> int:
        """Consumed units that are not settled yet."""
        return self.consumed - self.settled

    @property
    def owed_amount(self) -> Money:
        """The cost of the units owed for."""
        return times(self.unit_cost, self.owed)

    @property
    def owing(self) -> bool:
        """Whether units are owed for."""
        return self.owed > 0


def to_answer(kept: ConsignmentRecord, *, money: bool) -> Consignment:
    """The answer for a record; `money` False sets all amounts to null."""
    whole = Consignment(**{name: getattr(kept, name) for name in Consignment.__struct_fields__})
    return whole if money else without_money(whole)


def without_money(whole: Consignment) -> Consignment:
    """The consignment as callers without the cost role see it."""
    settlements = [replace(each, amount=None) for each in whole.settlements]
    return replace(whole, unit_cost=None, settled_amount=None, owed_amount=None, settlements=settlements)


def times(cost: Money, quantity: int) -> Money:
    """The exact cost of `quantity` units, with the decimal places of the unit cost."""
    with localcontext(prec=FIGURE_DIGITS):
        return Money(amount=f"{Decimal(cost.amount) * quantity:f}", currency=cost.currency)


def plus(amount: Money, more: Money) -> Money:
    """The exact sum of two amounts of the same currency."""
    assert amount.currency == more.currency, (amount, more)
    with localcontext(prec=FIGURE_DIGITS):
        return Money(amount=f"{Decimal(amount.amount) + Decimal(more.amount):f}", currency=amount.currency)


def check_cost(cost: Money, quantity: int) -> None:
    """Raise `Invalid` if the cost of all units reaches `AMOUNT_MAX`."""
    with localcontext(prec=FIGURE_DIGITS):
        if Decimal(cost.amount) * quantity >= AMOUNT_MAX:
            raise invalid_field("unit_cost.amount", "is too large for the number of units")


def status_of(kept: ConsignmentRecord) -> ConsignmentStatus:
    """Open while units are on hand, then consumed while units are unpaid, then settled."""
    if kept.on_hand > 0:
        return "open"
    return "consumed" if kept.owed > 0 else "settled"


def restated(kept: ConsignmentRecord, holding: Holding) -> ConsignmentRecord:
    """The consignment with `on_hand`, positions and status recomputed from the units it holds."""
    held = replace(kept, on_hand=holding.total(), positions=holding.positions())
    return replace(held, status=status_of(held))


def held_by(posting: Posting, item: OpenItem, kept: ConsignmentRecord) -> Holding:
    """The consignment as a holder of units. The caller stores the consignment itself."""
    return posting.own(item, "consignment", kept.consignment_id, parts_of(kept.positions))


def bring_in(
    posting: Posting, item: OpenItem, kept: ConsignmentRecord, *, place: Landing, named: Named
) -> ConsignmentRecord:
    """Receive the units of a new consignment at `place`; the consignor still owns them. Returns the changed record."""
    holding = posting.own(item, "consignment", kept.consignment_id)
    key = posting.land(item, place, kept.lot_code)
    target = Leg(item, "consignment", key, holding)
    posting.move("consign_receive", kept.quantity, "consignor", target, serials=named.numbers())
    return restated(kept, holding)


def consume(
    posting: Posting, holding: Holding, kept: ConsignmentRecord, quantity: int, *, pin: Pin, named: Named
) -> ConsignmentRecord:
    """Consume units: they change owner, become available at their positions and must be paid.

    Returns the changed record. Raises `InsufficientStock` if too few consigned units are inside the pin.
    """
    item = holding.item
    for part, units, serials in _takes(holding, quantity, pin, named):
        source, target = Leg(item, "consignment", part.key, holding), Leg(item, "available", part.key)
        posting.move("consign_consume", units, source, target, serials=serials)
    return restated(replace(kept, consumed=kept.consumed + quantity), holding)


def check_settled(kept: ConsignmentRecord, quantity: int) -> None:
    """Raise `InvalidState` if `quantity` exceeds the unpaid units, or there are `SETTLEMENTS_MAX` settlements."""
    if quantity > kept.owed:
        raise InvalidState(f"{kept.owed} consumed units are not settled", status=kept.status)
    if len(kept.settlements) >= SETTLEMENTS_MAX:
        raise InvalidState(f"a consignment has {SETTLEMENTS_MAX} settlements at most", status=kept.status)


def send_back(posting: Posting, holding: Holding, quantity: int, named: Named) -> None:
    """Return unsold units to the consignor. Raises `InsufficientStock` if too few are on hand."""
    for part, units, serials in _takes(holding, quantity, ANYWHERE, named):
        source = Leg(holding.item, "consignment", part.key, holding)
        posting.move("consign_return", units, source, "consignor", serials=serials)


def settled(kept: ConsignmentRecord, holding: Holding, settlement: Settlement) -> ConsignmentRecord:
    """The consignment with the settlement added to its counters and list."""
    assert settlement.amount is not None, settlement
    changed = replace(
        kept,
        settled=kept.settled + settlement.quantity,
        returned=kept.returned + settlement.returned,
        settled_amount=plus(kept.settled_amount, settlement.amount),
        settlements=[*kept.settlements, settlement],
    )
    return restated(changed, holding)


def _takes(holding: Holding, quantity: int, pin: Pin, named: Named) -> list[HeldTake]:
    takes, lacking = draw_held(holding.item, holding, quantity, pin, named=named)
    if lacking:
        item = holding.item
        raise insufficient(item, "consignment", quantity, quantity - lacking, "fewer consigned units are there")
    if len(takes) > ENTRIES_MAX:
        raise InvalidState(f"the units lie at more than {ENTRIES_MAX} positions", status="scattered")
    return takes


def changed_in_passing(kept: ConsignmentRecord, holding: Holding) -> ConsignmentRecord:
    """The consignment, updated after another operation moved or removed some of its units."""
    return restated(replace(kept, lost=kept.lost + holding.lost), holding)


class Owed:
    """Adds up what is owed per consignor and currency."""

    def __init__(self) -> None:
        self._sums: dict[tuple[str, str], ConsignorOwed] = {}

    def add(self, consignor_ref: str, unit_cost: Money, quantity: int) -> None:
        """Add a consignment with `quantity` units owed for."""
        key, amount = (consignor_ref, unit_cost.currency), times(unit_cost, quantity)
        known = self._sums.get(key)
        if known is not None:
            assert known.amount is not None, known
            amount = plus(known.amount, amount)
        self._sums[key] = ConsignorOwed(
            consignor_ref=consignor_ref,
            consignments=(known.consignments if known else 0) + 1,
            quantity=(known.quantity if known else 0) + quantity,
            amount=amount,
        )

    def rows(self, *, money: bool) -> list[ConsignorOwed]:
        """By consignor, then currency, at most `OWED_MAX`; without `money` one row per consignor and no amount."""
        rows = [self._sums[key] for key in sorted(self._sums)]
        if not money:
            merged: dict[str, ConsignorOwed] = {}
            for row in rows:
                known = merged.get(row.consignor_ref)
                merged[row.consignor_ref] = ConsignorOwed(
                    consignor_ref=row.consignor_ref,
                    consignments=row.consignments + (known.consignments if known else 0),
                    quantity=row.quantity + (known.quantity if known else 0),
                    amount=None,
                )
            rows = list(merged.values())
        return rows[:OWED_MAX]

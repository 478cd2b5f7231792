"""What becomes of consigned goods, and what is owed for them."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.errors import Invalid, InvalidState
from chassis.values import Money
from services.ics.consignment.domain import (
    ConsignmentRecord,
    Settlement,
    bring_in,
    changed_in_passing,
    check_cost,
    check_settled,
    consume,
    held_by,
    plus,
    send_back,
    settled,
    status_of,
    times,
    to_answer,
)
from services.ics.ledger.balance import NO_LANDING, Landing, new_item
from services.ics.ledger.draw import ANYWHERE
from services.ics.ledger.entry import ENTRIES_MAX, Operation
from services.ics.ledger.holder import HeldPosition, Loss, parts_of
from services.ics.ledger.naming import Named
from services.ics.ledger.open_item import OpenItem
from services.ics.ledger.posting import Posting
from services.ics.words import InsufficientStock
from tests.ics.given import FACILITY, NOON, ORG, VARIANT, an_id

COST = Money(amount="4.50", currency="EUR")


def a_consignment(**given: Any) -> ConsignmentRecord:
    """Thirty units at 4.50 EUR."""
    plain: dict[str, Any] = {
        "consignment_id": an_id(),
        "consignor_ref": "CONSIGNOR",
        "logical_guid": FACILITY,
        "variant_id": VARIANT,
        "quantity": 30,
        "on_hand": 30,
        "unit_cost": COST,
        "settled_amount": times(COST, 0),
    }
    return ConsignmentRecord(**(plain | given))


class Desk:
    """One consignment on the books of one long call."""

    def __init__(self, **given: Any) -> None:
        self.posting = Posting(ORG, NOON, an_id)
        self.item = self.posting.add(OpenItem(new_item(ORG, FACILITY, VARIANT)))
        asked = a_consignment(**given)
        whole = Operation(
            operation_id=an_id(), document_type="consignment", document_id=asked.consignment_id, actor="anna"
        )
        self.posting.begin(whole)
        self.kept = bring_in(self.posting, self.item, asked, place=NO_LANDING, named=Named())

    def consume(self, quantity: int) -> None:
        holding = held_by(self.posting, self.item, self.kept)
        self.kept = consume(self.posting, holding, self.kept, quantity, pin=ANYWHERE, named=Named())

    def settle(self, quantity: int, returned: int = 0) -> None:
        check_settled(self.kept, quantity)
        holding = held_by(self.posting, self.item, self.kept)
        if returned:
            send_back(self.posting, holding, returned, Named())
        settlement = Settlement(
            quantity=quantity,
            amount=times(self.kept.unit_cost, quantity),
            returned=returned,
            settled_utc=NOON,
            settled_by="anna",
        )
        self.kept = settled(self.kept, holding, settlement)

    def lose(self, quantity: int) -> None:
        holding = held_by(self.posting, self.item, self.kept)
        part = next(iter(holding.parts))
        holding.shift(part, -quantity)
        self.item.shift("consignment", None, True, part.key, -quantity)
        holding.losses.append(Loss(part, quantity))
        self.kept = changed_in_passing(self.kept, holding)
        holding.losses.clear()


def test_consigned_units_become_available_only_when_consumed() -> None:
    desk = Desk()
    assert (desk.item.total("consignment"), desk.item.total("available")) == (30, 0)
    desk.consume(12)
    assert (desk.item.total("consignment"), desk.item.total("available")) == (18, 12)
    assert (desk.kept.consumed, desk.kept.owed, desk.kept.status) == (12, 12, "open")
    with pytest.raises(InsufficientStock) as refused:
        desk.consume(19)
    shortage = refused.value.details["shortages"][0]
    assert (shortage.bucket, shortage.requested, shortage.available) == ("consignment", 19, 18)


def test_units_at_more_positions_than_a_call_touches_are_scattered() -> None:
    desk = Desk(quantity=ENTRIES_MAX + 1)
    places = [HeldPosition(zone_id=an_id(), quantity=1) for _ in range(ENTRIES_MAX + 1)]
    held_by(desk.posting, desk.item, desk.kept).parts = parts_of(places)
    for held in places:
        landing = Landing(zone_id=held.zone_id, purpose="storage")
        desk.posting.land(desk.item, landing, None)
        desk.item.shift("consignment", None, True, landing.key(None), 1)
    with pytest.raises(InvalidState) as refused:
        desk.consume(ENTRIES_MAX + 1)
    assert refused.value.details["status"] == "scattered"
    desk = Desk(quantity=30)
    desk.consume(30)
    assert desk.kept.consumed == 30


def test_settling_pays_for_consumed_units_and_sends_unsold_ones_back() -> None:
    desk = Desk()
    desk.consume(12)
    desk.settle(12)
    assert (desk.kept.settled_amount.amount, desk.kept.status) == ("54.00", "open")
    desk.settle(0, returned=18)
    assert (desk.kept.returned, desk.kept.on_hand, desk.kept.status) == (18, 0, "settled")
    assert [(each.quantity, each.amount, each.returned) for each in desk.kept.settlements] == [
        (12, Money(amount="54.00", currency="EUR"), 0),
        (0, Money(amount="0.00", currency="EUR"), 18),
    ]


def test_no_more_is_settled_than_is_owed_for() -> None:
    desk = Desk()
    desk.consume(5)
    with pytest.raises(InvalidState):
        desk.settle(6)
    desk.settle(3)
    with pytest.raises(InvalidState):
        desk.settle(3)


@pytest.mark.parametrize(
    ("counters", "status"),
    [
        ({"on_hand": 1, "consumed": 29}, "open"),
        ({"on_hand": 0, "consumed": 30, "settled": 29}, "consumed"),
        ({"on_hand": 0, "consumed": 30, "settled": 30}, "settled"),
        ({"on_hand": 0, "lost": 30}, "settled"),
    ],
)
def test_the_status_follows_from_the_counters(counters: dict[str, int], status: str) -> None:
    assert status_of(a_consignment(**counters)) == status


def test_money_is_shown_only_to_those_who_may_see_it() -> None:
    desk = Desk()
    desk.consume(1)
    desk.settle(1)
    plain = to_answer(desk.kept, money=False)
    assert (plain.unit_cost, plain.settled_amount, plain.settlements[0].amount) == (None, None, None)
    assert (plain.settled, plain.settlements[0].quantity) == (1, 1)
    assert to_answer(desk.kept, money=True).unit_cost == COST


def test_amounts_are_exact_and_keep_their_places() -> None:
    dear = Money(amount="123456789012345.6789", currency="EUR")
    assert times(dear, 3).amount == "370370367037037.0367"
    assert plus(times(COST, 1), Money(amount="0.0001", currency="EUR")).amount == "4.5001"
    assert times(Money(amount="0.0000", currency="EUR"), 10**9).amount == "0.0000"


@pytest.mark.parametrize("amount", ["1000000.0000", "999999999999999"])
def test_a_cost_that_cannot_be_told_of_all_units_is_refused(amount: str) -> None:
    with pytest.raises(Invalid):
        check_cost(Money(amount=amount, currency="EUR"), 10**9)
    check_cost(Money(amount="999999.9999", currency="EUR"), 10**9)


STEPS = st.lists(st.tuples(st.sampled_from(("consume", "settle", "send_back", "lose")), st.integers(1, 9)), max_size=20)


@given(steps=STEPS)
def test_title_is_kept_whatever_is_done(steps: list[tuple[str, int]]) -> None:
    """Invariant 22."""
    desk = Desk()
    for step, units in steps:
        try:
            match step:
                case "consume":
                    desk.consume(units)
                case "settle":
                    desk.settle(units)
                case "send_back":
                    desk.settle(0, returned=units)
                case _ if units <= desk.kept.on_hand:
                    desk.lose(units)
        except InvalidState:
            continue
        kept = desk.kept
        assert kept.settled <= kept.consumed == desk.item.total("available")
        assert kept.quantity == kept.on_hand + kept.consumed + kept.returned + kept.lost
        assert kept.on_hand == desk.item.total("consignment") == sum(each.quantity for each in kept.positions)
        assert kept.settled_amount == times(COST, kept.settled)
        assert kept.status == status_of(kept)

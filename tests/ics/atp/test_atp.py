from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from chassis.clock import Date
from services.ics.atp.domain import Terms, atp, base, facility_atp, item_atp, promisable, terms_of
from services.ics.ledger.balance import StockPosition, new_item
from services.ics.ledger.lot import Lot
from services.ics.policy.domain import PolicyValues

TODAY, YESTERDAY = Date("2026-03-02"), Date("2026-03-01")
UNITS = st.integers(0, 1000)


def test_nothing_is_promised_of_an_item_nobody_has_seen() -> None:
    facility = facility_atp("FAC-A", Terms(), PolicyValues(), held_back=0)
    assert (facility.atp, facility.promisable, facility.seq) == (0, 0, 0)


def test_safety_stock_and_holdbacks_are_not_promised() -> None:
    terms, policy = Terms(available=93), PolicyValues(safety_stock=10)
    assert (promisable(terms, policy, 8), promisable(terms, policy, 0)) == (75, 83)


def test_overdue_units_are_free_and_unsellable_ones_are_not() -> None:
    assert promisable(Terms(available=10, overdue=5, unsellable=3), PolicyValues(), 0) == 12


def test_a_backorder_limit_lets_promises_go_below_zero_but_adds_nothing_to_atp() -> None:
    policy = PolicyValues(backorder_limit=3)
    assert (atp(Terms(available=10), policy, 0), promisable(Terms(available=10), policy, 0)) == (10, 13)
    assert (atp(Terms(available=-3), policy, 0), promisable(Terms(available=-3), policy, 0)) == (0, 0)
    assert promisable(Terms(available=-1), policy, 0) == 2


def test_what_comes_in_counts_for_atp_and_not_for_promises() -> None:
    terms = Terms(inbound=20)
    assert (atp(terms, PolicyValues(), 0), promisable(terms, PolicyValues(), 0)) == (20, 0)


def test_a_facility_in_the_red_takes_nothing_from_another() -> None:
    red = facility_atp("FAC-A", Terms(available=2), PolicyValues(safety_stock=50), 0)
    black = facility_atp("FAC-B", Terms(available=7), PolicyValues(), 0)
    item = item_atp("VAR-1", [red, black])
    assert (item.atp, item.promisable) == (7, 7)


@given(
    st.builds(Terms, available=st.integers(-1000, 1000), overdue=UNITS, unsellable=UNITS, inbound=UNITS), UNITS, UNITS
)
def test_the_numbers_recompute_from_the_terms_shown(terms: Terms, withheld: int, limit: int) -> None:
    policy = PolicyValues(safety_stock=withheld // 2, backorder_limit=limit)
    shown = facility_atp("FAC-A", terms, policy, withheld)
    free = shown.available + shown.overdue - shown.unsellable - shown.safety_stock - shown.held_back
    assert free == base(terms, policy.safety_stock, withheld)
    assert shown.atp == max(0, free + shown.inbound)
    assert shown.promisable == max(0, free + shown.backorder_limit)


def test_units_in_lots_that_may_not_be_sold_are_told_apart() -> None:
    item = replace(
        new_item("ACME", "FAC-A", "VAR-1"),
        available=17,
        seq=9,
        cells=[
            StockPosition(lot_code="L-A", available=8),
            StockPosition(lot_code="L-B", available=4),
            StockPosition(lot_code="L-C", available=2),
            StockPosition(lot_code="L-D", available=1, reserved=30),
            StockPosition(available=2),
        ],
    )
    lots = {
        "L-A": Lot(lot_code="L-A", expiry_date=TODAY),
        "L-B": Lot(lot_code="L-B", expiry_date=YESTERDAY),
        "L-C": Lot(lot_code="L-C", blocked=True),
    }
    terms = terms_of(item, lots, TODAY, overdue=3)
    assert (terms.available, terms.unsellable, terms.overdue, terms.seq) == (17, 6, 3, 9)
    assert terms_of(None, lots, TODAY) == Terms()

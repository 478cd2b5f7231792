from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.clock import Utc, later, seconds_between
from chassis.errors import Invalid, InvalidState
from services.ics.ledger.balance import Item, StockPosition, new_item
from services.ics.ledger.lot import Lot
from services.ics.ledger.open_item import OpenItem
from services.ics.replenishment.domain import (
    ReplenishmentRule,
    check_open,
    recommend,
    set_status,
    standing,
    suggested,
    window_start,
)
from tests.ics.given import FACILITY, NOON, ORG, VARIANT, an_id

TODAY = NOON[:10]
PICK, OVER, BIN = an_id(), an_id(), an_id()
UNITS = st.integers(0, 10_000)


def a_rule(**given_: Any) -> ReplenishmentRule:
    plain: dict[str, Any] = {
        "rule_id": an_id(),
        "logical_guid": FACILITY,
        "variant_id": VARIANT,
        "pick_zone_id": PICK,
        "overstock_zone_id": OVER,
        "min_qty": 10,
        "max_qty": 20,
    }
    return ReplenishmentRule(**(plain | given_))


def an_item(*positions: StockPosition, lots: dict[str, Lot] | None = None) -> OpenItem:
    item: Item = new_item(ORG, FACILITY, VARIANT)
    return OpenItem(type(item)(item_id="i", logical_guid=FACILITY, variant_id=VARIANT, cells=list(positions)), lots)


def a_position(zone_id: str, available: int, bin_id: str | None = None, lot_code: str | None = None) -> StockPosition:
    return StockPosition(
        zone_id=zone_id, bin_id=bin_id, lot_code=lot_code, zone_code="Z", purpose="pick", available=available
    )


@given(UNITS, UNITS, st.integers(1, 10_000), st.integers(1, 50))
def test_what_is_recommended_fits_is_there_and_is_whole(pick: int, over: int, max_qty: int, multiple: int) -> None:
    units = recommend(pick, over, max_qty, multiple)
    assert units % multiple == 0
    assert 0 <= units <= over
    assert pick + units <= max(pick, max_qty)
    # No more would do.
    assert units + multiple > min(max_qty - pick, over)


def test_units_of_unsellable_lots_count_on_neither_side() -> None:
    lots = {"OLD": Lot(lot_code="OLD", expiry_date="2026-03-01"), "BAD": Lot(lot_code="BAD", blocked=True)}  # type: ignore[arg-type]
    item = an_item(
        a_position(PICK, 3), a_position(PICK, 4, lot_code="OLD"), a_position(OVER, 5, lot_code="BAD"), lots=lots
    )
    stands = standing(a_rule(), item, TODAY, overstocked=True)  # type: ignore[arg-type]
    assert (stands.pick, stands.over, stands.recommended) == (3, 0, 0)


def test_a_zone_covers_its_bins_but_for_the_pick_place_itself() -> None:
    item = an_item(a_position(OVER, 1), a_position(OVER, 2, bin_id=BIN), a_position(OVER, 4, bin_id=an_id()))
    whole = standing(a_rule(), item, TODAY, overstocked=True)  # type: ignore[arg-type]
    inside = standing(a_rule(pick_zone_id=OVER, pick_bin_id=BIN), item, TODAY, overstocked=True)  # type: ignore[arg-type]
    assert (whole.pick, whole.over) == (0, 7)
    assert (inside.pick, inside.over) == (2, 5)


@pytest.mark.parametrize(
    ("pick", "over", "overstocked", "outcome", "units"),
    [
        (9, 50, True, "move", 11),
        (9, 0, True, "no_stock", 0),
        (9, 50, False, "missing_overstock", 0),
        (10, 50, True, None, 0),
    ],
)
def test_a_suggestion_says_what_a_sweep_would_do(
    pick: int, over: int, overstocked: bool, outcome: str | None, units: int
) -> None:
    item = an_item(a_position(PICK, pick), a_position(OVER, over))
    shown = suggested(a_rule(), item, TODAY, overstocked=overstocked)  # type: ignore[arg-type]
    assert (shown.outcome if shown else None) == outcome
    assert (shown.recommended_quantity if shown else 0) == units


def test_archived_is_final() -> None:
    paused = set_status(a_rule(), "paused")
    archived = set_status(paused, "archived")
    with pytest.raises(InvalidState):
        set_status(paused, "paused")
    with pytest.raises(InvalidState):
        set_status(archived, "active")
    with pytest.raises(InvalidState):
        check_open(archived)


@given(st.integers(0, 10**8), st.integers(1, 1440))
def test_every_instant_is_in_exactly_one_window(seconds: int, minutes: int) -> None:
    at = later(NOON, seconds)
    start = window_start(at, minutes)
    assert 0 <= seconds_between(start, at) < minutes * 60
    assert window_start(start, minutes) == start
    assert seconds_between(Utc("1970-01-01T00:00:00.000Z"), start) % (minutes * 60) == 0


def test_no_window_holds_an_instant_there_is_not() -> None:
    with pytest.raises(Invalid):
        window_start(Utc("2026-02-31T12:00:00.000Z"), 15)

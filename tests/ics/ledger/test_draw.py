from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from chassis.clock import Date
from services.ics.ledger.balance import SHORTFALL, PositionKey, StockPosition, new_item
from services.ics.ledger.draw import ANYWHERE, HeldTake, Pin, Take, draw, draw_held, free
from services.ics.ledger.holder import Part
from services.ics.ledger.lot import Lot
from services.ics.ledger.open_item import OpenItem
from services.ics.ledger.posting import Posting
from tests.ics.given import NOON, an_id

TODAY = Date("2026-03-02")
LOTS = {
    "L-A": Lot(lot_code="L-A", expiry_date=Date("2031-06-30")),
    "L-B": Lot(lot_code="L-B", expiry_date=Date("2031-03-31")),
    "L-OLD": Lot(lot_code="L-OLD", expiry_date=Date("2026-03-01")),
    "L-TODAY": Lot(lot_code="L-TODAY", expiry_date=TODAY),
    "L-STOP": Lot(lot_code="L-STOP", blocked=True),
    "L-FREE": Lot(lot_code="L-FREE"),
}


def a_position(
    zone: str | None = None, lot: str | None = None, bin_code: str | None = None, **counts: Any
) -> StockPosition:
    """Units in a zone named by its purpose (and a bin named by its code), ten available unless said otherwise."""
    return StockPosition(
        zone_id=zone and f"zone {zone}",
        bin_id=bin_code and f"bin {bin_code}",
        lot_code=lot,
        zone_code=zone and zone.upper(),
        bin_code=bin_code,
        purpose=zone,
        **({"available": 10} | counts),
    )


def an_item(*positions: StockPosition) -> OpenItem:
    """An item with these positions."""
    item = OpenItem(new_item("ACME", "FAC-A", "VAR-1"), LOTS)
    item.positions = {position.key: position for position in positions}
    return item


def found(item: OpenItem, pin: Pin = ANYWHERE) -> list[StockPosition]:
    return [position for position, _ in free(item, "available", pin)]


def places(positions: list[StockPosition]) -> list[tuple[str | None, str | None, str | None]]:
    return [(position.purpose, position.bin_code, position.lot_code) for position in positions]


def test_zones_are_emptied_by_purpose_and_no_place_last() -> None:
    purposes = ("pick", "storage", "overstock", "receiving", "returns", "staging", None)
    item = an_item(*(a_position(purpose) for purpose in reversed(purposes)))
    assert [position.purpose for position in found(item)] == list(purposes)


def test_what_expires_first_goes_first_and_what_never_does_last() -> None:
    item = an_item(
        a_position(),
        a_position(lot="L-FREE"),
        a_position("pick"),
        a_position(lot="L-A"),
        a_position("storage", lot="L-B"),
    )
    assert places(found(item)) == [
        ("storage", None, "L-B"),
        (None, None, "L-A"),
        ("pick", None, None),
        (None, None, None),
        (None, None, "L-FREE"),
    ]


def test_unsellable_serials_stay_where_promises_draw_and_the_last_day_still_counts() -> None:
    dated = {Date("2026-03-01"): 1, TODAY: 2}
    item = an_item(
        a_position("pick", available=5, reserved=1, serials=6, blocked=1, dated=dated),
        a_position("storage", available=1, reserved=2, serials=3, blocked=2),
    )
    assert draw(item, "available", 9, today=TODAY) == ([Take(PositionKey("zone pick"), 3)], 6)
    assert draw(item, "available", 9)[1] == 3


def test_within_a_zone_no_bin_comes_first() -> None:
    item = an_item(a_position("pick", bin_code="B-2"), a_position("pick", bin_code="B-1"), a_position("pick"))
    assert [position.bin_code for position in found(item)] == [None, "B-1", "B-2"]


def test_promises_pass_unsellable_lots_over_and_the_last_day_still_counts() -> None:
    item = an_item(*(a_position(lot=lot) for lot in ("L-OLD", "L-STOP", "L-TODAY")))
    assert [position.lot_code for position, _ in free(item, "available", today=TODAY)] == ["L-TODAY"]
    assert len(found(item)) == 3


def test_a_zone_pinned_covers_its_bins_and_a_bin_only_itself() -> None:
    item = an_item(a_position("pick"), a_position("pick", bin_code="B-1"), a_position("storage"), a_position())
    assert len(found(item, Pin(zone_id="zone pick"))) == 2
    assert len(found(item, Pin(zone_id="zone pick", bin_id="bin B-1"))) == 1
    assert places(found(item, Pin(unplaced=True))) == [(None, None, None)]
    away = Pin(zone_id="zone pick", away=("zone pick", "bin B-1"))
    assert places(found(item, away)) == [("pick", None, None)]


def test_a_draw_says_how_much_is_lacking() -> None:
    item = an_item(a_position("pick", available=3), a_position("storage", available=4), a_position(available=-2))
    pick, storage = PositionKey("zone pick"), PositionKey("zone storage")
    assert draw(item, "available", 5) == ([Take(pick, 3), Take(storage, 2)], 0)
    assert draw(item, "available", 9) == ([Take(pick, 3), Take(storage, 4)], 2)


def test_a_holders_units_leave_the_shelf_only_as_far_as_they_are_there() -> None:
    item = an_item(a_position(available=-3, open=5), a_position("pick", available=0, open=2))
    holding = Posting("ACME", NOON, an_id).hold(
        item, "commit", an_id(), {Part(SHORTFALL, "open"): 5, Part(PositionKey("zone pick"), "open"): 2}
    )
    takes, lacking = draw_held(item, holding, 7, stage="open", leaves_shelf=True)
    assert takes == [HeldTake(Part(PositionKey("zone pick"), "open"), 2), HeldTake(Part(SHORTFALL, "open"), 2)]
    assert lacking == 3
    assert draw_held(item, holding, 7, stage="open")[1] == 0


@given(
    st.lists(st.tuples(st.sampled_from(["pick", "storage", None]), st.sampled_from([None, *LOTS]), st.integers(-3, 9))),
    st.integers(1, 40),
)
def test_a_draw_takes_all_there_is_and_never_more(
    positions: list[tuple[str | None, str | None, int]], asked: int
) -> None:
    item = an_item(*(a_position(zone, lot, available=units) for zone, lot, units in positions))
    there = sum(max(0, position.available) for position in item.positions.values())
    takes, lacking = draw(item, "available", asked, ANYWHERE)
    assert sum(take.quantity for take in takes) + lacking == asked
    assert lacking == max(0, asked - there)
    assert all(0 < take.quantity <= item.positions[take.key].available for take in takes)

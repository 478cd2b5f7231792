from itertools import count

import pytest
from msgspec.structs import replace

from chassis.clock import Date, Utc
from services.ics.ledger.balance import NO_LANDING, SHORTFALL, Landing, PositionKey, new_item
from services.ics.ledger.draw import Pin
from services.ics.ledger.entry import Operation
from services.ics.ledger.holder import Part
from services.ics.ledger.leg import Leg
from services.ics.ledger.lot import Lot
from services.ics.ledger.open_item import OpenItem
from services.ics.ledger.posting import Posting
from services.ics.ledger.promise import give_back, pass_on, promise, repin
from services.ics.words import InsufficientStock
from tests.ics.given import NOON

PICK = Landing(zone_id="z1", zone_code="PCK", purpose="pick")
OVER = Landing(zone_id="z2", zone_code="OVR", purpose="overstock")
SHELF = Landing(zone_id="z1", bin_id="b1", zone_code="PCK", bin_code="B-1", purpose="pick", capacity=5)


@pytest.fixture
def posting() -> Posting:
    numbers = count(1)
    posting = Posting("ACME", NOON, lambda: f"id-{next(numbers):03}")
    posting.begin(Operation(operation_id="op", document_type="receive", document_id="doc", actor="anna"))
    return posting


@pytest.fixture
def item(posting: Posting) -> OpenItem:
    return posting.add(OpenItem(new_item("ACME", "FAC-A", "VAR-1")))


def receive(
    posting: Posting, item: OpenItem, quantity: int, place: Landing = NO_LANDING, lot: str | None = None
) -> PositionKey:
    """Units come in, available at once."""
    key = posting.land(item, place, lot)
    posting.move("receive", quantity, "supplier", Leg(item, "available", key))
    return key


def test_an_entry_is_numbered_and_knows_the_totals_after_it(posting: Posting, item: OpenItem) -> None:
    receive(posting, item, 5)
    receive(posting, item, 3, PICK)
    first, second = posting.entries
    assert (first.to_account.seq, second.to_account.seq) == (1, 2)
    assert (first.from_balance, first.to_balance, second.to_balance) == (None, 5, 8)
    assert (first.recorded_utc, first.recorded_by, first.document_id) == (NOON, "anna", "doc")
    stored = item.close(NOON)
    assert (stored.seq, stored.available, stored.on_hand) == (2, 8, 8)


def test_time_never_goes_back_within_an_item(posting: Posting) -> None:
    ahead = Utc("2026-03-02T12:00:05.000Z")
    item = posting.add(OpenItem(replace(new_item("ACME", "FAC-A", "VAR-1"), recorded_utc=ahead)))
    receive(posting, item, 1)
    assert posting.entries[0].recorded_utc == ahead
    assert item.close(NOON).recorded_utc == ahead


def test_units_that_are_not_there_cannot_leave(posting: Posting, item: OpenItem) -> None:
    key = receive(posting, item, 2, PICK)
    with pytest.raises(AssertionError):
        posting.move("adjust", 3, Leg(item, "available", key), "adjustment")


def test_an_account_that_a_kind_may_not_move_is_a_defect(posting: Posting, item: OpenItem) -> None:
    key = receive(posting, item, 2, PICK)
    with pytest.raises(AssertionError):
        posting.move("adjust", 1, Leg(item, "available", key), "customer")


def test_only_a_promise_takes_the_shortfall_account_below_zero(posting: Posting, item: OpenItem) -> None:
    receive(posting, item, 2)
    with pytest.raises(AssertionError):
        posting.move("adjust", 3, Leg(item, "available"), "adjustment")


def test_what_is_promised_beyond_stock_cannot_be_carried_away(posting: Posting, item: OpenItem) -> None:
    receive(posting, item, 2)
    commit = posting.own(item, "commit", "c1")
    promise(posting, "commit", 5, commit)
    assert item.shortfall == 3
    source = Leg(item, "committed", SHORTFALL, commit, "open")
    posting.move("ship", 2, source, "customer")
    with pytest.raises(AssertionError):
        posting.move("ship", 1, source, "customer")


def test_a_promise_takes_the_shelves_before_the_shortfall(posting: Posting, item: OpenItem) -> None:
    here = receive(posting, item, 2, PICK)
    holding = posting.own(item, "reservation", "r1")
    assert promise(posting, "reserve", 5, holding) == 3
    assert holding.parts == {Part(here): 2, Part(SHORTFALL): 3}
    assert [entry.quantity for entry in posting.entries[1:]] == [2, 3]


def test_what_comes_in_goes_to_commits_first_then_to_whoever_promised_first(posting: Posting, item: OpenItem) -> None:
    younger, older = posting.own(item, "reservation", "r2"), posting.own(item, "reservation", "r1")
    commit = posting.own(item, "commit", "c1")
    for holding, kind in ((older, "reserve"), (younger, "reserve"), (commit, "commit")):
        promise(posting, kind, 2, holding)  # type: ignore[arg-type]
    told = len(posting.entries)

    here = receive(posting, item, 5, PICK)

    assert (commit.at(here), older.at(here), younger.at(here)) == (2, 2, 1)
    assert (item.shortfall, item.total("available")) == (1, -1)
    kinds = [entry.kind for entry in posting.entries[told:]]
    assert kinds == ["receive", *["repin"] * 6]
    totals = [(entry.from_balance, entry.to_balance) for entry in posting.entries[told + 1 : told + 3]]
    assert totals == [(0, 1), (-1, 2)]


def test_goods_of_an_unsellable_lot_fill_nothing(posting: Posting, item: OpenItem) -> None:
    item.lots["L-X"] = Lot(lot_code="L-X", expiry_date=Date("2026-01-01"))
    holding = posting.own(item, "reservation", "r1")
    promise(posting, "reserve", 2, holding)
    receive(posting, item, 5, PICK, "L-X")
    assert holding.parts == {Part(SHORTFALL): 2}


def test_units_at_no_place_and_no_lot_make_the_shortfall_good_by_themselves(posting: Posting, item: OpenItem) -> None:
    holding = posting.own(item, "reservation", "r1")
    promise(posting, "reserve", 2, holding)
    receive(posting, item, 5)
    assert (item.shortfall, item.total("available"), len(posting.entries)) == (0, 3, 2)


def test_a_release_fills_even_the_releasing_promise(posting: Posting, item: OpenItem) -> None:
    here = receive(posting, item, 3, PICK)
    holding = posting.own(item, "reservation", "r1")
    promise(posting, "reserve", 5, holding)
    give_back(posting, "release", 3, holding)
    assert (holding.at(here), holding.at(SHORTFALL), item.total("available")) == (2, 0, 1)


def test_a_repin_gives_back_from_the_end_and_takes_inside(posting: Posting, item: OpenItem) -> None:
    near = receive(posting, item, 3, PICK)
    holding = posting.own(item, "commit", "c1")
    promise(posting, "commit", 3, holding)
    far = receive(posting, item, 4, OVER)

    repin(posting, 2, holding, Pin(zone_id="z2"))

    assert (holding.at(near), holding.at(far)) == (1, 2)
    assert [entry.kind for entry in posting.entries[-2:]] == ["repin", "repin"]
    with pytest.raises(InsufficientStock) as refused:
        repin(posting, 3, holding, Pin(zone_id="z2", lot_code="L-Z"))
    assert refused.value.details["shortages"][0].available == 0


def test_passing_on_keeps_place_and_lot(posting: Posting, item: OpenItem) -> None:
    here = receive(posting, item, 3, PICK, "L-A")
    giver, taker = posting.own(item, "reservation", "r1"), posting.own(item, "commit", "c1")
    promise(posting, "reserve", 3, giver)
    pass_on(posting, "commit", 2, giver, taker)
    assert (giver.parts[Part(here)], taker.parts[Part(here, "open")]) == (1, 2)


def test_bins_with_a_limit_are_counted_and_others_are_not(posting: Posting, item: OpenItem) -> None:
    shelf = receive(posting, item, 3, SHELF)
    receive(posting, item, 3, OVER)
    holding = posting.own(item, "reservation", "r1")
    promise(posting, "reserve", 2, holding)
    posting.move("adjust", 1, Leg(item, "available", shelf), "adjustment")
    assert (posting.bins, posting.capacities, posting.bins_limited) == ({"b1": 2}, {"b1": 5}, {"b1"})


def test_an_item_drops_empty_positions(posting: Posting, item: OpenItem) -> None:
    key = receive(posting, item, 2, PICK)
    posting.move("adjust", 2, Leg(item, "available", key), "scrap")
    assert item.close(NOON).cells == []


def test_units_owed_to_those_who_wait_are_promised_to_nobody_else(posting: Posting, item: OpenItem) -> None:
    """As between a receipt that could not fill everybody and the work reopened that goes on with it."""
    promise(posting, "commit", 3, posting.own(item, "commit", "c1"))
    later = Posting("ACME", NOON, posting.new_id)
    later.begin(posting.operation)
    reopened = later.add(OpenItem(item.close(NOON)))
    shelf = receive(later, reopened, 5, PICK)
    assert (reopened.shortfall, reopened.position(shelf).available) == (3, 5)

    newcomer = later.own(reopened, "commit", "c2")
    assert promise(later, "commit", 4, newcomer) == 2

    assert (newcomer.at(shelf), newcomer.at(SHORTFALL)) == (2, 2)
    with pytest.raises(InsufficientStock):
        promise(later, "commit", 1, later.own(reopened, "commit", "c3"), Pin("z1"))
    first = later.hold(reopened, "commit", "c1", {Part(SHORTFALL, "open"): 3})
    later.fill(reopened)
    assert (first.at(shelf), first.at(SHORTFALL), reopened.shortfall) == (3, 0, 2)

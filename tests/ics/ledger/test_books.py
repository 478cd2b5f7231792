from itertools import count

import pytest
from msgspec.structs import replace

from chassis.clock import Date, Utc
from services.ics.ledger.balance import NO_PLACE, SHORTFALL, Page, Place, Spot, new_item
from services.ics.ledger.books import Books, Leg
from services.ics.ledger.draw import Pin
from services.ics.ledger.entry import Operation
from services.ics.ledger.holder import Part
from services.ics.ledger.lot import Lot
from services.ics.ledger.promise import give_back, pass_on, promise, repin
from services.ics.words import InsufficientStock
from tests.ics.given import NOON

PICK = Place(zone_id="z1", zone_code="PCK", purpose="pick")
OVER = Place(zone_id="z2", zone_code="OVR", purpose="overstock")
SHELF = Place(zone_id="z1", bin_id="b1", zone_code="PCK", bin_code="B-1", purpose="pick", capacity=5)


@pytest.fixture
def books() -> Books:
    numbers = count(1)
    books = Books("ACME", NOON, lambda: f"id-{next(numbers):03}")
    books.begin(Operation(operation_id="op", document_type="receive", document_id="doc", actor="anna"))
    return books


@pytest.fixture
def page(books: Books) -> Page:
    return books.add(Page(new_item("ACME", "FAC-A", "VAR-1")))


def receive(books: Books, page: Page, quantity: int, place: Place = NO_PLACE, lot: str | None = None) -> Spot:
    """Units come in, available at once."""
    spot = books.land(page, place, lot)
    books.move("receive", quantity, "supplier", Leg(page, "available", spot))
    return spot


def test_an_entry_is_numbered_and_knows_the_totals_after_it(books: Books, page: Page) -> None:
    receive(books, page, 5)
    receive(books, page, 3, PICK)
    first, second = books.entries
    assert (first.to_account.seq, second.to_account.seq) == (1, 2)
    assert (first.from_balance, first.to_balance, second.to_balance) == (None, 5, 8)
    assert (first.recorded_utc, first.recorded_by, first.document_id) == (NOON, "anna", "doc")
    item = page.close(NOON)
    assert (item.seq, item.available, item.on_hand) == (2, 8, 8)


def test_time_never_goes_back_within_an_item(books: Books) -> None:
    ahead = Utc("2026-03-02T12:00:05.000Z")
    page = books.add(Page(replace(new_item("ACME", "FAC-A", "VAR-1"), recorded_utc=ahead)))
    receive(books, page, 1)
    assert books.entries[0].recorded_utc == ahead
    assert page.close(NOON).recorded_utc == ahead


def test_units_that_are_not_there_cannot_leave(books: Books, page: Page) -> None:
    spot = receive(books, page, 2, PICK)
    with pytest.raises(AssertionError):
        books.move("adjust", 3, Leg(page, "available", spot), "adjustment")


def test_an_account_that_a_kind_may_not_move_is_a_defect(books: Books, page: Page) -> None:
    spot = receive(books, page, 2, PICK)
    with pytest.raises(AssertionError):
        books.move("adjust", 1, Leg(page, "available", spot), "customer")


def test_only_a_promise_takes_the_shortfall_account_below_zero(books: Books, page: Page) -> None:
    receive(books, page, 2)
    with pytest.raises(AssertionError):
        books.move("adjust", 3, Leg(page, "available"), "adjustment")


def test_what_is_promised_beyond_stock_cannot_be_carried_away(books: Books, page: Page) -> None:
    receive(books, page, 2)
    commit = books.own(page, "commit", "c1")
    promise(books, "commit", 5, commit)
    assert page.shortfall == 3
    source = Leg(page, "committed", SHORTFALL, commit, "open")
    books.move("ship", 2, source, "customer")
    with pytest.raises(AssertionError):
        books.move("ship", 1, source, "customer")


def test_a_promise_takes_the_shelves_before_the_shortfall(books: Books, page: Page) -> None:
    here = receive(books, page, 2, PICK)
    holding = books.own(page, "reservation", "r1")
    assert promise(books, "reserve", 5, holding) == 3
    assert holding.parts == {Part(here): 2, Part(SHORTFALL): 3}
    assert [entry.quantity for entry in books.entries[1:]] == [2, 3]


def test_what_comes_in_goes_to_commits_first_then_to_whoever_promised_first(books: Books, page: Page) -> None:
    younger, older = books.own(page, "reservation", "r2"), books.own(page, "reservation", "r1")
    commit = books.own(page, "commit", "c1")
    for holding, kind in ((older, "reserve"), (younger, "reserve"), (commit, "commit")):
        promise(books, kind, 2, holding)  # type: ignore[arg-type]
    told = len(books.entries)

    here = receive(books, page, 5, PICK)

    assert (commit.at(here), older.at(here), younger.at(here)) == (2, 2, 1)
    assert (page.shortfall, page.total("available")) == (1, -1)
    kinds = [entry.kind for entry in books.entries[told:]]
    assert kinds == ["receive", *["repin"] * 6]
    totals = [(entry.from_balance, entry.to_balance) for entry in books.entries[told + 1 : told + 3]]
    assert totals == [(0, 1), (-1, 2)]


def test_goods_of_an_unsellable_lot_fill_nothing(books: Books, page: Page) -> None:
    page.lots["L-X"] = Lot(lot_code="L-X", expiry_date=Date("2026-01-01"))
    holding = books.own(page, "reservation", "r1")
    promise(books, "reserve", 2, holding)
    receive(books, page, 5, PICK, "L-X")
    assert holding.parts == {Part(SHORTFALL): 2}


def test_units_at_no_place_and_no_lot_make_the_shortfall_good_by_themselves(books: Books, page: Page) -> None:
    holding = books.own(page, "reservation", "r1")
    promise(books, "reserve", 2, holding)
    receive(books, page, 5)
    assert (page.shortfall, page.total("available"), len(books.entries)) == (0, 3, 2)


def test_a_release_fills_even_the_releasing_promise(books: Books, page: Page) -> None:
    here = receive(books, page, 3, PICK)
    holding = books.own(page, "reservation", "r1")
    promise(books, "reserve", 5, holding)
    give_back(books, "release", 3, holding)
    assert (holding.at(here), holding.at(SHORTFALL), page.total("available")) == (2, 0, 1)


def test_a_repin_gives_back_from_the_end_and_takes_inside(books: Books, page: Page) -> None:
    near = receive(books, page, 3, PICK)
    holding = books.own(page, "commit", "c1")
    promise(books, "commit", 3, holding)
    far = receive(books, page, 4, OVER)

    repin(books, 2, holding, Pin(zone_id="z2"))

    assert (holding.at(near), holding.at(far)) == (1, 2)
    assert [entry.kind for entry in books.entries[-2:]] == ["repin", "repin"]
    with pytest.raises(InsufficientStock) as refused:
        repin(books, 3, holding, Pin(zone_id="z2", lot_code="L-Z"))
    assert refused.value.details["shortages"][0].available == 0


def test_passing_on_keeps_place_and_lot(books: Books, page: Page) -> None:
    here = receive(books, page, 3, PICK, "L-A")
    giver, taker = books.own(page, "reservation", "r1"), books.own(page, "commit", "c1")
    promise(books, "reserve", 3, giver)
    pass_on(books, "commit", 2, giver, taker)
    assert (giver.parts[Part(here)], taker.parts[Part(here, "open")]) == (1, 2)


def test_bins_with_a_limit_are_counted_and_others_are_not(books: Books, page: Page) -> None:
    shelf = receive(books, page, 3, SHELF)
    receive(books, page, 3, OVER)
    holding = books.own(page, "reservation", "r1")
    promise(books, "reserve", 2, holding)
    books.move("adjust", 1, Leg(page, "available", shelf), "adjustment")
    assert (books.bins, books.capacities, books.bins_limited) == ({"b1": 2}, {"b1": 5}, {"b1"})


def test_an_item_forgets_cells_that_are_empty(books: Books, page: Page) -> None:
    spot = receive(books, page, 2, PICK)
    books.move("adjust", 2, Leg(page, "available", spot), "scrap")
    assert page.close(NOON).cells == []

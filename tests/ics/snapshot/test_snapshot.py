"""Rows by themselves: going back to an entry gives what was there, and packing, adding up and picking lose nothing."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from services.ics.ledger.balance import NO_PLACE, Page, Place, new_item
from services.ics.ledger.books import Books, Leg
from services.ics.ledger.entry import Operation
from services.ics.ledger.store import ITEMS
from services.ics.snapshot.accounts import Accounts
from services.ics.snapshot.building import Head, _merged, _shares
from services.ics.snapshot.domain import (
    EXTERNALS,
    Outside,
    Part,
    Row,
    Wanted,
    added_up,
    described,
    pack,
    rows_of,
    shares_of,
)
from services.ics.words import BUCKETS, UNHELD_BUCKETS
from tests.ics.given import FACILITY, NOON, ORG, VARIANT, an_id

BIN = Place(zone_id="z", bin_id="b", zone_code="PCK", bin_code="B-01", purpose="pick")
PLACES = (NO_PLACE, BIN)
MOVES = st.lists(
    st.tuples(st.sampled_from(PLACES), st.sampled_from(["in", "out", "damage", "over"]), st.integers(1, 9)), max_size=20
)


@given(moves=MOVES, data=st.data())
def test_what_was_posted_since_is_taken_off_again(moves: list[tuple[Place, str, int]], data: st.DataObject) -> None:
    books = Books(ORG, NOON, an_id)
    books.begin(Operation(operation_id=an_id(), document_type="adjustment", document_id=an_id(), actor="anna"))
    page = Page(new_item(ORG, FACILITY, VARIANT))
    shown: list[tuple[list[Row], list[Outside]]] = [([], [])]
    for place, what, units in moves:
        here, there = (books.land(page, each, None) for each in (place, PLACES[place == NO_PLACE]))
        free = min(units, page.cell(here).available)
        if what == "in":
            books.move("receive", units, "supplier", Leg(page, "available", here))
        elif free and what == "out":
            books.move("adjust", free, Leg(page, "available", here), "scrap")
        elif free and what == "damage":
            books.move("transition", free, Leg(page, "available", here), Leg(page, "damaged", here))
        elif free:
            books.move("putaway", free, Leg(page, "available", here), Leg(page, "available", there))
        if len(books.entries) == len(shown):
            kept = Accounts(ITEMS.to_document(page.close(NOON)))
            shown.append((kept.rows(page.seq, kept.codes()), kept.shares()))
    seq = data.draw(st.integers(0, page.seq))
    item = Accounts(ITEMS.to_document(page.close(NOON)))

    item.take_back(reversed(books.entries[seq:]), FACILITY)

    codes = {"z": "PCK", "b": "B-01"}
    assert (item.rows(seq, codes), item.shares()) == shown[seq]
    assert sum(row.quantity for row in item.rows(seq, codes)) + sum(each.quantity for each in item.shares()) == 0


ROWS = st.lists(
    st.builds(
        Row,
        st.sampled_from(["V1", "V2", "V3"]),
        st.sampled_from(UNHELD_BUCKETS),
        st.sampled_from([None, "z"]),
        st.none(),
        st.sampled_from([None, "L-1", "Lot ü"]),
        st.none(),
        st.none(),
        st.none(),
        st.integers(-5, 9).filter(bool),
        st.just(4),
    )
).map(lambda rows: sorted(rows, key=lambda row: (row.variant_id, BUCKETS.index(row.bucket))))


@given(rows=ROWS, variant=st.sampled_from([None, "V1", "V9"]), bucket=st.sampled_from([None, "available", "damaged"]))
def test_nothing_is_lost_between_packing_and_showing(rows: list[Row], variant: str | None, bucket: str | None) -> None:
    part = Part(part_id="p", orgcode=ORG, snapshot_id="s", number=0, logical_guid=FACILITY, rows=pack(rows))
    entry = described(0, FACILITY, rows)
    assert rows_of(part) == rows
    assert (entry is None) == (not rows)
    fitting = [row for row in rows if variant in {None, row.variant_id} and bucket in {None, row.bucket}]
    wanted = Wanted(level="position", variant_id=variant, bucket=bucket)  # type: ignore[arg-type]
    assert [row.quantity for row in wanted.pick(part)] == [row.quantity for row in fitting]
    if fitting:
        assert entry is not None
        assert wanted.shows(entry)
    totals: Counter[tuple[str, str]] = Counter()
    for row in rows:
        totals[row.variant_id, row.bucket] += row.quantity
    summed = {(row.variant_id, row.bucket): row.quantity for row in added_up(rows)}
    assert summed == {key: units for key, units in totals.items() if units}


SHARES = st.lists(
    st.builds(Outside, st.sampled_from(["V1", "V2", "V3"]), st.sampled_from(EXTERNALS), st.integers(-5, 5))
).map(lambda shares: sorted(shares, key=lambda share: share.variant_id))


@given(facilities=st.lists(SHARES, max_size=4))
def test_shares_of_all_facilities_are_added_up_in_order(facilities: list[list[Outside]]) -> None:
    heads = [[Head(f"F{number}", None, pack(shares))] for number, shares in enumerate(facilities)]

    merged = list(_merged([_shares(each) for each in heads]))

    totals: Counter[tuple[str, str]] = Counter()
    for share in (share for shares in facilities for share in shares):
        totals[share.variant_id, share.external] += share.quantity
    expected = [(*key, units) for key, units in sorted(totals.items()) if units]
    assert [tuple(row) for row in merged] == expected
    assert shares_of(pack(merged)) == merged

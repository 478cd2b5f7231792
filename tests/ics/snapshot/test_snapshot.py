"""Rows by themselves: going back to an entry gives what was there, and packing, adding up and picking lose nothing."""

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from chassis.unit import Range
from services.ics.ledger.balance import NO_LANDING, Landing, StockPosition, new_item
from services.ics.ledger.entry import Operation
from services.ics.ledger.leg import Leg
from services.ics.ledger.open_item import OpenItem
from services.ics.ledger.posting import Posting
from services.ics.ledger.store import ITEMS
from services.ics.snapshot import partition
from services.ics.snapshot.accounts import Accounts, unheld
from services.ics.snapshot.building import Head, _merged, _shares
from services.ics.snapshot.domain import (
    EXTERNALS,
    Filled,
    Outside,
    Row,
    SnapshotFilter,
    SnapshotPart,
    added_up,
    cuts_of,
    described,
    filled_up,
    pack,
    rows_of,
    shares_of,
)
from services.ics.words import BUCKETS, UNHELD_BUCKETS
from tests.ics.given import FACILITY, NOON, ORG, VARIANT, an_id

BIN = Landing(zone_id="z", bin_id="b", zone_code="PCK", bin_code="B-01", purpose="pick")
PLACES = (NO_LANDING, BIN)
MOVES = st.lists(
    st.tuples(st.sampled_from(PLACES), st.sampled_from(["in", "out", "damage", "over"]), st.integers(1, 9)), max_size=20
)


@given(moves=MOVES, data=st.data())
def test_what_was_posted_since_is_taken_off_again(moves: list[tuple[Landing, str, int]], data: st.DataObject) -> None:
    posting = Posting(ORG, NOON, an_id)
    posting.begin(Operation(operation_id=an_id(), document_type="adjustment", document_id=an_id(), actor="anna"))
    open_item = OpenItem(new_item(ORG, FACILITY, VARIANT))
    shown: list[tuple[list[Row], list[Outside]]] = [([], [])]
    for place, what, units in moves:
        here, there = (posting.land(open_item, each, None) for each in (place, PLACES[place == NO_LANDING]))
        free = min(units, open_item.position(here).available)
        if what == "in":
            posting.move("receive", units, "supplier", Leg(open_item, "available", here))
        elif free and what == "out":
            posting.move("adjust", free, Leg(open_item, "available", here), "scrap")
        elif free and what == "damage":
            posting.move("transition", free, Leg(open_item, "available", here), Leg(open_item, "damaged", here))
        elif free:
            posting.move("putaway", free, Leg(open_item, "available", here), Leg(open_item, "available", there))
        if len(posting.entries) == len(shown):
            kept = Accounts(ITEMS.to_document(open_item.close(NOON)))
            shown.append((kept.rows(open_item.seq, kept.codes()), kept.shares()))
    seq = data.draw(st.integers(0, open_item.seq))
    item = Accounts(ITEMS.to_document(open_item.close(NOON)))

    item.take_back(reversed(posting.entries[seq:]), FACILITY)

    codes = {"z": "PCK", "b": "B-01"}
    assert (item.rows(seq, codes), item.shares()) == shown[seq]
    assert unheld(ITEMS.to_document(open_item.close(NOON))) == shown[-1]
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
    part = SnapshotPart(part_id="p", orgcode=ORG, snapshot_id="s", number=0, logical_guid=FACILITY, rows=pack(rows))
    entry = described(0, FACILITY, rows)
    assert rows_of(part) == rows
    assert (entry is None) == (not rows)
    fitting = [row for row in rows if variant in {None, row.variant_id} and bucket in {None, row.bucket}]
    wanted = SnapshotFilter(level="position", variant_id=variant, bucket=bucket)  # type: ignore[arg-type]
    assert [row.quantity for row in wanted.pick(part)] == [row.quantity for row in fitting]
    if fitting:
        assert entry is not None
        assert wanted.shows(entry)
    totals: Counter[tuple[str, str]] = Counter()
    for row in rows:
        totals[row.variant_id, row.bucket] += row.quantity
    summed = {(row.variant_id, row.bucket): row.quantity for row in added_up(rows)}
    assert summed == {key: units for key, units in totals.items() if units}


POSITIONS = st.lists(
    st.builds(
        StockPosition,
        zone_code=st.sampled_from([None, "A", "B"]),
        lot_code=st.sampled_from([None, "L-1"]),
        available=st.integers(0, 2),
        quarantine=st.integers(0, 2),
        inspection=st.integers(0, 1),
        reserved=st.integers(0, 1),
        packed=st.integers(0, 1),
    ).map(lambda position: replace(position, zone_id=position.zone_code)),
    unique_by=lambda position: position.key,
    max_size=3,
)


@given(positions=POSITIONS, in_transit=st.integers(0, 1))
def test_who_holds_units_is_asked_and_nobody_else(positions: list[StockPosition], in_transit: int) -> None:
    item = replace(new_item(ORG, FACILITY, VARIANT), seq=3, cells=positions, in_transit=in_transit)
    document = ITEMS.to_document(item)
    accounts = Accounts(document)

    found = unheld(document)

    if accounts.held:
        assert found is None
    else:
        assert found == Filled(accounts.rows(3, accounts.codes()), [])
        assert sum(row.quantity for row in found.rows) == sum(position.on_hand for position in positions)


ITEMS_SEEN = st.lists(
    st.tuples(st.sampled_from(["F1", "F2"]), st.sampled_from("ABCDEFG"), st.integers(0, 2), st.booleans()),
    unique_by=lambda seen: seen[:2],
).map(sorted)


@given(seen=ITEMS_SEEN, size=st.integers(1, 3))
def test_parts_have_every_item_once_in_order_and_one_facility(
    seen: list[tuple[str, str, int, bool]], size: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(partition, "PART_ITEMS", size)
        slicer = partition.Partitioner(ORG, "s", NOON)
        for facility, variant, seq, held in seen:
            document = {"logical_guid": facility, "variant_id": variant, "seq": seq, "recorded_utc": NOON}
            row = Row(variant, "available", None, None, None, None, None, None, 1, seq)
            slicer.add(document, None if held else Filled([row], [Outside(variant, "supplier", -1)]))
        parts = slicer.moment().parts

    def read(part: SnapshotPart) -> Filled:
        rows = [
            Row(cut.variant_id, "available", None, None, None, None, None, None, 1, cut.seq) for cut in cuts_of(part)
        ]
        return Filled(rows, [Outside(cut.variant_id, "supplier", -1) for cut in cuts_of(part)])

    full = [filled_up(part, read(part)) for part in parts]
    assert [part.number for part in full] == list(range(len(full)))
    assert all(0 < len(rows_of(part)) <= size and part.entry is not None for part in full)
    assert [part.entry is None for part in parts] == [part.cuts is not None for part in parts]
    shown = [(part.logical_guid, row.variant_id, row.seq) for part in full for row in rows_of(part)]
    assert shown == [(facility, variant, seq) for facility, variant, seq, _ in seen if seq]
    assert [len(shares_of(part.outside)) for part in full] == [len(rows_of(part)) for part in full]


KNOWN = st.lists(st.builds(partition.ItemPlace, st.sampled_from("BDF"), st.sampled_from("bdf")), unique=True).map(
    sorted
)
ANY_ITEMS = st.lists(st.tuples(st.sampled_from("ABCDEFG"), st.sampled_from("abcdefg")), unique=True)


@given(places=KNOWN, items=ANY_ITEMS, facility=st.sampled_from([None, "B", "C"]))
def test_stretches_have_every_item_once_in_order_wherever_they_were_cut(
    places: list[partition.ItemPlace], items: list[tuple[str, str]], facility: str | None
) -> None:
    known = [place for place in places if facility in {None, place.logical_guid}]

    read = [
        item
        for where in partition.ranges(known, facility)
        for item in sorted(items)
        if _fits(where.get("logical_guid"), item[0]) and _fits(where.get("variant_id"), item[1])
    ]

    assert read == sorted(item for item in items if facility in {None, item[0]})


def _fits(wanted: Any, value: str) -> bool:
    if not isinstance(wanted, Range):
        return wanted in {None, value}
    return not (
        (wanted.above is not None and value <= wanted.above)
        or (wanted.at_least is not None and value < wanted.at_least)
        or (wanted.below is not None and value >= wanted.below)
    )


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

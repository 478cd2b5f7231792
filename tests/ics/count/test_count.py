"""The rules of counting by themselves: what was there at a moment, what is tolerated, who loses what."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.clock import Utc, later
from chassis.errors import InvalidState
from services.ics.count.domain import Count, numbered, open_positions, rejected, to_recount
from services.ics.count.domain import Target as Position
from services.ics.count.plan import CountPlan, is_due, seen, set_status, tolerated
from services.ics.count.variance import CountDifference, expected_at, held_buckets, movements, nobodys, post_all
from services.ics.ledger.balance import NO_LANDING, Landing, PositionKey, new_item
from services.ics.ledger.entry import Operation
from services.ics.ledger.leg import Leg
from services.ics.ledger.open_item import OpenItem
from services.ics.ledger.posting import Posting
from services.ics.words import InsufficientStock
from tests.ics.given import FACILITY, NOON, ORG, VARIANT, an_id

BIN = Landing(zone_id="z", bin_id="b", zone_code="PCK", bin_code="B-01", purpose="pick")
PLACES = (NO_LANDING, BIN)


def a_plan(**given_values: object) -> CountPlan:
    """An active plan."""
    return CountPlan(plan_id=an_id(), logical_guid=FACILITY, code="P", **given_values)  # type: ignore[arg-type]


def books_at(moment: Utc) -> Posting:
    """Books in which an operation has begun."""
    posting = Posting(ORG, moment, an_id)
    posting.begin(Operation(operation_id=an_id(), document_type="count", document_id=an_id(), actor="anna"))
    return posting


def stocked(posting: Posting, open_item: OpenItem, place: Landing, units: int) -> PositionKey:
    """Put units there."""
    key = posting.land(open_item, place, None)
    posting.move("receive", units, "supplier", Leg(open_item, "available", key))
    return key


moves = st.lists(
    st.tuples(st.sampled_from([0, 1]), st.sampled_from(["in", "out", "damage", "over"]), st.integers(1, 9))
)


@given(moves=moves, moment=st.integers(-1, 40), later_on=st.integers(0, 3))
def test_going_back_gives_what_was_there(moves: list[tuple[int, str, int]], moment: int, later_on: int) -> None:
    open_item = OpenItem(new_item(ORG, FACILITY, VARIANT))
    history: dict[int, dict[PositionKey, int]] = {-1: {}}
    entries = []
    for minute, (where, what, units) in enumerate(moves):
        posting = books_at(later(NOON, 60 * minute))
        keys = [posting.land(open_item, place, None) for place in PLACES]
        here, there = keys[where], keys[1 - where]
        free = open_item.position(here).available
        if what == "in":
            stocked(posting, open_item, PLACES[where], units)
        elif free and what == "out":
            posting.move("adjust", min(units, free), Leg(open_item, "available", here), "adjustment")
        elif free and what == "damage":
            posting.move(
                "transition", min(units, free), Leg(open_item, "available", here), Leg(open_item, "damaged", here)
            )
        elif free:
            posting.move(
                "putaway", min(units, free), Leg(open_item, "available", here), Leg(open_item, "available", there)
            )
        entries += posting.entries
        history[minute] = {key: open_item.position(key).on_hand for key in keys}
    item = open_item.close(later(NOON, 60 * len(moves)))
    asked = min(moment, len(moves) - 1)
    since = movements(reversed(entries), FACILITY)
    for place in PLACES:
        key = place.key(None)
        expected = expected_at(item, key, later(NOON, 60 * asked + later_on), since)
        assert expected == history[asked].get(key, 0)


@given(
    available=st.integers(0, 5),
    quarantine=st.integers(0, 5),
    damaged=st.integers(0, 5),
    reserved=st.lists(st.integers(1, 4), max_size=3),
    stages=st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(0, 3)),
    missing=st.integers(1, 40),
)
def test_a_shortage_takes_all_there_is_in_order_or_nothing(
    available: int, quarantine: int, damaged: int, reserved: list[int], stages: tuple[int, int, int], missing: int
) -> None:
    posting = books_at(NOON)
    open_item = posting.add(OpenItem(new_item(ORG, FACILITY, VARIANT)))
    total = available + quarantine + damaged + sum(reserved) + sum(stages)
    key = posting.land(open_item, BIN, None)
    if total:
        stocked(posting, open_item, BIN, total)
    for bucket, units in (("quarantine", quarantine), ("damaged", damaged)):
        if units:
            posting.move("transition", units, Leg(open_item, "available", key), Leg(open_item, bucket, key))  # type: ignore[arg-type]
    promises = [posting.hold(open_item, "reservation", f"r{number}") for number in range(len(reserved))]
    for holding, units in zip(promises, reserved, strict=True):
        posting.move("reserve", units, Leg(open_item, "available", key), Leg(open_item, "reserved", key, holding))
    commit = posting.hold(open_item, "commit", "c")
    open_units, picked, packed = stages
    if sum(stages):
        at_open = Leg(open_item, "committed", key, commit, "open")
        posting.move("commit", sum(stages), Leg(open_item, "available", key), at_open)
        if picked + packed:
            at_picked = Leg(open_item, "committed", key, commit, "picked")
            posting.move("pick", picked + packed, at_open, at_picked)
            if packed:
                posting.move("pack", packed, at_picked, Leg(open_item, "committed", key, commit, "packed"))
    made = len(posting.entries)
    shortage = CountDifference(open_item, key, -missing, 7)

    if missing > total:
        with pytest.raises(InsufficientStock) as refused:
            post_all(posting, [shortage])
        (told,) = refused.value.details["shortages"]
        assert (told.requested, told.available) == (missing, total)
        return
    unheld, buckets = nobodys(open_item, key), held_buckets(open_item, [key])
    post_all(posting, [shortage])

    assert open_item.position(key).on_hand == total - missing
    lost = sum(holding.lost for holding in (*promises, commit))
    assert lost == max(0, missing - unheld)
    assert bool(buckets) == bool(reserved or sum(stages))
    order = [("available", None), ("quarantine", None), ("damaged", None), ("reserved", None)]
    ranks = [*order, ("committed", "open"), ("committed", "picked"), ("committed", "packed")]
    sides = [entry.from_account for entry in posting.entries[made:]]
    places = [ranks.index((side.bucket or "", side.stage)) for side in sides]
    assert places == sorted(places)
    losers = [side.held_by_id or "" for side in sides if side.bucket == "reserved"]
    assert losers == sorted(losers, reverse=True)
    del open_units


def test_several_shortages_are_all_told_of() -> None:
    posting = books_at(NOON)
    open_item = posting.add(OpenItem(new_item(ORG, FACILITY, VARIANT)))
    with pytest.raises(InsufficientStock) as refused:
        post_all(
            posting,
            [CountDifference(open_item, PositionKey(), -1, 1), CountDifference(open_item, PositionKey("z"), -2, 2)],
        )
    assert [each.requested for each in refused.value.details["shortages"]] == [1, 2]


@given(units=st.integers(0, 50), percent=st.integers(0, 100), expected=st.integers(0, 1000))
def test_the_wider_tolerance_counts(units: int, percent: int, expected: int) -> None:
    plan = a_plan(tolerance_units=units, tolerance_percent=percent)
    assert tolerated(plan, expected) == max(units, int(expected * percent / 100 + 1e-9))
    assert tolerated(None, expected) == 0


def test_a_plan_is_due_so_many_days_after_it_was_counted() -> None:
    weekly, never = a_plan(frequency_days=7), a_plan()
    counted = seen(weekly, "2026-02-26")  # type: ignore[arg-type]
    assert (counted.next_due_date, seen(never, "2026-02-26").next_due_date) == ("2026-03-05", None)  # type: ignore[arg-type]
    assert (is_due(counted, "2026-03-05"), is_due(counted, "2026-03-04")) == (True, False)  # type: ignore[arg-type]
    assert not is_due(seen(weekly, None), "2030-01-01")  # type: ignore[arg-type]


def test_an_archived_plan_stays_archived() -> None:
    archived = set_status(set_status(a_plan(), "paused"), "archived")
    for status in ("active", "archived"):
        with pytest.raises(InvalidState):
            set_status(archived, status)


def a_count() -> Count:
    """A count of two positions."""
    targets = [
        Position(variant_id=VARIANT, key=PositionKey()),
        Position(variant_id=VARIANT, key=PositionKey("z", "b", "L/1")),
    ]
    return Count(
        count_id=an_id(), logical_guid=FACILITY, plan_id=None, recount_of=None, blind=True, lines=numbered(targets)
    )


def test_a_decided_count_lets_its_positions_go() -> None:
    count = a_count()
    assert open_positions(count) == ["FAC-A/VAR-1///", "FAC-A/VAR-1/z/b/L/1"]
    given_up = rejected(count, "anna", NOON, "no time")
    assert open_positions(given_up) == []
    assert [each.key for each in to_recount(given_up)] == [PositionKey(), PositionKey("z", "b", "L/1")]
    with pytest.raises(InvalidState):
        rejected(given_up, "anna", NOON, "again")
    with pytest.raises(InvalidState):
        to_recount(count)

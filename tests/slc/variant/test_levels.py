from chassis.clock import Utc, later
from services.slc.variant.domain import StoredLevel
from services.slc.variant.levels import (
    booked,
    explained,
    first_seen,
    restocked,
    stale,
    taken_over,
    target_of,
    wanted,
    written,
)

NOON = Utc("2026-11-30T12:00:00.000Z")
AFTER = later(NOON, 60)


def a_level(baseline: int | None = 5, unseen: int = 0, oversold: int = 0, awaiting: int = 0) -> StoredLevel:
    return StoredLevel(
        location_id="gid://shopify/Location/1",
        baseline=baseline,
        unseen=unseen,
        unseen_utc=NOON if unseen else None,
        oversold=oversold,
        awaiting=awaiting,
        target=0,
        since_utc=NOON if baseline is not None else None,
    )


def test_the_target_leaves_out_what_is_owed_and_the_buffer_and_stops_at_the_cap() -> None:
    level = a_level(oversold=2, awaiting=1)

    assert target_of(level, 10, buffer=1, cap=None, online=True) == 6
    assert target_of(level, 10, buffer=1, cap=4, online=True) == 4
    assert target_of(level, 3, buffer=1, cap=None, online=True) == 0
    assert target_of(level, 10, buffer=0, cap=None, online=False) == 0


def test_an_ordinary_order_needs_no_write() -> None:
    level = a_level(7)

    level = booked(level, 2, AFTER)

    assert wanted(level, target_of(level, 5, buffer=0, cap=None, online=True)) == level.baseline == 5


def test_units_that_left_unseen_are_held_back_until_they_are_booked() -> None:
    level = taken_over(a_level(5), 4, NOON)
    assert (level.baseline, level.unseen, wanted(level, 4)) == (4, 1, 3)

    level = booked(written(level, 3, 4, NOON), 1, AFTER)

    assert (level.baseline, level.unseen, wanted(level, 3)) == (3, 0, 3)


def test_a_booking_during_a_write_moves_the_baseline_too() -> None:
    level = booked(a_level(5), 1, AFTER)

    level = written(level, 8, 5, NOON)

    assert level.baseline == 7


def test_what_the_first_read_held_moves_nothing() -> None:
    level = a_level(5)

    assert booked(level, 1, NOON) == level
    assert restocked(level, 1, NOON) == level
    assert booked(a_level(None), 1, AFTER) == a_level(None)
    assert restocked(level, 2, AFTER).baseline == 7


def test_more_units_than_expected_are_no_unseen_ones() -> None:
    level = taken_over(a_level(5, unseen=1), 50, AFTER)

    assert (level.baseline, level.unseen) == (50, 1)


def test_only_a_catch_up_that_began_half_a_minute_later_explains_unseen_units() -> None:
    level = a_level(5, unseen=2)

    assert explained(level, later(NOON, 29.999)) == level
    assert explained(level, later(NOON, 30)).unseen == 0


def test_a_stale_write_is_put_off_three_times_and_then_the_quantity_is_taken_over() -> None:
    level, delays = a_level(5), []
    for _ in range(5):
        level, delay = stale(level)
        delays.append(delay)

    assert delays == [2.0, 4.0, 8.0, None, 2.0]
    assert level.stale_rounds == 1
    assert written(level, 3, 5, NOON).stale_rounds == 0


def test_the_first_read_says_since_when_the_baseline_holds() -> None:
    level = first_seen(a_level(None), 3, AFTER)

    assert (level.baseline, level.since_utc) == (3, AFTER)

"""How the ranges of a page are chosen: from the spacing seen before, and by the characters of a text."""

from chassis.ids import place_of
from chassis.mongo.page_ranges import (
    LAST_CHARACTER,
    REMEMBERED_MAX,
    IdLine,
    Remembered,
    Spacing,
    WideningRanges,
    common_head,
    default_pace,
    pace_seen,
    text_bounds,
)


def test_a_walk_begins_with_the_pace_and_reaches_over_pauses() -> None:
    line = IdLine()
    pace = pace_seen(default_pace(line), [5000, 4999, 4998, 4000, 3999], first=True, last=False)
    walk = WideningRanges(line, pace, 10 * line.unit, bottom=None)

    floors = [place_of(walk.floor(20)) for _ in range(4)]

    assert (pace.gap, pace.pause, pace.newest) == (1, 1024, 5000)
    start = 10 * line.unit - 20
    assert floors == [start, start - 1024, start - 1024 - line.unit, start - 1024 - 9 * line.unit]


def test_a_walk_takes_everything_once_it_reaches_the_oldest_record_or_goes_far() -> None:
    line = IdLine()
    assert WideningRanges(line, Spacing(gap=1), 100, bottom=90).floor(20) is None
    walk = WideningRanges(line, default_pace(line), 2 * line.span, bottom=None)
    floors = 0
    while walk.floor(20) is not None:
        floors += 1
    assert 5 < floors < 20


def test_ranges_of_texts_widen_character_by_character() -> None:
    assert list(text_bounds("A-0123", 3, down=True)) == ["A-01", "A-0", "A-", "A"]
    assert list(text_bounds("A-01", 9, down=False)) == [f"{head}{LAST_CHARACTER}" for head in ("A-0", "A-", "A")]
    assert list(text_bounds("0123456789", None, down=True)) == ["012345", "01"]
    assert list(text_bounds("", None, down=True)) == []
    assert [common_head("A-01", other) for other in ("A-02", "A-01", "B", "A-")] == [3, 4, 0, 2]


def test_a_memory_forgets_what_was_unused_for_longest() -> None:
    memory: Remembered[int, int] = Remembered()
    for number in range(REMEMBERED_MAX):
        memory.put(number, number)
    assert memory.get(0) == 0

    memory.put(REMEMBERED_MAX, 7)

    assert (memory.get(0), memory.get(1), memory.get(REMEMBERED_MAX)) == (0, None, 7)

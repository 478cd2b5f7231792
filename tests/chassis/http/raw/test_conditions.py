from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.clock import Utc
from chassis.errors import RangeNotSatisfiable
from chassis.http.raw.conditions import ByteRange, ContentValidators, is_unchanged, part_of, validators_of
from chassis.raw import Content

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
TAGGED = ContentValidators('"v1"', NOON)
LENGTHS = st.integers(0, 10**12)


@given(length=LENGTHS, first=LENGTHS, last=LENGTHS)
def test_a_part_lies_within_the_content_or_there_is_none(length: int, first: int, last: int) -> None:
    asked = {"Range": f"bytes={first}-{last}"}
    if first > last:
        assert part_of(asked, TAGGED, length) is None
    elif first >= length:
        with pytest.raises(RangeNotSatisfiable):
            part_of(asked, TAGGED, length)
    else:
        assert part_of(asked, TAGGED, length) == ByteRange(first, min(last + 1, length))


@given(length=LENGTHS, size=LENGTHS)
def test_a_suffix_is_the_end_of_the_content(length: int, size: int) -> None:
    if not length or not size:
        with pytest.raises(RangeNotSatisfiable):
            part_of({"Range": f"bytes=-{size}"}, TAGGED, length)
    else:
        assert part_of({"Range": f"bytes=-{size}"}, TAGGED, length) == ByteRange(max(0, length - size), length)


@given(st.text(max_size=40))
def test_what_is_no_range_is_passed_over(text: str) -> None:
    try:
        part = part_of({"Range": text}, TAGGED, 100)
    except RangeNotSatisfiable:
        return
    assert part is None or 0 <= part.start < part.stop <= 100


def test_a_weak_tag_never_joins_parts() -> None:
    assert part_of({"Range": "bytes=0-1", "If-Range": 'W/"v1"'}, TAGGED, 9) is None
    assert part_of({"Range": "bytes=0-1", "If-Range": '"v1"'}, TAGGED, 9) == ByteRange(0, 2)
    assert part_of({"Range": "bytes=0-1", "If-Range": "nonsense"}, TAGGED, 9) is None
    assert part_of({"Range": "bytes=0-1", "If-Range": '""'}, ContentValidators("", None), 9) is None


def test_a_weak_tag_is_enough_to_know_a_content() -> None:
    assert is_unchanged({"If-None-Match": 'W/"v1"'}, TAGGED)
    assert not is_unchanged({"If-None-Match": '"v2"'}, TAGGED)
    assert not is_unchanged({"If-None-Match": '"v1"'}, ContentValidators("", None))
    assert not is_unchanged({}, TAGGED)


def test_a_tag_that_http_has_no_place_for_is_a_defect() -> None:
    with pytest.raises(ValueError, match="can't be an entity tag"):
        validators_of(Content(etag='a"b'))
    assert validators_of(Content(etag="a", modified_utc=Utc("2026-01-01T12:00:00.999Z"))) == ContentValidators(
        '"a"', NOON
    )

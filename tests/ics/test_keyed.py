from typing import NamedTuple

import pytest

from services.ics.keyed import KeyedFilters


class Thing(NamedTuple):
    facility: str
    status: str
    order: str | None = None
    variants: list[str] | None = None


FILTERS = KeyedFilters(
    {"o": ("order",), "v": ("variants",), "fs": ("facility", "status"), "s": ("status",), "": ()}, prefix="t"
)


def test_a_record_has_a_key_for_each_set_of_filters_whose_values_it_has() -> None:
    thing = Thing("FAC-A", "open", "O:1/2", ["V-1", "V-2"])
    assert FILTERS.keys_of(thing) == sorted(["t", "to:O:1/2", "tv:V-1", "tv:V-2", "tfs:FAC-A:open", "ts:open"])


def test_without_a_value_there_is_no_key() -> None:
    assert FILTERS.keys_of(Thing("FAC-A", "open")) == sorted(["t", "tfs:FAC-A:open", "ts:open"])


@pytest.mark.parametrize(
    ("wanted", "key", "rest"),
    [
        ({"order": None}, "t", {}),
        ({"facility": "FAC-A"}, "t", {"facility": "FAC-A"}),
        ({"facility": "FAC-A", "status": "open"}, "tfs:FAC-A:open", {}),
        ({"facility": "FAC-A", "status": "open", "order": "O"}, "to:O", {"facility": "FAC-A", "status": "open"}),
    ],
)
def test_the_most_selective_key_is_looked_up(
    wanted: dict[str, str | None], key: str, rest: dict[str, str | None]
) -> None:
    assert FILTERS.choose(wanted) == (key, rest)


def test_the_other_filters_are_checked_on_the_record() -> None:
    thing = Thing("FAC-A", "open", variants=["V-1", "V-2"])
    assert FILTERS.fits(thing, {"variants": "V-2", "facility": "FAC-A"})
    assert not FILTERS.fits(thing, {"variants": "V-3"})
    assert not FILTERS.fits(thing, {"order": "O"}), "no value is no match"

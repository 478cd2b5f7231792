"""Who should send what to whom, by exactly the rules of the domain guide."""

from fractions import Fraction
from math import ceil
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from services.ics.decimals import ratio
from services.ics.transfer.suggest import SuggestFacts, TransferSuggestion, balanced, suggest, weighed


def facts(logical_guid: str, **known: int) -> SuggestFacts:
    return SuggestFacts(variant_id="VAR-1", logical_guid=logical_guid, **known)


def lanes(items: list[TransferSuggestion]) -> list[tuple[str, str, int]]:
    return [(item.from_logical_guid, item.to_logical_guid, item.quantity) for item in items]


def test_a_target_is_what_goes_in_so_many_days_rounded_up_and_the_safety_stock() -> None:
    found = weighed(facts("A", available=9, unsellable=2, inbound=1, safety_stock=3, shipped=15), 14)
    # T × 14 / 28 = 7.5, rounded up 8, and 3
    assert (found.target, found.deficit, found.surplus, found.average_daily) == (11, 3, 0, "0.5357")
    assert (found.available, found.inbound) == (9, 1)


def test_what_is_on_the_way_fills_but_cannot_be_given_away() -> None:
    found = weighed(facts("A", available=4, inbound=50, shipped=28), 14)
    assert (found.deficit, found.surplus) == (0, 4)


def test_a_facility_in_the_red_lacks_that_too() -> None:
    found = weighed(facts("A", available=-3, safety_stock=2), 14)
    assert (found.target, found.deficit, found.surplus) == (2, 5, 0)


def test_the_neediest_take_first_from_whoever_can_spare_most() -> None:
    each = [
        facts("D", available=6),
        facts("E", available=9),
        facts("N", safety_stock=4),
        facts("M", safety_stock=7),
    ]
    items, _ = suggest([each], 14)
    assert lanes(items) == [("E", "M", 7), ("E", "N", 2), ("D", "N", 2)]


def test_ties_go_by_name_on_both_sides() -> None:
    each = [facts(name, available=5) for name in ("D", "C")] + [facts(name, safety_stock=4) for name in ("B", "A")]
    items, considered = suggest([each], 1)
    assert lanes(items) == [("C", "A", 4), ("C", "B", 1), ("D", "B", 3)]
    assert [one.logical_guid for one in considered] == ["A", "B", "C", "D"]


def test_variants_stay_in_the_order_asked() -> None:
    variants = [
        [
            SuggestFacts(variant_id=name, logical_guid="A", available=2),
            SuggestFacts(variant_id=name, logical_guid="B", safety_stock=1),
        ]
        for name in ("VAR-2", "VAR-1")
    ]
    items, considered = suggest(variants, 14)
    assert [item.variant_id for item in items] == ["VAR-2", "VAR-1"]
    assert [one.variant_id for one in considered] == ["VAR-2", "VAR-2", "VAR-1", "VAR-1"]


UNITS = st.integers(0, 60)
FACILITIES = st.lists(
    st.fixed_dictionaries(
        {
            "available": st.integers(-10, 60),
            "unsellable": st.integers(0, 5),
            "inbound": UNITS,
            "safety_stock": UNITS,
            "shipped": UNITS,
        }
    ),
    max_size=6,
)


@given(known=FACILITIES, target_days=st.integers(1, 180))
def test_nobody_gives_what_it_needs_or_takes_more_than_it_lacks(known: list[dict[str, int]], target_days: int) -> None:
    each = [facts(f"F{number}", **one) for number, one in enumerate(known)]
    items, considered = suggest([each], target_days)
    weighings = {one.logical_guid: one for one in considered}
    given_away = dict.fromkeys(weighings, 0)
    taken = dict.fromkeys(weighings, 0)
    for item in items:
        given_away[item.from_logical_guid] += item.quantity
        taken[item.to_logical_guid] += item.quantity
    for one in each:
        found = weighings[one.logical_guid]
        have = one.available - one.unsellable + one.inbound
        target = ceil(Fraction(one.shipped * target_days, 28)) + one.safety_stock
        assert (found.target, found.deficit) == (target, max(0, target - have))
        assert given_away[one.logical_guid] <= found.surplus
        assert taken[one.logical_guid] <= found.deficit
        assert not (given_away[one.logical_guid] and taken[one.logical_guid])
    # Either all needs are met, or everything that could be spared is.
    lacking = sum(one.deficit for one in considered)
    spare = sum(one.surplus for one in considered)
    assert sum(taken.values()) == min(lacking, spare)


@given(known=FACILITIES, data=st.data())
def test_the_order_facilities_are_read_in_does_not_matter(known: list[dict[str, int]], data: Any) -> None:
    each = [weighed(facts(f"F{number}", **one), 14) for number, one in enumerate(known)]
    assert balanced(data.draw(st.permutations(each))) == balanced(each)


@given(part=st.integers(0, 10**12), whole=st.integers(1, 10**6))
def test_figures_have_four_places_rounded_half_up(part: int, whole: int) -> None:
    told = ratio(part, whole)
    assert len(told.partition(".")[2]) == 4
    beside = Fraction(part, whole) - Fraction(told)
    assert -Fraction(1, 20_000) <= beside < Fraction(1, 20_000)


def test_a_figure_half_way_goes_up() -> None:
    assert (ratio(1, 20_000), ratio(3, 20_000), ratio(2, 3)) == ("0.0001", "0.0002", "0.6667")

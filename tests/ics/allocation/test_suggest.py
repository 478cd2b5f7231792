"""Who should serve an order, by exactly the rules of the domain guide; and the same asked over HTTP."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from chassis.clock import Date
from chassis.testing.client import ServiceClient
from services.ics.allocation.suggest import AllocationSuggestion, Line, Offer, servable, suggest
from services.ics.ledger.balance import StockPosition, new_item
from services.ics.ledger.lot import Lot
from services.ics.ledger.open_item import OpenItem
from tests.ics.floor import Floor
from tests.ics.given import ORG

TODAY = Date("2026-03-02")


def an_offer(
    facility: str, variant: str, units: int, *positions: StockPosition, lots: Mapping[str, Lot] | None = None
) -> Offer:
    """So many servable units of a variant, all in no place unless positions are given."""
    item = replace(new_item(ORG, facility, variant), cells=list(positions) or [StockPosition(available=units)])
    return Offer(OpenItem(item, lots), units)


def offers(**facilities: Mapping[str, int]) -> dict[tuple[str, str], Offer]:
    return {
        (facility, variant): an_offer(facility, variant, units)
        for facility, known in facilities.items()
        for variant, units in known.items()
    }


def asked(
    lines: Mapping[str, int], known: Mapping[tuple[str, str], Offer], order: list[str] | None = None
) -> tuple[list[AllocationSuggestion], str | None]:
    facilities = order or sorted({facility for facility, _ in known})
    wanted = [Line(variant, quantity) for variant, quantity in lines.items()]
    return suggest(wanted, facilities, known, ordered=order is not None, today=TODAY)


def parts(suggestion: AllocationSuggestion) -> list[tuple[str, int]]:
    return [(part.logical_guid, part.quantity) for part in suggestion.parts]


@pytest.mark.parametrize(
    ("terms", "units"), [((9, 2, 3, 1), 3), ((9, 0, 9, 1), 0), ((-3, 0, 0, 0), 0), ((5, 0, 0, 0), 5)]
)
def test_what_can_be_served_is_free_of_every_claim(terms: tuple[int, int, int, int], units: int) -> None:
    assert servable(*terms) == units


def test_the_first_in_the_callers_order_that_can_serve_all_serves_all() -> None:
    known = offers(A={"V": 9, "W": 9}, B={"V": 2, "W": 1}, C={"V": 2, "W": 2})
    lines, single = asked({"V": 2, "W": 2}, known, ["B", "C", "A"])
    assert single == "C"
    assert [parts(line) for line in lines] == [[("C", 2)], [("C", 2)]]


def test_without_an_order_the_one_with_most_of_all_lines_serves_all_then_the_first_by_name() -> None:
    known = offers(A={"V": 2, "W": 9}, B={"V": 9, "W": 2}, C={"V": 4, "W": 4})
    assert asked({"V": 2, "W": 2}, known)[1] == "A"
    assert asked({"V": 2}, known)[1] == "B"
    assert asked({"V": 4, "W": 4}, known)[1] == "C"


def test_where_none_can_serve_all_each_line_is_filled_by_its_own_largest_then_by_name() -> None:
    known = offers(A={"V": 2, "W": 1}, B={"V": 3}, C={"V": 2})
    lines, single = asked({"V": 6, "W": 3}, known)
    assert single is None
    assert [parts(line) for line in lines] == [[("B", 3), ("A", 2), ("C", 1)], [("A", 1)]]
    assert [(line.requested, line.suggested, line.short) for line in lines] == [(6, 6, 0), (3, 1, 2)]


def test_where_none_can_serve_all_the_callers_order_holds_line_by_line() -> None:
    known = offers(A={"V": 2}, B={"V": 3}, C={"V": 4})
    assert parts(asked({"V": 5}, known, ["A", "B", "C"])[0][0]) == [("A", 2), ("B", 3)]


def test_positions_are_what_a_draw_would_take() -> None:
    positions = (
        StockPosition(lot_code="L-A", available=2),
        StockPosition(lot_code="L-B", available=2),
        StockPosition(lot_code="L-X", available=9),
        StockPosition(zone_id="z", zone_code="PCK", purpose="pick", available=4),
    )
    known = {
        "L-A": Lot(lot_code="L-A", expiry_date=Date("2026-06-30")),
        "L-B": Lot(lot_code="L-B", expiry_date=Date("2026-03-31")),
        "L-X": Lot(lot_code="L-X", blocked=True),
    }
    offer = {("A", "V"): an_offer("A", "V", 8, *positions, lots=known)}
    (line,), _ = asked({"V": 5}, offer)
    assert [(each.lot_code, each.zone_id, each.expiry_date, each.quantity) for each in line.parts[0].positions] == [
        ("L-B", None, "2026-03-31", 2),
        ("L-A", None, "2026-06-30", 2),
        (None, "z", None, 1),
    ]


NAMES = ("A", "B", "C", "D")
KNOWN = st.dictionaries(
    st.sampled_from(NAMES), st.fixed_dictionaries({"V": st.integers(0, 9), "W": st.integers(0, 9)}), min_size=1
)


@given(known=KNOWN, wanted=st.fixed_dictionaries({"V": st.integers(1, 20), "W": st.integers(1, 20)}), data=st.data())
def test_a_line_is_short_only_of_what_nobody_has(known: dict[str, Any], wanted: dict[str, int], data: Any) -> None:
    order = data.draw(st.none() | st.permutations(sorted(known)))
    lines, single = asked(wanted, offers(**known), order)
    able = [each for each in known if all(known[each][variant] >= units for variant, units in wanted.items())]
    assert (single in able) if able else (single is None)
    for line in lines:
        have = sum(each[line.variant_id] for each in known.values())
        assert line.suggested == min(line.requested, have)
        assert line.requested == line.suggested + line.short
        assert line.suggested == sum(part.quantity for part in line.parts)
        for part in line.parts:
            assert 0 < part.quantity <= known[part.logical_guid][line.variant_id]
            assert part.quantity == sum(each.quantity for each in part.positions)


@given(known=KNOWN, wanted=st.integers(1, 20), data=st.data())
def test_without_an_order_it_does_not_matter_how_facilities_are_read(
    known: dict[str, Any], wanted: int, data: Any
) -> None:
    lines = [Line("V", wanted)]
    told = [
        suggest(lines, facilities, offers(**known), ordered=False, today=TODAY)
        for facilities in (data.draw(st.permutations(sorted(known))), sorted(known))
    ]
    assert told[0] == told[1]


async def test_a_suggestion_reads_policies_holdbacks_and_lots_and_changes_nothing(ics: ServiceClient) -> None:
    here, there = Floor(ics, "V"), Floor(ics.in_facility("FAC-B"), "V")
    await here.policy(qc="skip", safety_stock=1)
    await here.stocked(10)
    await here.stocked(5, lot_code="OLD", expiry_date="2020-01-01")
    await there.stocked(7)
    await here.do("/holdback/set", variant_id="V", channel_code="WEB", quantity=3)
    plain = Floor(ics.plain, "V")

    async def suggested(quantity: int, **body: Any) -> tuple[str | None, list[tuple[str, int]]]:
        answer = await plain.do("/allocation/suggest", lines=[{"variant_id": "V", "quantity": quantity}], **body)
        found = [(part["logical_guid"], part["quantity"]) for part in answer["lines"][0]["parts"]]
        return answer["single_facility"], found

    before = await here.stock()
    assert await suggested(9) == ("FAC-A", [("FAC-A", 9)])
    assert await suggested(9, channel_code="WEB") == (None, [("FAC-B", 7), ("FAC-A", 2)])
    assert await suggested(6, channel_code="WEB") == ("FAC-B", [("FAC-B", 6)])
    assert await suggested(6, logical_guids=["FAC-A", "FAC-B"]) == ("FAC-A", [("FAC-A", 6)])
    assert await suggested(4, logical_guids=["NOWHERE"]) == (None, [])
    in_context = await there.do("/allocation/suggest", lines=[{"variant_id": "V", "quantity": 9}])
    assert (in_context["single_facility"], in_context["lines"][0]["short"]) == (None, 2)
    twice = await plain.ask("/allocation/suggest", lines=[{"variant_id": "V", "quantity": 1}] * 2)
    assert (twice.status, set(twice.problems)) == (400, {"lines.1.variant_id"})
    assert await here.stock() == before

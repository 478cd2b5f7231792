"""Positions that several receipts made larger than any quantity a call can name."""

import pytest

from chassis.testing.client import ServiceClient
from chassis.values import QUANTITY_MAX
from tests.ics.floor import Floor


@pytest.mark.parametrize("blind", [True, False])
async def test_a_shortage_larger_than_an_entry_is_posted_in_several(ics: ServiceClient, blind: bool) -> None:
    floor = Floor(ics, "VAR-1")
    await floor.policy(qc="skip")
    for _ in range(3):
        await floor.stocked(QUANTITY_MAX)

    made = (await floor.do("/count/create", lines=[{"variant_id": "VAR-1"}], blind=blind))["count"]
    about = {"count_id": made["count_id"]}
    await floor.do("/count/submit", **about, expected_revision=1, lines=[{"line_no": 1, "counted": 7}])
    count = (await floor.do("/count/approve", **about, expected_revision=2))["count"]

    line = count["lines"][0]
    assert (line["expected"], line["variance"]) == (3 * QUANTITY_MAX, 7 - 3 * QUANTITY_MAX)
    cards = [card for card in await floor.cards() if card["kind"] == "count"]
    assert sorted(card["quantity"] for card in cards) == [QUANTITY_MAX - 7, QUANTITY_MAX, QUANTITY_MAX]
    assert len(count["entry_ids"]) == 3
    assert (await floor.totals())[0] == 7

"""Units that lie at more positions than a call may touch."""

from typing import Any

import pytest

from chassis.testing.client import ServiceClient
from services.ics.stock import importing
from tests.ics.floor import Floor

POSITIONS_MAX = 500


async def test_a_call_takes_units_from_so_many_positions_and_no_more(ics: ServiceClient) -> None:
    floor = Floor(ics, "V-1")
    lines = [{"variant_id": "V-1", "delta": 1, "lot_code": f"L-{number:03}"} for number in range(POSITIONS_MAX + 1)]
    await floor.do("/adjustment/import", lines=lines, reason_code="found")
    assert await floor.promisable() == POSITIONS_MAX + 1, "however large promisable is"
    everything: dict[str, Any] = {"variant_id": "V-1", "quantity": POSITIONS_MAX + 1, "channel_code": "WEB"}
    before = await floor.stock()
    for path, body in (
        ("/reservation/create", everything),
        ("/commit/create-direct", {**everything, "order_ref": "O-1"}),
        ("/allocation/create", {**everything, "order_ref": "O-1"}),
        ("/stock/transition", {**everything, "from_bucket": "available", "to_bucket": "damaged"}),
        ("/adjustment/create", {"variant_id": "V-1", "delta": -POSITIONS_MAX - 1, "reason_code": "loss"}),
        (
            "/adjustment/import",
            {"lines": [{"variant_id": "V-1", "delta": -POSITIONS_MAX - 1}], "reason_code": "loss"},
        ),
    ):
        body.pop("channel_code") if path.startswith("/stock") else None
        refused = await floor.ask(path, **body)
        if path == "/adjustment/import":
            assert refused.status == 200, "an import makes 2,000 entries"
            continue
        assert (refused.status, refused.error_code) == (409, "ics.conflict_state"), path
        assert refused.details["status"] == "scattered", path
        assert await floor.stock() == before, path

    await floor.do("/adjustment/import", lines=lines, reason_code="found")
    held = await floor.reserve(POSITIONS_MAX)
    assert len(held["positions"]) == POSITIONS_MAX
    pinned = await floor.do("/allocation/create", **{**everything, "quantity": 1}, order_ref="O-1", lot_code="L-500")
    assert pinned["allocation"]["quantity"] == 1


async def test_an_import_makes_so_many_entries_and_no_more(ics: ServiceClient, monkeypatch: pytest.MonkeyPatch) -> None:
    floor = Floor(ics, "V-1")
    for number in range(3):
        await floor.do("/adjustment/create", variant_id="V-1", delta=1, lot_code=f"L-{number}", reason_code="found")
    monkeypatch.setattr(importing, "IMPORT_ENTRIES_MAX", 2)
    refused = await floor.ask("/adjustment/import", lines=[{"variant_id": "V-1", "delta": -3}], reason_code="loss")
    assert (refused.status, refused.details) == (409, {"status": "scattered", "line_no": 1})

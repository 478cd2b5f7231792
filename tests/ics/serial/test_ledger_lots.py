"""Items at many lots: a call reads their lots once, and sees every change of one at once."""

from typing import Any

import pytest

from chassis.clock import Date
from chassis.testing.client import ServiceClient
from services.ics.ledger.lot import Lot
from services.ics.serial import ledger_lots
from services.ics.serial.ledger_lots import KEPT_SECONDS, KNOWN_LOTS, LOTS_READ_MAX, KnownLots
from services.ics.serial.store import SERIALS
from tests.ics.crowd.work import counted_work
from tests.ics.floor import Floor
from tests.running import in_new_org

MANY = LOTS_READ_MAX + 20
UNITS = 3
VARIANT = "VAR-L"


async def at_many_lots(ics: ServiceClient) -> Floor:
    """A variant with some units of each of many lots, promised from twice."""
    floor = Floor(ics, VARIANT)
    await floor.policy(qc="skip")
    lines = [{"variant_id": VARIANT, "delta": UNITS, "lot_code": f"L-{number:03}"} for number in range(MANY)]
    await floor.do("/adjustment/import", lines=lines, reason_code="found")
    for _ in range(2):
        await floor.reserve(1)
    return floor


async def change_lot(floor: Floor, lot_code: str, **facts: Any) -> None:
    """Change the record of a lot through the service."""
    found = (await floor.do("/serial/lookup", variant_id=VARIANT, lot_code=lot_code))["items"]
    (lot,) = [each for each in found if each["kind"] == "batch"]
    await floor.do("/serial/update", serial_id=lot["serial_id"], expected_revision=lot["revision"], **facts)


async def test_a_call_reads_the_lots_once(ics: ServiceClient) -> None:
    floor = await at_many_lots(ics)
    with counted_work() as work:
        await floor.reserve(1)
        assert await floor.promisable() == UNITS * MANY - 3
        await floor.do("/adjustment/create", variant_id=VARIANT, delta=-1, reason_code="loss")
        await floor.do("/allocation/suggest", lines=[{"variant_id": VARIANT, "quantity": 1}])
    assert work.read[SERIALS.collection] == 0
    with counted_work() as work:
        await floor.stocked(1, lot_code="L-NEW")
        await floor.reserve(1)
    assert work.read[SERIALS.collection] <= 4, "the new lot alone is read"


async def test_goods_of_many_known_lots_come_in_together(ics: ServiceClient) -> None:
    floor = await at_many_lots(ics)
    lines = [{"variant_id": VARIANT, "quantity": 1, "lot_code": f"L-{number:03}"} for number in range(MANY)]
    with counted_work() as work:
        await floor.do("/receive/record", lines=lines)
    assert work.read[SERIALS.collection] <= 2 * MANY
    assert await floor.promisable() == (UNITS + 1) * MANY - 2


async def test_a_lot_that_is_blocked_is_passed_over_at_once(ics: ServiceClient) -> None:
    floor = await at_many_lots(ics)
    before = await floor.promisable()
    await change_lot(floor, "L-009", blocked=True, block_reason="recall")
    assert await floor.promisable() == before - UNITS
    everything: dict[str, Any] = {"variant_id": VARIANT, "channel_code": "WEB"}
    refused = await floor.ask("/reservation/create", **everything, quantity=before)
    assert (refused.status, refused.error_code) == (409, "ics.insufficient_stock")
    held = await floor.reserve(before - UNITS)
    assert "L-009" not in {each["lot_code"] for each in held["positions"]}
    await floor.do("/reservation/release", reservation_id=held["reservation_id"], expected_revision=1)
    await change_lot(floor, "L-009", blocked=False)
    assert await floor.promisable() == before
    await floor.reserve(before)


async def test_a_date_decides_the_draw_at_once_also_one_that_comes_with_goods(ics: ServiceClient) -> None:
    floor = await at_many_lots(ics)
    await change_lot(floor, "L-030", expiry_date="2031-06-30")
    assert (await floor.reserve(1))["positions"][0]["lot_code"] == "L-030", "soonest first"
    await floor.stocked(1, lot_code="L-040", expiry_date="2030-06-30")
    assert (await floor.reserve(1))["positions"][0]["lot_code"] == "L-040"
    before = await floor.promisable()
    await floor.stocked(1, lot_code="L-041", expiry_date="2020-01-01")
    assert await floor.promisable() == before - UNITS, "what is of that lot elsewhere has passed its date, too"


async def test_orgs_know_nothing_of_each_other(ics_service: ServiceClient) -> None:
    first, second = await at_many_lots(in_new_org(ics_service)), await at_many_lots(in_new_org(ics_service))
    there = await second.promisable()
    await change_lot(first, "L-009", blocked=True, block_reason="recall")
    assert await first.promisable() == there - UNITS
    assert await second.promisable() == there


async def test_what_a_process_of_an_earlier_release_changes_is_seen_a_minute_later(
    ics: ServiceClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It gives the lots no new stamp."""
    now = [0.0]
    monkeypatch.setattr(ledger_lots, "KNOWN_LOTS", KnownLots(lambda: now[0]))
    floor = await at_many_lots(ics)
    before = await floor.promisable()
    await floor.block("L-009")
    assert await floor.promisable() == before
    now[0] = KEPT_SECONDS
    assert await floor.promisable() == before - UNITS


async def test_a_change_that_is_refused_leaves_the_lots_as_they_were(ics: ServiceClient) -> None:
    floor = await at_many_lots(ics)
    await floor.stocked(1, serials=["SN-1"])
    before = await floor.promisable()
    line = {"variant_id": VARIANT, "quantity": 1}
    lines = [{**line, "lot_code": "L-010", "expiry_date": "2020-01-01"}, {**line, "serials": ["SN-1"]}]
    refused = await floor.ask("/receive/record", lines=lines)
    assert (refused.status, refused.error_code) == (409, "ics.conflict_state"), "the serial is in stock"
    assert await floor.promisable() == before


def test_the_variants_that_were_asked_for_least_recently_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger_lots, "LOTS_KEPT_MAX", 4)
    known = KnownLots(lambda: 0.0)
    lots = {code: Lot(lot_code=code, expiry_date=Date("2031-01-01")) for code in ("A", "B")}
    for stamp in ("first", "second"):
        known.add(stamp, lots)
        known.add(stamp, lots)
    assert known.under("first") == lots
    known.add("third", lots)
    assert (known.under("first"), known.under("second"), known.under("third")) == (lots, {}, lots)
    known.add("fourth", {str(number): lots["A"] for number in range(9)})
    assert len(known.under("fourth")) == 9, "one variant may have more than all together"


def test_what_has_ended_is_not_kept_until_it_is_asked_for() -> None:
    now = [0.0]
    known = KnownLots(lambda: now[0])
    known.add("old", {"A": Lot(lot_code="A")})
    now[0] = KEPT_SECONDS
    known.add("new", {})
    now[0] = 0.0
    assert known.under("old") == {}


def test_a_process_remembers_nothing_under_a_stamp_it_has_not_seen() -> None:
    assert KNOWN_LOTS.under("never") == {}

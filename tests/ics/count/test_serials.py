"""Counts of positions with lots and serials: what is found and missing, and a serial that turns out to be of another
lot."""

from typing import Any

import pytest
import pytest_asyncio

from chassis.clock import FixedClock
from chassis.testing.client import ServiceClient
from tests.ics.floor import Floor

HERE, OTHER = "LOT-A", "LOT-B"


class Shelf(Floor):
    """Serials S1 and S2 of LOT-A in one zone."""

    zone_id: str

    async def prepare(self) -> None:
        self.zone_id = (await self.do("/zone/create", code="SHELF"))["zone"]["zone_id"]
        await self.policy(qc="skip")
        await self.stocked(2, zone_id=self.zone_id, lot_code=HERE, serials=["S1", "S2"])

    async def counted(self, *serials: str) -> Any:
        """A count of LOT-A's position that saw these serials, submitted."""
        position = {"variant_id": self.variant_id, "zone_id": self.zone_id, "lot_code": HERE}
        made = (await self.do("/count/create", lines=[position]))["count"]
        answer = await self.submit(made, *serials)
        assert answer.status == 200, answer
        return answer.data["count"]

    async def submit(self, count: Any, *serials: str) -> Any:
        lines = [{"line_no": 1, "counted": len(serials), "serials": serials}]
        named = {"count_id": count["count_id"], "expected_revision": count["revision"]}
        return await self.ask("/count/submit", **named, lines=lines)

    async def approve(self, count: Any) -> Any:
        named = {"count_id": count["count_id"], "expected_revision": count["revision"]}
        return await self.ask("/count/approve", **named)

    async def pass_through(self, serial_no: str, lot_code: str) -> None:
        """A unit of a lot comes in elsewhere and leaves again."""
        await self.stocked(1, lot_code=lot_code, serials=[serial_no])
        gone = {"lot_code": lot_code, "serials": [serial_no], "delta": -1, "reason_code": "loss"}
        await self.do("/adjustment/create", variant_id=self.variant_id, **gone)

    async def lines(self, count: Any) -> list[tuple[list[str], list[str]]]:
        """The serials found and missing of each line."""
        kept = (await self.do("/count/get", count_id=count["count_id"]))["count"]
        return [(line["serials_found"], line["serials_missing"]) for line in kept["lines"]]


@pytest_asyncio.fixture(loop_scope="module")
async def shelf(ics: ServiceClient) -> Shelf:
    shelf = Shelf(ics, "V-1")
    await shelf.prepare()
    return shelf


async def test_a_serial_found_takes_the_lot_of_its_position(shelf: Shelf) -> None:
    count = await shelf.counted("S1", "S9")
    seen = len(await shelf.ics.collect_events())
    answer = await shelf.approve(count)

    assert answer.status == 200
    assert await shelf.lines(count) == [(["S9"], ["S2"])]
    told = (await shelf.ics.collect_events())[seen:]
    assert sorted(told) == [
        "ics.count.approved",
        "ics.serial.found",
        "ics.serial.missing",
        "ics.serial.registered",
    ], "the total is as before, so ics.stock.changed is not published"
    found, missing = await shelf.serial("S9"), await shelf.serial("S2")
    assert (found["lot_code"], found["status"], missing["status"]) == (HERE, "in_stock", "missing")


async def test_a_serial_known_to_be_of_another_lot_is_refused_when_the_count_is_submitted(shelf: Shelf) -> None:
    await shelf.pass_through("S9", OTHER)
    position = {"variant_id": shelf.variant_id, "zone_id": shelf.zone_id, "lot_code": HERE}
    made = (await shelf.do("/count/create", lines=[position]))["count"]
    answer = await shelf.submit(made, "S1", "S9")

    assert (answer.status, answer.error_code) == (400, "ics.validation_failed")
    assert [each["path"] for each in answer.details["fields"]] == ["lines.0.serials"]


@pytest.mark.parametrize("seconds", [0, 60])
async def test_a_serial_that_got_another_lot_since_it_was_counted_is_refused_at_approval(
    shelf: Shelf, clock: FixedClock, seconds: int
) -> None:
    count = await shelf.counted("S1", "S9")
    clock.advance(seconds)
    await shelf.pass_through("S9", OTHER)
    before, events = await shelf.stock(), list(await shelf.ics.collect_events())
    answer = await shelf.approve(count)

    assert (answer.status, answer.error_code) == (409, "ics.conflict_state")
    assert answer.details == {"status": "elsewhere", "serial_no": "S9", "line_no": 1}
    assert (await shelf.stock(), await shelf.ics.collect_events()) == (before, events)
    assert (await shelf.serial("S9"))["lot_code"] == OTHER
    rejected = await shelf.ask(
        "/count/reject", count_id=count["count_id"], expected_revision=count["revision"], reason="counted wrongly"
    )
    assert rejected.status == 200
    # Counted again without it, the position has lost what it lost.
    again = await shelf.counted("S1")
    assert (await shelf.approve(again)).status == 200
    assert await shelf.lines(again) == [([], ["S2"])]
    assert (await shelf.serial("S9"))["lot_code"] == OTHER

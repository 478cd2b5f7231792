"""Scenario 4 of the contract, row by row: serials, blocks, scans and a count."""

from typing import Any

from chassis.testing.client import ServiceClient
from tests.ics.floor import Floor


class Desk(Floor):
    """VAR-4 in FAC-A, with zones P1 and P2."""

    zones: dict[str, str]

    async def prepare(self) -> None:
        self.zones = {
            code: (await self.do("/zone/create", code=code, purpose="pick"))["zone"]["zone_id"] for code in ("P1", "P2")
        }
        await self.policy(qc="skip")

    async def books(self) -> tuple[int, ...]:
        """Available, reserved, committed, on hand, unsellable, promisable."""
        totals = await self.totals()
        answer = await self.do("/atp/query", variant_ids=[self.variant_id], channel_code="WEB")
        facility = answer["items"][0]["facilities"][0]
        return (totals[0], totals[4], totals[5], totals[7], facility["unsellable"], facility["promisable"])

    async def assign(self, *serials: str, **where: Any) -> Any:
        named = {"variant_id": self.variant_id, "serials": serials, "zone_id": self.zones["P1"]}
        return await self.ask("/serial/assign", **(named | where))

    async def block(self, serial_no: str, *, blocked: bool = True) -> None:
        """Block a unit, or free it."""
        unit = (await self.do("/serial/lookup", serial_no=serial_no))["items"][0]
        reason = {"block_reason": "recalled"} if blocked else {}
        named = {"serial_id": unit["serial_id"], "expected_revision": unit["revision"]}
        await self.do("/serial/update", **named, blocked=blocked, **reason)

    async def pick(self, commit: Any, *serials: str, **where: Any) -> Any:
        named = {"commit_id": commit["commit_id"], "expected_revision": commit["revision"]}
        return await self.ask("/pick/record", **named, quantity=len(serials), serials=serials, **where)


def refusal(answer: Any) -> tuple[str, Any]:
    assert answer.status == 409, answer
    return answer.error_code, answer.details.get("status")


SHORT = ("ics.insufficient_stock", None)


async def test_scenario_4(ics: ServiceClient) -> None:
    desk = Desk(ics, "VAR-4")
    await desk.prepare()
    p1, p2 = desk.zones["P1"], desk.zones["P2"]

    await desk.receive(4, zone_id=p1)  # 1
    assert await desk.books() == (4, 0, 0, 4, 0, 4)
    await desk.policy(qc="skip", tracking="serial", expected_revision=1)  # 2

    answer = await desk.assign("S1", "S2", "S3")  # 3
    (entry,) = answer.data["entries"]
    assert (entry["kind"], entry["quantity"], entry["from_account"]["seq"]) == ("assign", 3, 2)
    assert entry["from_account"] == entry["to_account"]
    assert [(item["serial_no"], item["status"], item["zone_id"]) for item in answer.data["items"]] == [
        (serial_no, "in_stock", p1) for serial_no in ("S1", "S2", "S3")
    ]
    assert ics.events[-4:] == ["ics.serial.assigned"] + ["ics.serial.registered"] * 3
    assert await desk.books() == (4, 0, 0, 4, 0, 4)

    assert refusal(await desk.assign("S4", "S5")) == SHORT  # 4
    assert (await desk.do("/serial/lookup", serial_no="S4"))["items"] == []

    await desk.do("/serial/assign", variant_id="VAR-4", serials=["S4"], zone_id=p1)  # 5
    await desk.do("/putaway/record", variant_id="VAR-4", quantity=1, serials=["S4"], to_zone_id=p2)
    assert (await desk.at("available", zone_id=p1), await desk.at("available", zone_id=p2)) == (3, 1)

    await desk.block("S1")  # 6
    assert await desk.books() == (4, 0, 0, 4, 1, 3)
    asked = {"variant_id": "VAR-4", "channel_code": "WEB"}
    assert refusal(await desk.ask("/reservation/create", **asked, quantity=4)) == SHORT  # 7
    a1 = await desk.reserve(3)  # 8
    assert await desk.books() == (1, 3, 0, 4, 1, 0)
    assert (await desk.at("reserved", zone_id=p1), await desk.at("reserved", zone_id=p2)) == (2, 1)
    await desk.block("S2")  # 9
    assert await desk.books() == (1, 3, 0, 4, 2, 0)
    await desk.receive(1, zone_id=p2, serials=["S5"])  # 10
    assert await desk.books() == (2, 3, 0, 5, 2, 0)

    promise = {"reservation_id": a1["reservation_id"], "expected_revision": 1, "order_ref": "O-1"}
    c1 = (await desk.do("/commit/create", **promise))["commit"]  # 11
    assert refusal(await desk.pick(c1, "S2")) == ("ics.conflict_state", "unsellable")
    assert await desk.books() == (2, 0, 3, 5, 2, 0)

    c1 = (await desk.pick(c1, "S4", "S5")).data["commit"]  # 12
    assert (c1["open"], c1["picked"]) == (1, 2)
    assert (await desk.at("committed", zone_id=p1, stage="open"), await desk.at("available", zone_id=p1)) == (1, 2)
    assert await desk.books() == (2, 0, 3, 5, 2, 0)
    assert refusal(await desk.pick(c1, "S3", zone_id=p2)) == ("ics.conflict_state", "elsewhere")  # 13

    c1 = (await desk.pick(c1, "S3")).data["commit"]  # 14
    step = {"commit_id": c1["commit_id"], "quantity": 3}
    await desk.do("/pack/record", **step, expected_revision=c1["revision"])
    await desk.do("/ship/record", **step, expected_revision=c1["revision"] + 1)
    assert [(await desk.serial(each))["status"] for each in ("S3", "S4", "S5")] == ["shipped"] * 3
    assert await desk.books() == (2, 0, 0, 2, 2, 0)

    await count(desk, p1)  # 15
    assert await desk.books() == (2, 0, 0, 2, 1, 1)
    await desk.block("S1", blocked=False)  # 16
    assert await desk.books() == (2, 0, 0, 2, 0, 2)


async def count(desk: Desk, zone_id: str) -> None:
    """Row 15: S1 and S6 are seen, S2 is not."""
    made = (await desk.do("/count/create", lines=[{"variant_id": "VAR-4", "zone_id": zone_id}]))["count"]
    named = {"count_id": made["count_id"]}
    unnamed = await desk.ask("/count/submit", **named, expected_revision=1, lines=[{"line_no": 1, "counted": 2}])
    assert (unnamed.status, list(unnamed.problems)) == (400, ["lines.0.serials"])
    seen = [{"line_no": 1, "counted": 2, "serials": ["S1", "S6"]}]
    submitted = (await desk.do("/count/submit", **named, expected_revision=1, lines=seen))["count"]
    (line,) = submitted["lines"]
    assert (line["expected"], line["variance"], line["within_tolerance"]) == (2, 0, False)
    assert (line["serials_found"], line["serials_missing"]) == (["S6"], ["S2"])
    desk.ics.events.clear()
    approved = (await desk.do("/count/approve", **named, expected_revision=2))["count"]
    told = ["ics.count.approved", "ics.serial.registered", "ics.serial.found", "ics.serial.missing"]
    assert desk.ics.events == told
    entries = [entry for entry in await desk.cards(kind="count") if entry["entry_id"] in approved["entry_ids"]]
    assert sorted((entry["serials"], entry["from_account"]["external"]) for entry in entries) == [
        (["S2"], None),
        (["S6"], "adjustment"),
    ]
    found = await desk.serial("S6")
    assert (found["status"], found["zone_id"]) == ("in_stock", zone_id)
    assert (await desk.serial("S2"))["status"] == "missing"

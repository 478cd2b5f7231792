"""Transfers through the endpoints: who may, in which order things are refused, lots, serials and what others see."""

from typing import Any

from chassis.clock import FixedClock
from chassis.testing.client import ServiceClient, TestAnswer
from tests.ics.floor import Floor
from tests.ics.given import an_id


class Lane:
    """From FAC-A to FAC-B, worked on through the endpoints."""

    def __init__(self, ics: ServiceClient, variant_id: str = "V") -> None:
        self.ics = ics
        self.here = Floor(ics, variant_id)
        self.there = Floor(ics.in_facility("FAC-B"), variant_id)

    async def approved(self, **lines: int) -> Any:
        """A transfer of the given number of units of each variant, ready to be shipped."""
        asked = [{"variant_id": variant, "quantity": units} for variant, units in lines.items()]
        between = {"from_logical_guid": "FAC-A", "to_logical_guid": "FAC-B"}
        transfer = (await self.here.do("/transfer/request/create", **between, lines=asked))["transfer"]
        for step in ("submit", "approve"):
            transfer = await self.step(transfer, step)
        return transfer

    async def step(self, transfer: Any, word: str, **body: Any) -> Any:
        named = {"transfer_id": transfer["transfer_id"], "expected_revision": transfer["revision"]}
        return (await self.here.do(f"/transfer/request/{word}", **named, **body))["transfer"]

    async def try_ship(self, transfer: Any, *lines: Any, **body: Any) -> TestAnswer:
        named = {"transfer_id": transfer["transfer_id"], "expected_revision": transfer["revision"]}
        return await self.here.ask("/transfer/shipment/record", **named, **body, **({"lines": lines} if lines else {}))

    async def try_receive(self, shipment: Any, *lines: Any, **body: Any) -> TestAnswer:
        named = {"shipment_id": shipment["shipment_id"], "expected_revision": shipment["revision"]}
        return await self.there.ask(
            "/transfer/shipment/receive", **named, **body, **({"lines": lines} if lines else {})
        )

    async def ship(self, transfer: Any, *lines: Any, **body: Any) -> tuple[Any, Any]:
        """The shipment, and its transfer, after the change."""
        return both(await self.try_ship(transfer, *lines, **body))

    async def receive(self, shipment: Any, *lines: Any, **body: Any) -> tuple[Any, Any]:
        return both(await self.try_receive(shipment, *lines, **body))


def both(answer: TestAnswer) -> tuple[Any, Any]:
    assert answer.status == 200, answer
    return answer.data["shipment"], answer.data["transfer"]


def refused(answer: TestAnswer) -> tuple[int, str]:
    return answer.status, answer.error_code


STATE = (409, "ics.conflict_state")
SHORT = (409, "ics.insufficient_stock")


async def test_drafts_are_of_two_facilities_and_name_a_variant_once(ics: ServiceClient) -> None:
    line = {"variant_id": "V", "quantity": 1}
    same = {"from_logical_guid": "FAC-A", "to_logical_guid": "FAC-A", "lines": [line, line]}
    answer = await ics.post("/transfer/request/create", **same)
    assert (answer.status, set(answer.problems)) == (400, {"to_logical_guid", "lines.1.variant_id"})

    good = {"from_logical_guid": "FAC-A", "to_logical_guid": "FAC-B", "lines": [line], "code": "t-1"}
    first = await ics.plain.post("/transfer/request/create", **good)
    again = await ics.post("/transfer/request/create", **good)
    assert first.data["transfer"]["code"] == "T-1"
    assert (refused(again), ics.events) == ((409, "ics.conflict"), ["ics.transfer.created"])


async def test_only_who_approves_transfers_decides_on_them(ics: ServiceClient) -> None:
    lane = Lane(ics.with_roles("ics_planner"))
    line = {"variant_id": "V", "quantity": 4}
    between = {"from_logical_guid": "FAC-A", "to_logical_guid": "FAC-B"}
    draft = (await lane.here.do("/transfer/request/create", **between, lines=[line]))["transfer"]
    transfer = await lane.step(draft, "submit", note="please")
    named = {"transfer_id": transfer["transfer_id"], "expected_revision": 2}
    assert (await lane.here.ask("/transfer/request/approve", **named)).status == 403
    chief = Floor(ics.with_roles("ics_transfer_approve"), "V")
    for body, path in (
        ({"decision": "reject"}, "note"),
        ({"decision": "reject", "note": "no", "lines": [{"line_no": 1, "approved": 1}]}, "lines"),
        ({"lines": [{"line_no": 1, "approved": 0}]}, "lines"),
        ({"lines": [{"line_no": 2, "approved": 1}]}, "lines.0.line_no"),
        ({"lines": [{"line_no": 1, "approved": 1}] * 2}, "lines.1.line_no"),
        ({"lines": [{"line_no": 1, "approved": 5}]}, "lines.0.approved"),
    ):
        answer = await chief.ask("/transfer/request/approve", **named, **body)
        assert (answer.status, set(answer.problems)) == (400, {path}), body
    cut = [{"line_no": 1, "approved": 3}]
    approved = (await chief.do("/transfer/request/approve", **named, lines=cut, note="three"))["transfer"]
    assert (approved["status"], approved["lines"][0]["approved"], approved["decision_note"]) == ("approved", 3, "three")
    assert refused(await chief.ask("/transfer/request/approve", **named | {"expected_revision": 3})) == STATE


async def test_shipments_are_recorded_at_the_origin_and_received_at_the_destination(ics: ServiceClient) -> None:
    lane = Lane(ics)
    await lane.here.stocked(10)
    transfer = await lane.approved(V=10)
    named = {"transfer_id": transfer["transfer_id"]}
    assert (await lane.there.ask("/transfer/shipment/record", **named, expected_revision=3)).status == 404
    missing = await lane.here.ask("/transfer/shipment/record", **named)
    assert (missing.status, missing.details) == (428, {"current_revision": 3})
    ics.events.clear()
    shipment, transfer = await lane.ship(transfer, carrier="DHL")
    assert ics.events == ["ics.shipment.recorded", "ics.stock.changed", "ics.stock.changed"]
    assert (shipment["status"], shipment["lines"][0]["outstanding"], transfer["revision"]) == ("in_transit", 10, 4)
    assert transfer["shipment_ids"] == [shipment["shipment_id"]]
    held = {"held_by_type": "shipment", "held_by_id": shipment["shipment_id"], "zone_id": None}
    assert await lane.there.at("in_transit", **held) == 10

    arrival = {"shipment_id": shipment["shipment_id"], "expected_revision": 1}
    assert (await lane.here.ask("/transfer/shipment/receive", **arrival)).status == 404
    ics.events.clear()
    shipment, transfer = await lane.receive(shipment)
    assert ics.events == ["ics.shipment.received", "ics.transfer.completed", "ics.stock.changed"]
    assert (shipment["status"], transfer["status"], transfer["lines"][0]["received"]) == ("received", "completed", 10)
    assert shipment["received_utc"] is not None
    assert refused(await lane.try_receive(shipment)) == STATE
    assert refused(await lane.try_ship(transfer)) == STATE
    got = await lane.here.do("/transfer/shipment/get", shipment_id=shipment["shipment_id"])
    assert got == {"shipment": shipment, "transfer": transfer}


async def test_no_more_is_shipped_than_is_approved_and_there(ics: ServiceClient) -> None:
    lane = Lane(ics)
    await lane.here.policy(qc="skip", safety_stock=9)
    await lane.here.stocked(6)
    transfer = await lane.approved(V=8)
    line = {"transfer_line_no": 1, "quantity": 5}
    assert refused(await lane.try_ship(transfer, line, {**line, "quantity": 4})) == STATE
    short = await lane.try_ship(transfer, {**line, "quantity": 7})
    assert refused(short) == SHORT
    assert short.details["shortages"] == [
        {"logical_guid": "FAC-A", "variant_id": "V", "bucket": "available", "requested": 7, "available": 6}
    ]
    strange = await lane.try_ship(transfer, {"transfer_line_no": 2, "quantity": 1})
    assert (strange.status, set(strange.problems)) == (400, {"lines.0.transfer_line_no"})
    nowhere = await lane.try_ship(transfer, {**line, "zone_id": an_id()})
    assert (nowhere.status, set(nowhere.problems)) == (400, {"lines.0.zone_id"})
    # Safety stock does not bind a transfer.
    _, transfer = await lane.ship(transfer, line, final=True)
    assert (transfer["final"], await lane.here.totals()) == (True, (1, 0, 0, 0, 0, 0, 0, 1))
    assert refused(await lane.try_ship(transfer, {**line, "quantity": 1})) == STATE


async def test_a_final_shipment_completes_a_transfer_that_was_not_shipped_whole(ics: ServiceClient) -> None:
    lane = Lane(ics)
    await lane.here.stocked(6)
    transfer = await lane.approved(V=6)
    first, transfer = await lane.ship(transfer, {"transfer_line_no": 1, "quantity": 2})
    second, transfer = await lane.ship(transfer, {"transfer_line_no": 1, "quantity": 1}, final=True)
    _, transfer = await lane.receive(second)
    assert transfer["status"] == "in_progress"
    _, transfer = await lane.receive(first, {"line_no": 1, "outcome": "missing", "quantity": 2})
    assert (transfer["status"], transfer["lines"][0]["missing"]) == ("completed", 2)
    assert await lane.there.external("adjustment") == 2


async def test_what_arrives_goes_where_it_is_put_and_what_never_did_goes_nowhere(ics: ServiceClient) -> None:
    lane = Lane(ics)
    zone = (await lane.there.do("/zone/create", code="Z"))["zone"]["zone_id"]
    small = (await lane.there.do("/bin/create", zone_id=zone, code="B", capacity=2))["bin"]["bin_id"]
    await lane.here.stocked(5)
    shipment, _ = await lane.ship(await lane.approved(V=5))
    line = {"line_no": 1, "outcome": "accepted", "quantity": 3}
    lost = await lane.try_receive(shipment, {**line, "outcome": "missing", "zone_id": zone, "bin_id": small})
    assert (lost.status, set(lost.problems)) == (400, {"lines.0.zone_id", "lines.0.bin_id"})
    assert refused(await lane.try_receive(shipment, {**line, "bin_id": small})) == STATE
    assert refused(await lane.try_receive(shipment, line, line)) == STATE
    strange = await lane.try_receive(shipment, {**line, "line_no": 2})
    assert (strange.status, set(strange.problems)) == (400, {"lines.0.line_no"})
    await lane.there.do("/zone/create", code="Y")
    into = {**line, "quantity": 2, "bin_id": small}
    shipment, _ = await lane.receive(shipment, into, {**line, "outcome": "damaged", "quantity": 1}, note="as seen")
    assert (shipment["status"], shipment["lines"][0]["outstanding"]) == ("partially_received", 2)
    assert (await lane.there.at("available", bin_id=small), await lane.there.at("damaged", zone_id=None)) == (2, 1)


async def test_lots_travel_along_and_unsellable_ones_only_when_named(ics: ServiceClient) -> None:
    lane = Lane(ics)
    await lane.here.stocked(3, lot_code="L-A", expiry_date="2031-01-01")
    await lane.here.stocked(4, lot_code="OLD", expiry_date="2020-01-01")
    await lane.here.stocked(2)
    transfer = await lane.approved(V=9)
    assert refused(await lane.try_ship(transfer)) == SHORT
    shipment, transfer = await lane.ship(transfer, {"transfer_line_no": 1, "quantity": 5})
    assert [(line["lot_code"], line["quantity"]) for line in shipment["lines"]] == [("L-A", 3), (None, 2)]
    assert await lane.there.at("in_transit", lot_code="L-A") == 3
    old, transfer = await lane.ship(transfer, {"transfer_line_no": 1, "quantity": 4, "lot_code": "OLD"})
    assert await lane.there.at("in_transit", lot_code="OLD") == 4
    await lane.receive(old)
    assert await lane.there.promisable() == 0
    await lane.receive(shipment)
    assert await lane.there.promisable() == 5
    assert await lane.there.at("available", lot_code="L-A") == 3


async def test_serials_travel_along_and_are_received_or_missing(ics: ServiceClient) -> None:
    lane = Lane(ics)
    await lane.here.policy(qc="skip", tracking="serial")
    await lane.here.stocked(4, serials=["S1", "S2", "S3", "S4"])
    transfer = await lane.approved(V=4)
    unnamed = await lane.try_ship(transfer, {"transfer_line_no": 1, "quantity": 1})
    assert (unnamed.status, set(unnamed.problems)) == (400, {"lines.0.serials"})
    wrong = await lane.try_ship(transfer, {"transfer_line_no": 1, "quantity": 1, "serials": ["S9"]})
    assert refused(wrong) == STATE
    shipment, _ = await lane.ship(transfer, {"transfer_line_no": 1, "quantity": 3, "serials": ["S3", "S1", "S2"]})
    assert sorted(shipment["lines"][0]["serials"]) == ["S1", "S2", "S3"]
    assert await whereabouts(lane, "S1") == ("in_transit", "FAC-B", shipment["shipment_id"])

    line = {"line_no": 1, "quantity": 1}
    stranger = await lane.try_receive(shipment, {**line, "outcome": "accepted", "serials": ["S4"]})
    assert refused(stranger) == STATE
    shipment, _ = await lane.receive(shipment, {**line, "outcome": "missing", "serials": ["S2"]})
    await lane.receive(shipment)
    assert await whereabouts(lane, "S2") == ("adjustment", None, None)
    for number in ("S1", "S3"):
        assert await whereabouts(lane, number) == ("available", "FAC-B", None)
    assert await whereabouts(lane, "S4") == ("available", "FAC-A", None)


async def whereabouts(lane: Lane, serial_no: str) -> tuple[str, str | None, str | None]:
    """The account the last entry naming a serial put it in: what, where and in whose name."""
    cards = await lane.ics.plain.post("/stock/card/list", serial_no=serial_no, limit=1)
    (entry,) = cards.data["items"]
    account = entry["to_account"]
    return account["external"] or account["bucket"], account["logical_guid"], account["held_by_id"]


async def test_units_adjusted_away_on_their_way_are_missing_in_shipment_and_transfer(ics: ServiceClient) -> None:
    lane = Lane(ics)
    await lane.here.stocked(5)
    shipment, transfer = await lane.ship(await lane.approved(V=5))
    gone = {"variant_id": "V", "from_bucket": "in_transit", "reason_code": "loss"}
    await lane.there.do("/adjustment/create", **gone, delta=-2, held_by_id=shipment["shipment_id"])
    got = await lane.here.do("/transfer/shipment/get", shipment_id=shipment["shipment_id"])
    line, whole = got["shipment"]["lines"][0], got["transfer"]["lines"][0]
    assert (line["missing"], line["outstanding"], got["shipment"]["status"]) == (2, 3, "partially_received")
    assert (whole["missing"], whole["in_transit"], whole["shipped"]) == (2, 3, 5)
    assert (got["shipment"]["revision"], got["transfer"]["revision"]) == (2, transfer["revision"] + 1)
    await lane.there.do("/adjustment/create", **gone, delta=-3)
    got = await lane.here.do("/transfer/shipment/get", shipment_id=shipment["shipment_id"])
    assert (got["shipment"]["status"], got["transfer"]["status"]) == ("received", "completed")


async def test_only_what_is_expected_in_time_is_inbound(ics: ServiceClient) -> None:
    lane = Lane(ics)
    await lane.here.stocked(9)
    transfer = await lane.approved(V=9)
    for units, day in ((2, "2026-04-01"), (3, "2026-04-02"), (4, None)):
        line = {"transfer_line_no": 1, "quantity": units}
        _, transfer = await lane.ship(transfer, line, **({"expected_date": day} if day else {}))

    async def inbound(**asked: Any) -> int:
        answer = await lane.there.do("/atp/query", variant_ids=["V"], **asked)
        return int(answer["items"][0]["facilities"][0]["inbound"])

    assert [await inbound(by_date=f"2026-{day}") for day in ("03-31", "04-01", "04-02", "12-31")] == [0, 2, 5, 5]
    assert await inbound() == 0


async def test_lists_find_transfers_and_shipments_by_what_they_name(ics: ServiceClient) -> None:
    lane = Lane(ics)
    await lane.here.stocked(4)
    first = await lane.approved(V=4)
    second = await lane.approved(W=1)
    shipment, first = await lane.ship(first, expected_date="2026-04-01")

    async def listed(**filters: Any) -> list[str]:
        page = await lane.here.do("/transfer/request/list", **filters)
        assert page["count"] == len(page["items"])
        return [item["transfer_id"] for item in page["items"]]

    newest = [second["transfer_id"], first["transfer_id"]]
    assert await listed() == newest
    assert await listed(from_logical_guid="FAC-A") == await listed(to_logical_guid="FAC-B") == newest
    assert await listed(from_logical_guid="FAC-A", to_logical_guid="FAC-B", status="approved") == newest[:1]
    assert await listed(variant_id="V", status="in_progress") == newest[1:]
    assert await listed(code="NONE") == await listed(status="draft", to_logical_guid="FAC-B") == []
    page = await lane.here.do("/transfer/request/list", limit=1)
    assert await listed(limit=1, next_token=page["next_token"]) == newest[1:]

    for filters, found in (
        ({}, 1),
        ({"transfer_id": first["transfer_id"], "status": "in_transit"}, 1),
        ({"transfer_id": second["transfer_id"]}, 0),
        ({"from_logical_guid": "FAC-A", "to_logical_guid": "FAC-B"}, 1),
        ({"to_logical_guid": "FAC-B", "expected_by": "2026-03-31"}, 0),
        ({"to_logical_guid": "FAC-B", "expected_by": "2026-04-01"}, 1),
        ({"from_logical_guid": "FAC-B"}, 0),
        ({"status": "received"}, 0),
    ):
        page = await lane.here.do("/transfer/shipment/list", **filters)
        assert [item["shipment_id"] for item in page["items"]] == [shipment["shipment_id"]] * found, filters


async def test_a_report_adds_up_what_became_of_transfers(ics: ServiceClient, clock: FixedClock) -> None:
    lane = Lane(ics)
    since = clock.now()
    await lane.here.stocked(10)
    shipment, _ = await lane.ship(await lane.approved(V=10))
    await lane.approved(V=2, W=3)
    clock.advance(5400)
    lines = [{"line_no": 1, "outcome": word, "quantity": units} for word, units in (("accepted", 9), ("damaged", 1))]
    await lane.receive(shipment, *lines)
    report = await lane.here.do("/transfer/report", variant_id="V")
    row = report["rows"][0]
    assert (row["key"], row["transfers"], row["shipments"], row["requested"]) == ("FAC-A>FAC-B", 2, 1, 12)
    assert (row["received"], row["damaged"], row["loss_percent"]) == (9, 1, "10.0000")
    assert row["average_transit_hours"] == "1.5000"
    by_status = await lane.here.do("/transfer/report", group_by="status", to_logical_guid="FAC-B")
    assert [(each["key"], each["requested"]) for each in by_status["rows"]] == [("approved", 5), ("completed", 10)]
    before = await lane.here.do("/transfer/report", to_utc=since, from_logical_guid="FAC-A")
    assert (before["rows"], before["total"]["transfers"]) == ([], 0)
    from_then = await lane.here.do("/transfer/report", from_utc=since)
    assert (from_then["total"]["transfers"], from_then["total"]["requested"]) == (2, 15)
    assert set((await lane.here.ask("/transfer/report", to_utc=since, from_utc=since)).problems) == {"to_utc"}


async def test_a_suggestion_weighs_what_was_shipped_in_the_28_days_ending_yesterday(
    ics: ServiceClient, clock: FixedClock
) -> None:
    lane = Lane(ics)
    await lane.there.stocked(14)
    await ship_out(lane.there, 14)
    await lane.here.stocked(20)
    today = await lane.here.do("/transfer/suggest", variant_ids=["V"])
    assert today["items"] == []
    clock.advance(86_400)
    found = await lane.here.do("/transfer/suggest", variant_ids=["V"])
    assert found["items"] == [
        {"variant_id": "V", "from_logical_guid": "FAC-A", "to_logical_guid": "FAC-B", "quantity": 7}
    ]
    here, there = found["considered"]
    assert (here["surplus"], there["deficit"], there["target"], there["average_daily"]) == (20, 7, 7, "0.5000")
    longer = await lane.here.do("/transfer/suggest", variant_ids=["V", "V"], target_days=28)
    assert [item["quantity"] for item in longer["items"]] == [14]
    await lane.ship(await lane.approved(V=5))
    rest = await lane.here.do("/transfer/suggest", variant_ids=["V"], logical_guids=["FAC-B", "FAC-A"])
    assert ([item["quantity"] for item in rest["items"]], rest["considered"][1]["inbound"]) == ([2], 5)
    clock.advance(28 * 86_400)
    assert (await lane.here.do("/transfer/suggest", variant_ids=["V"]))["items"] == []


async def ship_out(floor: Floor, quantity: int) -> None:
    """Ship units to a customer."""
    commit = await floor.commit(quantity)
    named = {"commit_id": commit["commit_id"], "expected_revision": 1}
    await floor.do("/ship/record", **named, quantity=quantity, from_stage="open")


async def test_a_stranger_finds_no_transfer(ics: ServiceClient) -> None:
    """Invariant 17: an id of another org is not there, also for who is in both and names the wrong one."""
    lane = Lane(ics)
    await lane.here.stocked(1)
    shipment, transfer = await lane.ship(await lane.approved(V=1))
    other = Lane(ics.as_caller(orgcode="OTHERORG1"))
    for path, body in (
        ("/transfer/request/get", {"transfer_id": transfer["transfer_id"]}),
        ("/transfer/shipment/get", {"shipment_id": shipment["shipment_id"]}),
    ):
        theirs, unknown = await other.here.ask(path, **body), await other.here.ask(path, **dict.fromkeys(body, an_id()))
        assert theirs.status == 404
        assert theirs.error == unknown.error
    assert (
        refused(await other.try_receive(shipment)) == refused(await other.try_ship(transfer)) == (404, "ics.not_found")
    )
    listed = await other.here.do("/transfer/shipment/list", transfer_id=transfer["transfer_id"])
    assert listed["items"] == []

from typing import Any

import pytest

from chassis.clock import FixedClock
from chassis.testing.client import ServiceClient
from tests.ics.floor import Floor
from tests.ics.given import an_id

GTIN = "09506000134352"
UDI = f"(01){GTIN}(17)310630(10)L-A(21)SN1"


async def register(ics: ServiceClient, **given: Any) -> dict[str, Any]:
    answer = await ics.plain.post("/serial/register", **({"variant_id": "VAR-1"} | given))
    assert answer.status == 200, answer
    assert answer.data["life"] is None
    made: dict[str, Any] = answer.data["serial"]
    return made


async def test_a_udi_fills_what_a_unit_is_registered_with(ics: ServiceClient) -> None:
    made = await register(ics, udi=UDI, gtin="9506000134352", attributes={"colour": "red"})

    assert (made["serial_no"], made["lot_code"], made["gtin"]) == ("SN1", "L-A", "09506000134352")
    assert (made["expiry_date"], made["status"], made["on_hand"]) == ("2031-06-30", "registered", 0)
    got = (await ics.plain.post("/serial/get", serial_id=made["serial_id"])).data
    assert got == {"serial": made, "life": None}
    assert ics.events == ["ics.serial.registered"]


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({}, "serial_no"),
        ({"kind": "batch"}, "lot_code"),
        ({"kind": "batch", "lot_code": "L-A", "serial_no": "S"}, "serial_no"),
        ({"serial_no": "S", "gtin": "09506000134353"}, "gtin"),
        ({"serial_no": "S", "udi": UDI}, "serial_no"),
        ({"udi": "(10)L-A"}, "udi"),
    ],
)
async def test_what_does_not_make_a_unit_is_refused_by_name(
    ics: ServiceClient, said: dict[str, Any], field: str
) -> None:
    answer = await ics.post("/serial/register", variant_id="VAR-1", **said)
    assert (answer.status, list(answer.problems)) == (400, [field])


async def test_a_number_is_known_once_for_a_variant(ics: ServiceClient) -> None:
    for said in ({"serial_no": "L-A"}, {"kind": "batch", "lot_code": "L-A"}):
        await register(ics, **said)
        again = await ics.post("/serial/register", variant_id="VAR-1", **said)
        assert (again.status, again.error_code) == (409, "ics.conflict")
        await register(ics, variant_id="VAR-2", **said)


async def test_units_are_looked_up_by_what_is_printed_on_them(ics: ServiceClient) -> None:
    unit = await register(ics, udi=UDI)
    batch = await register(ics, kind="batch", lot_code="L-A", gtin="9506000134352")
    other = await register(ics, variant_id="VAR-2", serial_no="SN1")

    async def looked_up(path: str = "/serial/lookup", **asked: Any) -> list[str]:
        data = (await ics.plain.post(path, **asked)).data
        assert data["count"] == len(data["items"])
        return [item["serial_id"] for item in data["items"]]

    ids = [each["serial_id"] for each in (other, batch, unit)]
    assert await looked_up(serial_no="SN1") == [ids[0], ids[2]]
    assert await looked_up(lot_code="L-A") == [ids[1], ids[2]]
    assert await looked_up(gtin=GTIN, lot_code="L-A", variant_id="VAR-1") == [ids[1], ids[2]]
    assert await looked_up(gtin="9506000134352", serial_no="SN1") == [ids[2]]
    assert await looked_up(serial_no="nobody") == []
    assert await looked_up("/serial/lookup-udi", udi=UDI) == [ids[2]]
    assert await looked_up("/serial/lookup-udi", udi=f"(01){GTIN}(10)L-A") == [ids[1], ids[2]]
    missing = await ics.post("/serial/lookup", variant_id="VAR-1")
    assert (missing.status, list(missing.problems)) == (400, ["serial_no"])
    data = (await ics.post("/serial/lookup-udi", udi=UDI)).data
    assert data["udi"] == {
        "di": GTIN,
        "lot_code": "L-A",
        "serial_no": "SN1",
        "expiry_date": "2031-06-30",
        "manufacture_date": None,
    }


async def test_a_batch_is_in_stock_while_any_of_it_is_on_hand(ics: ServiceClient) -> None:
    floor = Floor(ics, "VAR-1")
    await floor.policy(qc="skip")
    await floor.stocked(4, lot_code="L-A")
    await register(ics, kind="batch", lot_code="L-B", expiry_date="2027-01-01")
    await floor.stocked(2, serials=["S1", "S2"])

    async def numbers(**asked: Any) -> list[str]:
        items = (await ics.plain.post("/serial/list", **asked)).data["items"]
        return [item["serial_no"] or item["lot_code"] for item in items]

    assert await numbers() == ["S2", "S1", "L-B", "L-A"]
    assert await numbers(status="in_stock") == ["S2", "S1", "L-A"]
    assert await numbers(status="in_stock", kind="batch") == ["L-A"]
    assert await numbers(status="in_stock", limit=1) == ["S2"]
    assert await numbers(status="registered") == ["L-B"]
    assert await numbers(status="shipped") == []
    assert await numbers(kind="serial", logical_guid="FAC-A") == ["S2", "S1"]
    assert await numbers(logical_guid="FAC-A") == ["S2", "S1", "L-A"]
    assert await numbers(kind="batch", logical_guid="FAC-A", status="in_stock") == ["L-A"]
    assert await numbers(logical_guid="FAC-A", status="registered") == []
    assert await numbers(logical_guid="FAC-B") == []
    assert await numbers(expires_by="2027-01-01") == ["L-B"]
    assert await numbers(blocked=True) == []
    (lot,) = (await ics.plain.post("/serial/list", lot_code="L-A")).data["items"]
    assert (lot["status"], lot["on_hand"]) == ("in_stock", 4)
    token = (await ics.plain.post("/serial/list", status="in_stock", limit=1)).data["next_token"]
    for other in ({"status": "registered"}, {"status": "in_stock", "logical_guid": "FAC-A"}, {}):
        answer = await ics.plain.post("/serial/list", **other, next_token=token)
        assert (answer.status, list(answer.problems)) == (400, ["next_token"]), other


async def test_a_block_has_a_reason_and_keeps_a_lot_from_being_promised(ics: ServiceClient) -> None:
    floor = Floor(ics, "VAR-1")
    await floor.policy(qc="skip")
    await floor.stocked(4, lot_code="L-A")
    (lot,) = (await ics.plain.post("/serial/list", lot_code="L-A")).data["items"]
    named = {"serial_id": lot["serial_id"]}

    for said, field in (({}, "serial_id"), ({"blocked": True}, "block_reason")):
        answer = await ics.post("/serial/update", **named, expected_revision=1, **said)
        assert (answer.status, list(answer.problems)) == (400, [field])
    recall: dict[str, Any] = {"blocked": True, "block_reason": "recalled", "attributes": {"recall": 7}}
    made = (await ics.post("/serial/update", **named, expected_revision=1, **recall)).data["serial"]
    assert (made["blocked"], made["block_reason"], made["attributes"]) == (True, "recalled", {"recall": 7})
    assert await floor.promisable(None) == 0
    freed = (await ics.post("/serial/update", **named, expected_revision=2, blocked=False)).data["serial"]
    assert (freed["blocked"], freed["block_reason"], freed["revision"]) == (False, None, 3)
    assert await floor.promisable(None) == 4
    assert ics.events[-1] == "ics.serial.updated"


async def life(ics: ServiceClient, **named: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    answer = await ics.plain.post("/serial/360", **named)
    assert answer.status == 200, answer
    return answer.data["serial"], answer.data["life"]


async def test_the_life_of_a_unit_goes_from_receipt_to_shipment(ics: ServiceClient, clock: FixedClock) -> None:
    floor = Floor(ics, "VAR-1")
    lines = [{"variant_id": "VAR-1", "quantity": 2, "serials": ["S1", "S2"]}]
    receipt = (await floor.do("/receive/record", lines=lines, source_ref="PO-7"))["receive"]
    received = clock.now()
    unit, so_far = await life(ics, variant_id="VAR-1", serial_no="S1")
    assert (unit["status"], so_far["accepted_utc"], so_far["days_in_stock"]) == ("quarantined", None, "0.0000")
    assert so_far["places"][0]["buckets"]["quarantine"] == 1
    accepted = clock.advance(3600)
    await floor.do("/qc/complete", receive_id=receipt["receive_id"], expected_revision=1)
    commit = await floor.commit(1, order_ref="O-7")
    step = {"commit_id": commit["commit_id"], "quantity": 1}
    await floor.do("/pick/record", **step, expected_revision=1, serials=["S1"])
    said = {"subject_type": "serial", "subject_id": unit["serial_id"]}
    for body in ("scratched", "polished"):
        await floor.do("/comment", **said, body=body)
    shipped = clock.advance(86_400)
    await floor.do("/ship/record", **step, expected_revision=2, from_stage="picked")
    clock.advance(86_400)

    unit, told = await life(ics, serial_id=unit["serial_id"])
    assert (unit["status"], told["places"]) == ("shipped", [])
    assert (told["received_utc"], told["accepted_utc"], told["shipped_utc"]) == (received, accepted, shipped)
    assert (told["source_ref"], told["order_ref"], told["days_in_stock"]) == ("PO-7", "O-7", "1.0417")
    assert [entry["kind"] for entry in told["history"]] == ["receive", "qc", "pick", "ship"]
    assert told["history"][-1]["entry_id"] == unit["last_entry_id"]
    assert [(each["document_type"], each["document_id"]) for each in told["documents"]] == [
        ("receive", receipt["receive_id"]),
        ("commit", commit["commit_id"]),
    ]
    assert [each["body"] for each in told["comments"]] == ["polished", "scratched"]


async def test_a_unit_is_where_its_last_entry_put_it_at_every_step(ics: ServiceClient) -> None:
    """Invariant 23: status and place follow from the last entry, and the history ends there."""
    floor = Floor(ics, "VAR-1")
    await floor.policy(qc="skip")
    zone = (await floor.do("/zone/create", code="A"))["zone"]["zone_id"]
    await floor.stocked(1, serials=["S1"])
    moves: list[tuple[str, dict[str, Any]]] = [
        ("/putaway/record", {"quantity": 1, "to_zone_id": zone, "serials": ["S1"]}),
        ("/stock/transition", {"from_bucket": "available", "to_bucket": "damaged", "quantity": 1, "serials": ["S1"]}),
        ("/stock/transition", {"from_bucket": "damaged", "to_bucket": "available", "quantity": 1, "serials": ["S1"]}),
        ("/adjustment/create", {"delta": -1, "reason_code": "loss", "serials": ["S1"]}),
        ("/adjustment/create", {"delta": 1, "reason_code": "found", "serials": ["S1"], "zone_id": zone}),
    ]
    expected = {"available": "in_stock", "damaged": "damaged", None: "missing"}
    steps: list[int] = []
    for path, body in moves:
        await floor.do(path, variant_id="VAR-1", **body)
        unit, told = await life(ics, variant_id="VAR-1", serial_no="S1")
        last = told["history"][-1]
        steps.append(len(told["history"]))
        there = last["to_account"]
        assert last["entry_id"] == unit["last_entry_id"]
        assert unit["status"] == expected[there["bucket"]]
        assert (unit["logical_guid"], unit["zone_id"]) == (there["logical_guid"], there["zone_id"])
        assert sum(sum(place["buckets"].values()) for place in told["places"]) == unit["on_hand"]
    assert steps == list(range(2, len(moves) + 2))


async def test_the_life_of_a_lot_is_every_entry_of_it_and_where_its_units_are(ics: ServiceClient) -> None:
    here, there = Floor(ics, "VAR-1"), Floor(ics.in_facility("FAC-B"), "VAR-1")
    await here.policy(qc="skip")
    await here.stocked(5, lot_code="L-A")
    await here.stocked(9, lot_code="L-B")
    await there.stocked(2, lot_code="L-A")
    await Floor(ics, "VAR-2").receive(1, lot_code="L-A")
    await here.send(3, "FAC-C")

    unit, told = await life(ics, variant_id="VAR-1", lot_code="L-A")
    assert (unit["status"], unit["on_hand"]) == ("in_stock", 4)
    assert [entry["kind"] for entry in told["history"]] == ["receive", "receive", "qc", "transfer_ship"]
    assert {
        place["logical_guid"]: {bucket: many for bucket, many in place["buckets"].items() if many}
        for place in told["places"]
    } == {"FAC-A": {"available": 2}, "FAC-B": {"available": 2}, "FAC-C": {"in_transit": 3}}
    assert (told["shipped_utc"], told["order_ref"]) == (None, None)


async def test_what_names_no_one_unit_is_refused(ics: ServiceClient) -> None:
    for body in (
        {},
        {"variant_id": "VAR-1"},
        {"serial_no": "S1"},
        {"variant_id": "VAR-1", "serial_no": "S1", "lot_code": "L-A"},
        {"serial_id": an_id(), "serial_no": "S1"},
    ):
        assert (await ics.post("/serial/360", **body)).status == 400, body
    for body in ({"serial_id": an_id()}, {"variant_id": "VAR-1", "serial_no": "S1"}):
        assert (await ics.post("/serial/360", **body)).status == 404, body


async def test_a_unit_nothing_has_happened_to_has_a_life_all_the_same(ics: ServiceClient) -> None:
    unit, told = await life(ics, serial_id=(await register(ics, serial_no="S1"))["serial_id"])
    assert told["registered_utc"] == unit["created_utc"]
    assert (told["received_utc"], told["days_in_stock"]) == (None, None)
    assert (told["places"], told["documents"], told["history"], told["comments"]) == ([], [], [], [])

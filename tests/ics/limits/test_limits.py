"""Every call of ICS with each of its lists at the contract's maximum: answered, never a defect, the books right.

What was asked is held against the contract's file: a list that no call of this day has at its maximum fails the test.
The times are printed (`-s`), never asserted.
"""

import asyncio
import sys
from typing import Any

from chassis.testing.client import ServiceClient
from tests.holding import collecting_as_in_a_service
from tests.ics.crowd.test_every_change import check_books
from tests.ics.given import FACILITY
from tests.ics.limits.asking import LimitsCaller
from tests.ics.limits.declared import CALL_SERIALS_MAX, list_fields
from tests.ics.world import OTHER_FACILITY, World, make_world

LINES = 200
SERIALS = 500
SERIAL_LINES = CALL_SERIALS_MAX // SERIALS
MONEY = {"amount": "1.00", "currency": "EUR"}
FACILITIES = [FACILITY, OTHER_FACILITY, *(f"FAC-{number:02}" for number in range(48))]


def variants(number: int, name: str = "LIM") -> list[str]:
    """Ids of the given number of variants."""
    return [f"{name}-{place:04}" for place in range(number)]


async def import_lines(caller: LimitsCaller) -> None:
    """Units of a thousand variants, and serials of a few."""
    lines: list[dict[str, Any]] = [{"variant_id": one, "delta": 20} for one in variants(1_000)]
    await caller.do("/adjustment/import", reason_code="found", lines=lines)
    numbered = [
        {"variant_id": one, "delta": SERIALS, "serials": caller.serials(SERIALS)}
        for one in variants(SERIAL_LINES, "NUM")
    ]
    await caller.do("/adjustment/import", reason_code="found", lines=numbered)


async def receive_and_inspect(caller: LimitsCaller) -> None:
    """A receipt with as many lines and serials as it may have, inspected line by line."""
    lines: list[dict[str, Any]] = [{"variant_id": one, "quantity": 5} for one in variants(LINES)]
    for line in lines[:SERIAL_LINES]:
        line |= {"quantity": SERIALS, "serials": caller.serials(SERIALS)}
    receive = (await caller.do("/receive/record", lines=lines))["receive"]
    results: list[dict[str, Any]] = [
        {"line_no": 1 + place, "outcome": "accepted", "quantity": SERIALS, "serials": lines[place]["serials"]}
        for place in range(SERIAL_LINES)
    ]
    results += [
        {"line_no": 1 + SERIAL_LINES + place % (LINES - SERIAL_LINES), "outcome": outcome, "quantity": 1}
        for place, outcome in zip(range(500 - SERIAL_LINES), ["accepted", "damaged", "rejected"] * 200, strict=False)
    ]
    await caller.do("/qc/complete", receive_id=receive["receive_id"], results=results)


async def handle_serials(caller: LimitsCaller, world: World) -> None:
    """As many serials as a call may name, on every way that units of one item take."""
    one = {"variant_id": "SER-1"}
    found = caller.serials(SERIALS)
    await caller.do("/adjustment/create", **one, delta=SERIALS, reason_code="found", serials=found)
    await caller.do(
        "/putaway/record", **one, quantity=SERIALS, to_bin_id=world.bin_id, to_zone_id=world.zone_id, serials=found
    )
    there = {"bin_id": world.bin_id, "serials": found}
    await caller.do("/stock/transition", **one, **there, from_bucket="available", to_bucket="damaged", quantity=SERIALS)
    await caller.do("/stock/transition", **one, **there, from_bucket="damaged", to_bucket="available", quantity=SERIALS)
    commit = (await caller.do("/commit/create-direct", **one, quantity=SERIALS, order_ref="O-1"))["commit"]
    about = {"commit_id": commit["commit_id"], "quantity": SERIALS, "serials": found}
    await caller.do("/pick/record", **about)
    await caller.do("/pack/record", **about)
    await caller.do("/commit/release", **about)
    again = (await caller.do("/commit/create-direct", **one, quantity=SERIALS, order_ref="O-2"))["commit"]
    await caller.do("/ship/record", commit_id=again["commit_id"], quantity=SERIALS, from_stage="open", serials=found)
    await caller.do("/adjustment/create", variant_id="SER-2", delta=SERIALS, reason_code="found")
    await caller.do("/serial/assign", variant_id="SER-2", serials=caller.serials(SERIALS))
    owned = caller.serials(SERIALS)
    goods = {"consignor_ref": "OWNER", "variant_id": "SER-3", "quantity": SERIALS, "unit_cost": MONEY}
    for last in ("consume", "settle"):
        consigned = (await caller.do("/consignment/receive", **goods, serials=owned))["consignment"]
        how = {"quantity": SERIALS} if last == "consume" else {"return_quantity": SERIALS}
        about = {"consignment_id": consigned["consignment_id"], "serials": owned, **how}
        await caller.do(f"/consignment/{last}", **about)
        owned = caller.serials(SERIALS)


async def transfer(caller: LimitsCaller) -> None:
    """A transfer of as many lines as it may have, sent and received line by line, and one of serials."""
    between = {"from_logical_guid": FACILITY, "to_logical_guid": OTHER_FACILITY}
    lines: list[dict[str, Any]] = [{"variant_id": one, "quantity": 3} for one in variants(LINES)]
    shipment = await sent(caller, between, lines, [{"transfer_line_no": line, "quantity": 3} for line in range(1, 201)])
    outcomes = ["accepted", "damaged", "missing"] * LINES
    received = [
        {"line_no": 1 + place % LINES, "outcome": outcomes[place // LINES], "quantity": 1} for place in range(500)
    ]
    there = {"shipment_id": shipment["shipment_id"], "logical_guid": OTHER_FACILITY}
    await caller.do("/transfer/shipment/receive", **there, lines=received)
    named = [caller.serials(SERIALS) for _ in range(SERIAL_LINES)]
    for one, serials in zip(variants(SERIAL_LINES, "SND"), named, strict=True):
        await caller.do("/adjustment/create", variant_id=one, delta=SERIALS, reason_code="found", serials=serials)
    lines = [{"variant_id": one, "quantity": SERIALS} for one in variants(SERIAL_LINES, "SND")]
    sending = [
        {"transfer_line_no": 1 + place, "quantity": SERIALS, "serials": serials} for place, serials in enumerate(named)
    ]
    shipment = await sent(caller, between, lines, sending)
    received = [
        {"line_no": 1 + place, "outcome": "accepted", "quantity": SERIALS, "serials": serials}
        for place, serials in enumerate(named)
    ]
    there = {"shipment_id": shipment["shipment_id"], "logical_guid": OTHER_FACILITY}
    await caller.do("/transfer/shipment/receive", **there, lines=received)


async def sent(caller: LimitsCaller, between: dict[str, str], lines: list[Any], sending: list[Any]) -> Any:
    """The shipment of a new transfer."""
    named = (await caller.do("/transfer/request/create", **between, lines=lines))["transfer"]
    about = {"transfer_id": named["transfer_id"]}
    await caller.do("/transfer/request/submit", **about)
    approved = [{"line_no": 1 + place, "approved": line["quantity"]} for place, line in enumerate(lines)]
    await caller.do("/transfer/request/approve", **about, lines=approved)
    return (await caller.do("/transfer/shipment/record", **about, lines=sending))["shipment"]


async def count(caller: LimitsCaller) -> None:
    """Counts of as many positions and serials as they may have, and a plan of as many places."""
    targets = [{"variant_id": one} for one in variants(500)]
    counting = (await caller.do("/count/create", lines=targets))["count"]
    about = {"count_id": counting["count_id"]}
    await caller.do("/count/submit", **about, lines=[{"line_no": line, "counted": 7} for line in range(1, 501)])
    await caller.do("/count/approve", **about)
    numbered = variants(SERIAL_LINES, "NUM")
    counting = (await caller.do("/count/create", lines=[{"variant_id": one} for one in numbered]))["count"]
    seen = [
        {"line_no": 1 + place, "counted": SERIALS, "serials": serials}
        for place, serials in enumerate([await in_stock(caller, one) for one in numbered])
    ]
    about = {"count_id": counting["count_id"]}
    await caller.do("/count/submit", **about, lines=seen)
    await caller.do("/count/approve", **about)


async def in_stock(caller: LimitsCaller, variant_id: str) -> list[str]:
    """The serials of a variant."""
    found: list[str] = []
    token: dict[str, str] = {}
    while True:
        page = await caller.do("/serial/list", variant_id=variant_id, limit=256, **token)
        found += [each["serial_no"] for each in page["items"]]
        if page["next_token"] is None:
            return found
        token = {"next_token": page["next_token"]}


async def plan(caller: LimitsCaller) -> None:
    """A count plan of as many zones, bins and variants as it may have, and a count by it."""
    post = caller.ics.post
    made = await asyncio.gather(*(post("/zone/create", code=f"Z-{number:02}") for number in range(50)))
    zones = [each.data["zone"]["zone_id"] for each in made]
    made = await asyncio.gather(
        *(post("/bin/create", zone_id=zones[number % 50], code=f"B-{number:03}") for number in range(200))
    )
    named = {"zone_ids": zones, "bin_ids": [each.data["bin"]["bin_id"] for each in made], "variant_ids": variants(500)}
    everything = (await caller.do("/count/plan/set", code="ALL", **named))["plan"]
    await caller.ask("/count/create", plan_id=everything["plan_id"])
    places = (await caller.do("/count/plan/set", code="PLACES", **named | {"variant_ids": []}))["plan"]
    await caller.ask("/count/create", plan_id=places["plan_id"])


async def look(caller: LimitsCaller) -> None:
    """What can be asked about many variants in many facilities at once."""
    fifty = [{"variant_id": one, "quantity": 3} for one in variants(50)]
    await caller.do("/atp/query", variant_ids=variants(100), logical_guids=FACILITIES)
    await caller.do("/stock/list", variant_ids=variants(100), limit=256)
    await caller.do("/allocation/suggest", lines=fifty, logical_guids=FACILITIES, channel_code="WEB")
    await caller.do("/transfer/suggest", variant_ids=variants(50), logical_guids=FACILITIES)
    await caller.do("/snapshot/create", variant_ids=variants(500))


async def test_every_call_is_answered_with_each_list_at_its_maximum(ics: ServiceClient) -> None:
    caller = LimitsCaller(ics, list_fields())
    try:
        with collecting_as_in_a_service():
            world = await make_world(caller.ask)
            await import_lines(caller)
            await handle_serials(caller, world)
            await transfer(caller)
            await receive_and_inspect(caller)
            await count(caller)
            await plan(caller)
            await look(caller)
    finally:
        sys.stdout.write(caller.report())
    assert caller.unasked() == []
    assert caller.refused_beyond == {each.path for each in list_fields() if each.of_a_call}
    await check_books(ics)

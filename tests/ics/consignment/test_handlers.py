"""Consignments through the endpoints: title, places, serials and lots, and who sees money."""

from typing import Any

import msgspec

from chassis.mongo.eventlog import EVENTS
from chassis.testing.client import ServiceClient
from tests.ics.floor import Floor

COST = {"amount": "4.50", "currency": "EUR"}


async def consigned(floor: Floor, quantity: int, **body: Any) -> Any:
    """Take goods of a consignor in; the consignment."""
    goods = {"consignor_ref": "CONSIGNOR", "variant_id": floor.variant_id, "unit_cost": COST}
    return (await floor.do("/consignment/receive", **goods, quantity=quantity, **body))["consignment"]


async def do(floor: Floor, step: str, consignment: Any, **body: Any) -> Any:
    """The next step of a consignment after the change."""
    named = {"consignment_id": consignment["consignment_id"], "expected_revision": consignment["revision"]}
    return (await floor.do(f"/consignment/{step}", **named, **body))["consignment"]


async def test_money_is_hidden_from_those_who_may_not_see_it_and_events_carry_it(ics: ServiceClient) -> None:
    operator = Floor(ics.with_roles("ics_operator"), "V")
    admin = Floor(ics.with_roles("ics_cost_admin"), "V")
    owner = Floor(ics.with_roles().as_caller(owner=True), "V")

    hidden = await consigned(operator, 3)
    shown = await do(owner, "consume", hidden, quantity=2)
    settled = await do(admin, "settle", shown, quantity=1)
    again = await do(operator, "consume", settled, quantity=1)

    assert (hidden["unit_cost"], hidden["settled_amount"], shown["unit_cost"]) == (None, None, COST)
    assert settled["settlements"][0]["amount"] == settled["settled_amount"] == {"amount": "4.50", "currency": "EUR"}
    assert (again["unit_cost"], again["settled_amount"], again["settlements"][0]["amount"]) == (None, None, None)
    log = ics.application.runtime.database.collection(EVENTS.collection)
    assert ics.caller is not None
    subject = {"orgcode": ics.caller.orgcode, "subject": hidden["consignment_id"]}
    told = [msgspec.json.decode(event["body"]) for event in await log.find(subject, sort=[("_id", 1)])]
    assert [body["consignment"]["unit_cost"] for body in told] == [COST] * 4
    assert told[2]["settlement"]["amount"] == COST


async def test_a_consignment_is_shown_as_the_holder_of_its_units_wherever_they_are_put(ics: ServiceClient) -> None:
    floor = Floor(ics, "V")
    zone = (await floor.do("/zone/create", code="Z"))["zone"]["zone_id"]
    consignment = await consigned(floor, 5)
    held = {"held_by_id": consignment["consignment_id"], "held_by_type": "consignment"}
    assert await floor.at("consignment", **held, zone_id=None) == 5

    await floor.do("/putaway/record", variant_id="V", quantity=3, bucket="consignment", to_zone_id=zone)
    assert await floor.at("consignment", **held, zone_id=zone) == 3
    stale = await floor.ask(
        "/consignment/consume", consignment_id=consignment["consignment_id"], expected_revision=1, quantity=1
    )
    assert (stale.status, stale.details) == (409, {"current_revision": 2})

    too_many = {"consignment_id": consignment["consignment_id"], "expected_revision": 2, "zone_id": zone}
    refused = await floor.ask("/consignment/consume", **too_many, quantity=4)
    assert (refused.status, refused.error_code) == (409, "ics.insufficient_stock")
    assert refused.details["shortages"] == [
        {"logical_guid": "FAC-A", "variant_id": "V", "bucket": "consignment", "requested": 4, "available": 3}
    ]
    await floor.do("/consignment/consume", **too_many, quantity=3)
    assert await floor.at("available", zone_id=zone) == 3
    assert await floor.at("consignment", **held, zone_id=None) == 2


async def test_what_is_adjusted_away_is_lost_to_the_consignment(ics: ServiceClient) -> None:
    floor = Floor(ics, "V")
    consignment = await consigned(floor, 5)
    await floor.do("/adjustment/create", variant_id="V", delta=-2, from_bucket="consignment", reason_code="loss")
    left = await do(floor, "consume", {**consignment, "revision": 2}, quantity=3)
    assert (left["lost"], left["on_hand"], left["consumed"], left["status"]) == (2, 0, 3, "consumed")
    assert (await do(floor, "settle", left, quantity=3))["status"] == "settled"


async def test_title_never_passes_before_it_is_consumed(ics: ServiceClient) -> None:
    """Invariant 22, and conservation: what came from the consignor is here, or went back."""
    floor = Floor(ics, "V")
    consignment = await consigned(floor, 6)
    assert (await floor.totals(), await floor.promisable()) == ((0, 0, 0, 6, 0, 0, 0, 6), 0)
    early = {"consignment_id": consignment["consignment_id"], "expected_revision": 1}
    refused = await floor.ask("/consignment/settle", **early, quantity=1)
    assert (refused.status, refused.error_code) == (409, "ics.conflict_state")
    refused = await floor.ask("/consignment/settle", **early, return_quantity=7)
    assert (refused.status, refused.error_code) == (409, "ics.insufficient_stock")
    assert set((await floor.ask("/consignment/settle", **early)).problems) == {"quantity"}

    consumed = await do(floor, "consume", consignment, quantity=4)
    both = await do(floor, "settle", consumed, quantity=3, return_quantity=1, settlement_ref="S-1")
    assert (both["settled"], both["returned"], both["on_hand"]) == (3, 1, 1)
    assert both["settled_amount"] == {"amount": "13.50", "currency": "EUR"}
    assert await floor.totals() == (4, 0, 0, 1, 0, 0, 0, 5)
    assert await floor.external("consignor") == -5


async def test_what_was_promised_beyond_stock_is_filled_by_what_is_consumed(ics: ServiceClient) -> None:
    floor = Floor(ics, "V")
    await floor.policy(qc="skip", backorder_limit=2)
    zone = (await floor.do("/zone/create", code="Z"))["zone"]["zone_id"]
    await floor.reserve(2)
    consignment = await consigned(floor, 3, zone_id=zone)
    await do(floor, "consume", consignment, quantity=3)
    assert await floor.at("reserved", zone_id=zone) == 2
    assert await floor.at("available") == 1


async def test_serials_are_consigned_then_in_stock_or_back_with_the_consignor(ics: ServiceClient) -> None:
    floor = Floor(ics, "V")
    await floor.policy(tracking="serial")
    refused = await floor.ask("/consignment/receive", consignor_ref="C", variant_id="V", quantity=1, unit_cost=COST)
    assert (refused.status, set(refused.problems)) == (400, {"serials"})
    consignment = await consigned(floor, 3, serials=["S3", "S1", "S2"])

    async def statuses() -> dict[str, tuple[str, Any]]:
        entries = await floor.cards()
        found: dict[str, tuple[str, Any]] = {}
        for entry in entries:
            place = entry["to_account"]["external"] or entry["to_account"]["bucket"]
            found.update(dict.fromkeys(entry["serials"], (place, entry["to_account"]["held_by_id"])))
        return found

    held = ("consignment", consignment["consignment_id"])
    assert await statuses() == {"S1": held, "S2": held, "S3": held}
    consignment = await do(floor, "consume", consignment, quantity=1, serials=["S2"])
    consignment = await do(floor, "settle", consignment, return_quantity=1)
    assert await statuses() == {"S1": ("consignor", None), "S2": ("available", None), "S3": held}
    named = {"consignment_id": consignment["consignment_id"], "expected_revision": consignment["revision"]}
    taken = await floor.ask("/consignment/consume", **named, quantity=1, serials=["S2"])
    assert (taken.status, taken.error_code) == (409, "ics.conflict_state")


async def test_lots_are_asked_for_where_the_policy_tracks_them(ics: ServiceClient) -> None:
    floor = Floor(ics, "V")
    await floor.policy(tracking="lot")
    goods = {"consignor_ref": "C", "variant_id": "V", "quantity": 1, "unit_cost": COST}
    refused = await floor.ask("/consignment/receive", **goods)
    assert (refused.status, set(refused.problems)) == (400, {"lot_code"})
    await floor.do("/consignment/receive", **goods, lot_code="L-A", expiry_date="2031-01-01")
    other = await floor.ask("/consignment/receive", **goods, lot_code="L-A", expiry_date="2032-01-01")
    assert (other.status, set(other.problems)) == (400, {"expiry_date"})
    assert await floor.at("consignment", lot_code="L-A") == 1


async def test_a_repeated_key_consumes_once(ics: ServiceClient) -> None:
    floor = Floor(ics, "V")
    consignment = await consigned(floor, 3)
    named = {"consignment_id": consignment["consignment_id"], "expected_revision": 1, "idempotency_key": "k"}
    first = await floor.ask("/consignment/consume", **named, quantity=2)
    again = await floor.ask("/consignment/consume", **named, quantity=2)
    assert (first.status, again.status, first.data) == (200, 200, again.data)
    assert await floor.totals() == (2, 0, 0, 1, 0, 0, 0, 3)


async def test_a_repeated_key_shows_no_money_to_who_may_not_see_it(ics: ServiceClient) -> None:
    owner = Floor(ics.with_roles().as_caller(actor="owner", owner=True), "V")
    nosy = Floor(ics.with_roles("ics_operator").as_caller(actor="nosy"), "V")
    goods = {"consignor_ref": "CONSIGNOR", "variant_id": "V", "unit_cost": COST, "quantity": 3}
    received = await owner.ask("/consignment/receive", **goods, idempotency_key="r")
    named = {"consignment_id": received.data["consignment"]["consignment_id"], "expected_revision": 1}
    consumed = await owner.ask("/consignment/consume", **named, quantity=2, idempotency_key="c")
    repeated = [
        await nosy.ask("/consignment/receive", **goods, idempotency_key="r"),
        await nosy.ask("/consignment/consume", **named, quantity=2, idempotency_key="c"),
    ]

    assert received.data["consignment"]["unit_cost"] == consumed.data["consignment"]["unit_cost"] == COST
    assert [(answer.status, answer.headers.get("Idempotent-Replayed")) for answer in repeated] == [(200, "true")] * 2
    assert [answer.data["consignment"]["revision"] for answer in repeated] == [1, 2]
    assert not any(b"4.50" in answer.raw for answer in repeated)
    mine = await nosy.ask("/consignment/receive", **goods, idempotency_key="n")
    theirs = await owner.ask("/consignment/receive", **goods, idempotency_key="n")
    assert (mine.data["consignment"]["unit_cost"], theirs.data["consignment"]["unit_cost"]) == (None, COST)
    assert theirs.headers.get("Idempotent-Replayed") == "true"
    assert await owner.totals() == (2, 0, 0, 4, 0, 0, 0, 6)

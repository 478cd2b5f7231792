"""Consignments as get and list show them, and what is owed."""

from typing import Any

from chassis.clock import FixedClock
from chassis.testing.client import ServiceClient
from services.ics.consignment.store import CONSIGNMENTS
from tests.ics.crowds import crowd_like, walked
from tests.ics.floor import Floor
from tests.ics.given import an_id

CROWD = 2_500
Record = dict[str, Any]


async def consumed(floor: Floor, consignor: str, cost: str, currency: str, quantity: int) -> Record:
    """A consignment of 20 units of which some were consumed."""
    goods = {"consignor_ref": consignor, "unit_cost": {"amount": cost, "currency": currency}}
    answer = await floor.do("/consignment/receive", **goods, variant_id=floor.variant_id, quantity=20)
    if quantity:
        named = {"consignment_id": answer["consignment"]["consignment_id"], "expected_revision": 1}
        answer = await floor.do("/consignment/consume", **named, quantity=quantity, reason="sold out")
    record: Record = answer["consignment"]
    return record


def row(consignor: str, consignments: int, quantity: int, amount: str | None, currency: str = "EUR") -> Record:
    money = None if amount is None else {"amount": amount, "currency": currency}
    return {"consignor_ref": consignor, "consignments": consignments, "quantity": quantity, "amount": money}


async def owed(client: ServiceClient, **filters: Any) -> list[Record]:
    answer = await client.post("/consignment/list", limit=1, **filters)
    rows: list[Record] = answer.data["owed"]
    return rows


async def test_what_is_owed_is_added_up_per_consignor_and_currency(ics: ServiceClient) -> None:
    floor, other = Floor(ics, "V-1"), Floor(ics, "V-2")
    first = await consumed(floor, "ANNA", "4.50", "EUR", 12)
    second = await consumed(other, "ANNA", "0.125", "EUR", 3)
    await consumed(floor, "ANNA", "100", "JPY", 2)
    await consumed(floor, "BERT", "7.00", "EUR", 0)
    last = await consumed(floor, "CARL", "7.00", "EUR", 5)
    named = {"consignment_id": first["consignment_id"], "expected_revision": 2}
    first = (await floor.do("/consignment/settle", **named, quantity=2))["consignment"]

    assert (first["owed"], first["owed_amount"]) == (10, {"amount": "45.00", "currency": "EUR"})
    assert [(each["text"], each["call"]) for each in first["remarks"]] == [("sold out", "ics_consignment_consume")]
    assert (await floor.do("/consignment/get", consignment_id=first["consignment_id"]))["consignment"] == first
    anna = [row("ANNA", 2, 13, "45.375"), row("ANNA", 1, 2, "200", "JPY")]
    assert await owed(ics) == [*anna, row("CARL", 1, 5, "35.00")]
    assert await owed(ics, consignor_ref="ANNA") == anna
    assert await owed(ics, variant_id="V-2") == [row("ANNA", 1, 3, "0.375")]
    assert await owed(ics, owing=False) == []
    assert await owed(ics, status="settled") == []
    assert await owed(ics.with_roles("ics_view")) == [row("ANNA", 3, 15, None), row("CARL", 1, 5, None)]
    page = (await ics.post("/consignment/list", limit=2)).data
    page = (await ics.post("/consignment/list", limit=2, next_token=page["next_token"])).data
    assert page["owed"] is None, "on the first page only"

    for filters, found in (
        ({"consignor_ref": "CARL"}, {last["consignment_id"]}),
        ({"variant_id": "V-2", "logical_guid": "FAC-A"}, {second["consignment_id"]}),
        ({"owing": True, "consignor_ref": "CARL"}, {last["consignment_id"]}),
        ({"logical_guid": "FAC-B"}, set()),
    ):
        items = await walked(ics, "/consignment/list", **filters)
        assert {each["consignment_id"] for each in items} == found, filters
    assert len(await walked(ics, "/consignment/list", owing=True)) == 4
    assert [each["consignor_ref"] for each in await walked(ics, "/consignment/list", owing=False)] == ["BERT"]
    assert (await ics.post("/consignment/get", consignment_id=an_id())).status == 404


async def test_money_is_hidden_in_get_and_list(ics: ServiceClient) -> None:
    made = await consumed(Floor(ics, "V-1"), "ANNA", "4.50", "EUR", 2)
    viewer = ics.with_roles("ics_view")

    shown = (await viewer.post("/consignment/get", consignment_id=made["consignment_id"])).data["consignment"]
    (listed,) = (await viewer.post("/consignment/list")).data["items"]

    assert listed == shown == {**made, "unit_cost": None, "settled_amount": None, "owed_amount": None}
    assert shown["owed"] == 2


async def test_what_is_owed_is_added_up_over_thousands(ics: ServiceClient, clock: FixedClock) -> None:
    floor = Floor(ics, "V-1")
    one = await consumed(floor, "ANNA", "0.01", "EUR", 3)
    paid = await consumed(floor, "BERT", "0.01", "EUR", 0)
    await crowd_like(ics, CONSIGNMENTS, one["consignment_id"], CROWD, now=clock.now())
    await crowd_like(ics, CONSIGNMENTS, paid["consignment_id"], CROWD, now=clock.now())

    units = 3 * (CROWD + 1)
    assert await owed(ics) == [row("ANNA", CROWD + 1, units, f"{units / 100:.2f}")]
    found = await walked(ics, "/consignment/list", limit=256, consignor_ref="BERT", owing=False)
    assert len(found) == CROWD + 1


async def test_money_that_is_not_canonical_or_of_no_active_currency_is_refused(ics: ServiceClient) -> None:
    goods: Record = {"consignor_ref": "ANNA", "variant_id": "V-1", "quantity": 1}
    for cost, path in (
        ({"amount": "-1.00", "currency": "EUR"}, "unit_cost.amount"),
        ({"amount": "01", "currency": "EUR"}, "unit_cost.amount"),
        ({"amount": "1", "currency": "DEM"}, "unit_cost.currency"),
    ):
        refused = await ics.post("/consignment/receive", **goods, unit_cost=cost)
        assert (refused.status, list(refused.problems)) == (400, [path]), cost

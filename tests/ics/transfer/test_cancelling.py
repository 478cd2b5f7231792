"""What is not shipped any more, and what never arrives: transfers cancelled and shipments closed short."""

from typing import Any

from chassis.testing.client import ServiceClient
from tests.ics.transfer.test_handlers import STATE, Lane, both, refused

WHY = {"reason": "the shop closes"}


async def close(lane: Lane, shipment: Any) -> Any:
    named = {"shipment_id": shipment["shipment_id"], "expected_revision": shipment["revision"]}
    return await lane.there.ask("/transfer/shipment/close", **named, **WHY)


async def test_a_transfer_is_cancelled_once_and_before_it_is_decided_against(ics: ServiceClient) -> None:
    lane = Lane(ics)
    await lane.here.stocked(10)
    transfer = await lane.approved(V=10)
    ics.events.clear()
    cancelled = await lane.step(transfer, "cancel", **WHY)
    assert (cancelled["status"], cancelled["final"], cancelled["revision"]) == ("cancelled", False, 4)
    assert (cancelled["cancelled_by"], cancelled["cancelled_utc"]) == (
        cancelled["updated_by"],
        cancelled["updated_utc"],
    )
    assert ics.events == ["ics.transfer.cancelled"]
    named = {"transfer_id": transfer["transfer_id"], "expected_revision": 4}
    assert refused(await lane.here.ask("/transfer/request/cancel", **named, **WHY)) == STATE
    assert refused(await lane.try_ship(cancelled)) == STATE
    found = await lane.here.do("/transfer/request/list", status="cancelled")
    assert [each["transfer_id"] for each in found["items"]] == [transfer["transfer_id"]]
    assert (await lane.here.ask("/transfer/request/cancel", **named)).status == 400


async def test_what_is_under_way_goes_on_when_the_rest_is_cancelled(ics: ServiceClient) -> None:
    lane = Lane(ics)
    await lane.here.stocked(10)
    transfer = await lane.approved(V=10)
    shipment, transfer = await lane.ship(transfer, {"transfer_line_no": 1, "quantity": 4})
    transfer = await lane.step(transfer, "cancel", **WHY)
    assert (transfer["status"], transfer["final"]) == ("in_progress", True)
    assert refused(await lane.try_ship(transfer)) == STATE
    named = {"transfer_id": transfer["transfer_id"], "expected_revision": transfer["revision"]}
    assert refused(await lane.here.ask("/transfer/request/cancel", **named, **WHY)) == STATE
    _, transfer = await lane.receive(shipment)
    assert (transfer["status"], transfer["cancelled_by"] is None) == ("completed", False)


async def test_a_transfer_with_nothing_under_way_is_completed_by_its_cancellation(ics: ServiceClient) -> None:
    lane = Lane(ics)
    await lane.here.stocked(10)
    transfer = await lane.approved(V=10)
    shipment, _ = await lane.ship(transfer, {"transfer_line_no": 1, "quantity": 4})
    _, transfer = await lane.receive(shipment)
    ics.events.clear()
    transfer = await lane.step(transfer, "cancel", **WHY)
    assert transfer["status"] == "completed"
    assert ics.events == ["ics.transfer.cancelled", "ics.transfer.completed"]


async def test_a_shipment_closed_short_is_received_and_what_is_outstanding_missing(ics: ServiceClient) -> None:
    lane = Lane(ics)
    await lane.here.policy(qc="skip")
    await lane.here.stocked(3, serials=["S1", "S2", "S3"])
    await lane.here.stocked(5, lot_code="L-A")
    transfer = await lane.approved(V=8)
    units = {"transfer_line_no": 1, "quantity": 3, "serials": ["S1", "S2", "S3"]}
    shipment, transfer = await lane.ship(transfer, units, {"transfer_line_no": 1, "quantity": 5, "lot_code": "L-A"})
    line = next(each for each in shipment["lines"] if each["lot_code"] is None)
    arrived = {"line_no": line["line_no"], "outcome": "accepted", "quantity": 1, "serials": ["S2"]}
    shipment, transfer = await lane.receive(shipment, arrived)
    assert (await lane.here.ask("/transfer/shipment/close", shipment_id=shipment["shipment_id"], **WHY)).status == 404
    ics.events.clear()
    shipment, transfer = both(await close(lane, shipment))
    assert ics.events == ["ics.shipment.closed", "ics.transfer.completed", "ics.stock.changed"]
    assert (shipment["status"], transfer["status"]) == ("received", "completed")
    assert shipment["closed_utc"] == shipment["received_utc"] is not None
    assert (transfer["lines"][0]["missing"], transfer["lines"][0]["received"]) == (7, 1)
    assert [(each["missing"], each["outstanding"]) for each in shipment["lines"]] == [(2, 0), (5, 0)]
    assert (await lane.there.totals())[:1] == (1,)
    assert await lane.there.external("adjustment") == 7
    lost = await lane.there.cards(kind="transfer_receive", bucket="in_transit")
    assert {each["reason"] for each in lost if each["to_account"]["external"]} == {WHY["reason"]}
    assert [(await lane.here.serial(each))["status"] for each in ("S1", "S2", "S3")] == [
        "missing",
        "in_stock",
        "missing",
    ]
    assert refused(await close(lane, shipment)) == STATE

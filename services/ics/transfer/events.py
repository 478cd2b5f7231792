"""Events published about transfers and their shipments."""

from chassis.entity import Value
from chassis.event import EventType
from services.ics.transfer.domain import Transfer
from services.ics.transfer.shipment import Shipment


class TransferChanged(Value):
    """The transfer after the change."""

    transfer: Transfer


class ShipmentClosed(Value):
    """The shipment after the change, and the number of units written off."""

    shipment: Shipment
    quantity: int


class ShipmentChanged(Value):
    """The shipment after the change."""

    shipment: Shipment


def _transfer(word: str, summary: str) -> EventType:
    return EventType(type=f"ics.transfer.{word}", subject="transfer_id", body=TransferChanged, summary=summary)


def _shipment(word: str, summary: str) -> EventType:
    return EventType(type=f"ics.shipment.{word}", subject="shipment_id", body=ShipmentChanged, summary=summary)


EVENTS = [
    _transfer("created", "A facility is to send goods to another: a draft."),
    _transfer("submitted", "A transfer waits for approval."),
    _transfer("approved", "A transfer may be shipped, as asked or cut down."),
    _transfer("rejected", "A transfer was turned down for good."),
    _transfer("completed", "Nothing of a transfer is on the way, and nothing is to follow."),
    _transfer("cancelled", "What had not been shipped of a transfer will not be."),
    _shipment("recorded", "Goods left for another facility."),
    _shipment("received", "Goods of a shipment were booked in, or written off."),
    EventType(
        type="ics.shipment.closed",
        subject="shipment_id",
        body=ShipmentClosed,
        summary="A shipment was closed short: what had not arrived is missing.",
    ),
]

"""Code shared by the endpoints of transfers and of their shipments."""

from typing import Literal, TypeVar

from msgspec import UNSET, UnsetType

from chassis.endpoint import Answer
from chassis.entity import Entity
from chassis.errors import NotFound
from chassis.unit import Change
from services.ics.transfer.domain import (
    Transfer,
    TransferRecord,
)
from services.ics.transfer.shipment import (
    Shipment,
)

R = TypeVar("R", TransferRecord, Shipment)
Side = Literal["from_logical_guid", "to_logical_guid"]


class TransferShipmentEnvelope(Answer):
    shipment: Shipment
    transfer: Transfer


async def load_on_side(
    change: Change, entity: Entity[R], record_id: str, side: Side, expected_revision: int | UnsetType | None = UNSET
) -> R:
    """The record, if the call's facility is on that side (origin or destination) of it.

    Raises `NotFound` otherwise. The revision is checked only after that, so that a caller in another facility learns
    nothing of the record.
    """
    record = await change.load(entity, record_id)
    if getattr(record, side) != change.call.logical_guid:
        raise NotFound(f"there is no such {entity.name}")
    return await change.load(entity, record_id, expected_revision)

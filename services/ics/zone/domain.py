"""Zones: the parts of a facility where stock is stored, in bins or on the floor. Pure."""

from collections.abc import Collection
from typing import Literal

from msgspec import field
from msgspec.structs import replace

from chassis.entity import Record
from chassis.errors import InvalidState
from chassis.values import Code, Guid, Id, Name
from services.ics.remarks import Remarks
from services.ics.words import Openness

Purpose = Literal["pick", "storage", "overstock", "receiving", "returns", "staging"]


class Zone(Record):
    """A part of one facility. A zone is never deleted, because ledger entries refer to it."""

    zone_id: Id
    logical_guid: Guid
    code: Code
    name: Name | None
    purpose: Purpose
    status: Openness = "active"
    remarks: Remarks = field(default_factory=list)


def changed(zone: Zone, name: str | None, purpose: Purpose | None, clear: Collection[str]) -> Zone:
    """The zone with a new name and purpose; None keeps the present one, and a field in `clear` is removed."""
    return replace(zone, name=None if "name" in clear else name or zone.name, purpose=purpose or zone.purpose)


def set_status(zone: Zone, status: Openness, units_held: int) -> Zone:
    """The zone with the new status. Raises `InvalidState` if it has that status, or would close with units in it."""
    if zone.status == status:
        raise InvalidState(f"the zone is already {status}", status=zone.status)
    if status == "inactive" and units_held > 0:
        raise InvalidState("the zone still holds units", status=zone.status, units_held=units_held)
    return replace(zone, status=status)

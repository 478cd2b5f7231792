"""Zones: the parts of a facility in which stock lies, in bins or on the floor."""

from typing import Literal

from msgspec.structs import replace

from chassis.entity import Record
from chassis.errors import InvalidState
from chassis.values import Code, Guid, Id, Name
from services.ics.words import Openness

Purpose = Literal["pick", "storage", "overstock", "receiving", "returns", "staging"]


class Zone(Record):
    """A part of one facility. Never deleted, because ledger entries go on naming it."""

    zone_id: Id
    logical_guid: Guid
    code: Code
    name: Name | None
    purpose: Purpose
    status: Openness = "active"


def set_status(zone: Zone, status: Openness, units_held: int) -> Zone:
    """The zone, opened or closed. One that is seen to hold units stays open."""
    if zone.status == status:
        raise InvalidState(f"the zone is already {status}", status=zone.status)
    if status == "inactive" and units_held > 0:
        raise InvalidState("the zone still holds units", status=zone.status, units_held=units_held)
    return replace(zone, status=status)

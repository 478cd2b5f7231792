"""Bins: the places within a zone, with an optional capacity in units."""

from collections.abc import Collection

from msgspec import field
from msgspec.structs import replace

from chassis.entity import Record, Value
from chassis.errors import InvalidState
from chassis.values import Code, Guid, Id, Name, Qty
from services.ics.ledger.balance import Landing
from services.ics.remarks import Remarks
from services.ics.words import Openness
from services.ics.zone.domain import Zone


class Bin(Record):
    """A place in a zone. `capacity` is the maximum number of units over all variants; None: unlimited."""

    bin_id: Id
    zone_id: Id
    logical_guid: Guid
    code: Code
    name: Name | None
    capacity: Qty | None
    status: Openness = "active"
    remarks: Remarks = field(default_factory=list)


class Place(Value):
    """A location of units: a bin in its zone, a zone without a bin, or neither (unplaced in the facility)."""

    zone: Zone | None = None
    bin: Bin | None = None

    @property
    def zone_id(self) -> str | None:
        """The id of the zone, or None."""
        return self.zone.zone_id if self.zone else None

    @property
    def bin_id(self) -> str | None:
        """The id of the bin, or None."""
        return self.bin.bin_id if self.bin else None

    @property
    def is_open(self) -> bool:
        """Whether both the zone and the bin (if set) are active."""
        return all(each is None or each.status == "active" for each in (self.zone, self.bin))

    def landing(self) -> Landing:
        """The fields of the place that the ledger stores with units put there."""
        return Landing(
            zone_id=self.zone_id,
            bin_id=self.bin_id,
            zone_code=self.zone.code if self.zone else None,
            bin_code=self.bin.code if self.bin else None,
            purpose=self.zone.purpose if self.zone else None,
            capacity=self.bin.capacity if self.bin else None,
        )


NOWHERE = Place()
"""In the facility, but not put away yet."""


def check_open(zone: Zone) -> None:
    """Raise `InvalidState` if the zone is inactive: it accepts neither units nor new bins."""
    if zone.status != "active":
        raise InvalidState("the zone is inactive", status=zone.status)


def changed(place: Bin, name: str | None, capacity: int | None, clear: Collection[str]) -> Bin:
    """The bin with a new name and capacity; None keeps the present one, and a field in `clear` is removed."""
    return replace(
        place,
        name=None if "name" in clear else name or place.name,
        capacity=None if "capacity" in clear else capacity or place.capacity,
    )


def set_status(place: Bin, status: Openness, units_held: int) -> Bin:
    """The bin with the new status. Raises `InvalidState` if it already has it, or is to close while it holds units."""
    if place.status == status:
        raise InvalidState(f"the bin is already {status}", status=place.status)
    if status == "inactive" and units_held > 0:
        raise InvalidState("the bin still holds units", status=place.status, units_held=units_held)
    return replace(place, status=status)


def admit(place: Place) -> Place:
    """Return the place if it accepts units. Raises `InvalidState` if the bin or its zone is inactive."""
    if place.zone is not None:
        check_open(place.zone)
    if place.bin is not None and place.bin.status != "active":
        raise InvalidState("the bin is inactive", status=place.bin.status)
    return place

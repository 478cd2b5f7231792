"""Bins: the places within a zone, some of which hold only so many units."""

from msgspec.structs import replace

from chassis.entity import Record, Value
from chassis.errors import InvalidState
from chassis.values import Code, Guid, Id, Name, Qty
from services.ics.ledger.balance import Landing
from services.ics.words import Openness
from services.ics.zone.domain import Zone


class Bin(Record):
    """A place in a zone. `capacity` is the most units, of all variants together, that it takes; None: any number."""

    bin_id: Id
    zone_id: Id
    logical_guid: Guid
    code: Code
    name: Name | None
    capacity: Qty | None
    status: Openness = "active"


class Place(Value):
    """Where units lie or are to go: a bin in its zone, a zone and no bin, or neither (somewhere in the facility)."""

    zone: Zone | None = None
    bin: Bin | None = None

    @property
    def zone_id(self) -> str | None:
        """The zone's id, if any."""
        return self.zone.zone_id if self.zone else None

    @property
    def bin_id(self) -> str | None:
        """The bin's id, if any."""
        return self.bin.bin_id if self.bin else None

    @property
    def is_open(self) -> bool:
        """Whether neither the bin nor its zone is closed."""
        return all(each is None or each.status == "active" for each in (self.zone, self.bin))

    def landing(self) -> Landing:
        """What the ledger keeps of the place beside the units that land there."""
        return Landing(
            zone_id=self.zone_id,
            bin_id=self.bin_id,
            zone_code=self.zone.code if self.zone else None,
            bin_code=self.bin.code if self.bin else None,
            purpose=self.zone.purpose if self.zone else None,
            capacity=self.bin.capacity if self.bin else None,
        )


NOWHERE = Place()
"""Somewhere in the facility, not put away yet."""


def check_open(zone: Zone) -> None:
    """Refuse a zone that takes nothing in, no new bin either."""
    if zone.status != "active":
        raise InvalidState("the zone is inactive", status=zone.status)


def set_status(place: Bin, status: Openness, units_held: int) -> Bin:
    """The bin, opened or closed. One that is seen to hold units stays open."""
    if place.status == status:
        raise InvalidState(f"the bin is already {status}", status=place.status)
    if status == "inactive" and units_held > 0:
        raise InvalidState("the bin still holds units", status=place.status, units_held=units_held)
    return replace(place, status=status)


def admit(place: Place) -> Place:
    """The place, if it takes units in: neither it nor the zone it lies in is closed."""
    if place.zone is not None:
        check_open(place.zone)
    if place.bin is not None and place.bin.status != "active":
        raise InvalidState("the bin is inactive", status=place.bin.status)
    return place

"""Events published about the facilities of a channel."""

from chassis.entity import Value
from chassis.event import EventType
from chassis.values import Guid, Id
from services.slc.channel.domain import FacilityBinding
from services.slc.words import Gid


class FacilityBound(Value):
    """A facility that was bound, or bound otherwise."""

    channel_id: Id
    facility: FacilityBinding


class FacilityUnbound(Value):
    """A facility that is no longer bound."""

    channel_id: Id
    logical_guid: Guid
    location_id: Gid


EVENTS = [
    EventType(
        type="slc.facility.bound",
        subject="channel_id",
        body=FacilityBound,
        summary="A facility was bound to a location of a channel's shop.",
    ),
    EventType(
        type="slc.facility.unbound",
        subject="channel_id",
        body=FacilityUnbound,
        summary="A facility was unbound from a channel.",
    ),
]

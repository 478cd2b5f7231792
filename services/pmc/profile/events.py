"""Events published about profiles."""

from chassis.entity import Value
from chassis.event import EventType
from services.pmc.profile.domain import PublishProfile


class ProfileSet(Value):
    """The profile after the change."""

    profile: PublishProfile


EVENTS = [
    EventType(type="pmc.profile.set", subject="channel_code", body=ProfileSet, summary="A publish profile was set."),
]

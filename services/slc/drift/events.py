"""The event of a drift report that found something."""

from typing import Annotated

from msgspec import Meta

from chassis.entity import Value
from chassis.event import EventType
from chassis.values import Id
from services.slc.channel.domain import DriftSummary
from services.slc.drift.domain import FieldCount


class DriftDetected(Value):
    """How a comparison of a channel with its shop ended, and how many differences each field has."""

    channel_id: Id
    summary: DriftSummary
    by_field: Annotated[list[FieldCount], Meta(max_length=32)]


EVENTS = [
    EventType(
        type="slc.drift.detected",
        subject="channel_id",
        body=DriftDetected,
        summary="A comparison of a channel with its shop found at least one difference.",
    ),
]

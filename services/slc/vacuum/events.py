"""The event of a vacuum."""

from typing import Annotated

from msgspec import Meta

from chassis.entity import Value
from chassis.event import EventType
from chassis.values import Count
from services.slc.words import ErasedCollection


class OrgVacuum(Value):
    """What was deleted of an org, or would be."""

    dry_run: bool
    completed: bool
    matched: Count
    deleted: Count
    collections: Annotated[list[ErasedCollection], Meta(max_length=32)]


class OrgVacuumed(Value):
    """What was deleted of an org."""

    vacuum: OrgVacuum


EVENTS = [
    EventType(
        type="slc.org.vacuumed",
        subject="orgcode",
        body=OrgVacuumed,
        summary="Every record SLC held of an org was deleted, as far as there was time.",
    ),
]

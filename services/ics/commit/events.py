"""Events published about commits."""

from chassis.entity import Value
from chassis.event import EventType
from services.ics.commit.domain import Commit


class CommitCreated(Value):
    """The new commit."""

    commit: Commit


class CommitMoved(Value):
    """The commit after the change, and how many units changed."""

    commit: Commit
    quantity: int


def _moved(word: str, summary: str) -> EventType:
    return EventType(type=f"ics.commit.{word}", subject="commit_id", body=CommitMoved, summary=summary)


EVENTS = [
    EventType(
        type="ics.commit.created", subject="commit_id", body=CommitCreated, summary="Units were committed to an order."
    ),
    _moved("released", "Units of a commit are available again."),
    _moved("picked", "Open units of a commit were picked."),
    _moved("packed", "Picked units of a commit were packed."),
    _moved("shipped", "Units of a commit were shipped."),
]

"""What is told of crates."""

from chassis.entity import Value
from chassis.event import EventType
from tests.chassis.sample.crate.store import Crate


class CrateMade(Value):
    """A crate after it was made or changed."""

    crate: Crate


EVENTS = [
    EventType(type="sample.crate.created", subject="crate_id", body=CrateMade, summary="A crate was made."),
    EventType(type="sample.crate.closed", subject="crate_id", body=CrateMade, summary="A crate was closed."),
]

"""Events published about snapshots."""

from chassis.entity import Value
from chassis.event import EventType
from services.ics.snapshot.domain import Snapshot


class SnapshotCreated(Value):
    """The snapshot, ready or still building."""

    snapshot: Snapshot


EVENTS = [
    EventType(
        type="ics.snapshot.created",
        subject="snapshot_id",
        body=SnapshotCreated,
        summary="Every balance in scope was frozen at one moment.",
    )
]

"""Events published about snapshots."""

from chassis.entity import Value
from chassis.event import EventType
from services.ics.snapshot.domain import Snapshot


class SnapshotChanged(Value):
    """The snapshot, without its rows."""

    snapshot: Snapshot


EVENTS = [
    EventType(
        type="ics.snapshot.created",
        subject="snapshot_id",
        body=SnapshotChanged,
        summary="Every balance in scope was frozen at one moment.",
    ),
    EventType(
        type="ics.snapshot.ready",
        subject="snapshot_id",
        body=SnapshotChanged,
        summary="A snapshot's rows can be read.",
    ),
    EventType(
        type="ics.snapshot.failed",
        subject="snapshot_id",
        body=SnapshotChanged,
        summary="A snapshot could not be built.",
    ),
]

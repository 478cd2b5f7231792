"""Events published about packs."""

from chassis.entity import Value
from chassis.event import EventType
from services.pmc.pack.domain import Pack


class PackChanged(Value):
    """The pack version after the change."""

    pack: Pack


EVENTS = [
    EventType(type="pmc.pack.created", subject="pack_id", body=PackChanged, summary="A pack version was created."),
    EventType(
        type="pmc.pack.ready", subject="pack_id", body=PackChanged, summary="A pack version is ready to publish."
    ),
    EventType(type="pmc.pack.rejected", subject="pack_id", body=PackChanged, summary="An uploaded pack was rejected."),
    EventType(type="pmc.pack.expired", subject="pack_id", body=PackChanged, summary="A pack was never uploaded."),
]

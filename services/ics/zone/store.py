"""Where zones are kept."""

from chassis.entity import Entity, edge, index, unique
from services.ics.zone.domain import Zone

ZONES = Entity(
    "zone",
    Zone,
    collection="zones",
    id="zone_id",
    keys=("ORG#{orgcode}", "ZONE#{zone_id}"),
    label="code",
    indexes=[
        unique("logical_guid", "code", name="code", refusal="the code is taken in this facility"),
        index("logical_guid", "status", "code"),
        index("logical_guid", "purpose", "code"),
        index("code", "logical_guid"),
        index("status", "logical_guid", "code"),
        index("purpose", "logical_guid", "code"),
    ],
    edges=[edge("in", to="facility", by="logical_guid", service="gateway")],
)

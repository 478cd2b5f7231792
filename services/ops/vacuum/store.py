"""Where vacuums are kept, for good: the record of what was deleted is not deleted."""

from chassis.entity import Entity, index
from chassis.unit import View
from services.ops.vacuum.domain import VacuumRun

VACUUMS = Entity(
    "vacuum",
    VacuumRun,
    collection="vacuum_audit",
    id="vacuum_id",
    keys=("STACK", "VACUUM#{vacuum_id}"),
    indexes=[index("requested_utc")],
    org_scoped=False,
)


async def newest(view: View) -> VacuumRun | None:
    """The vacuum that was asked for last. Index: requested_utc."""
    found = await view.find(VACUUMS, {}, order=["-requested_utc"], limit=1)
    return found[0] if found else None

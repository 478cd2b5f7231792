"""Storage of what the last audit of roll-ups found, by org."""

from chassis.clock import Utc
from chassis.entity import Document, Entity
from chassis.unit import View


class RollupAudit(Document):
    """What the last audit of an org found."""

    audit_id: str
    orgcode: str = ""
    checked_utc: Utc
    mismatches: int


AUDITS = Entity(
    "rollup_audit",
    RollupAudit,
    collection="pmc_audits",
    id="audit_id",
    shard_key=("orgcode",),
    history=False,
    technical=True,
)


async def audit_of(view: View) -> RollupAudit | None:
    """What the last audit of the org found. Index: id."""
    return await view.get(AUDITS, view.call.orgcode)

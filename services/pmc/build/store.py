"""Storage of what the audit of roll-ups found last."""

from chassis.clock import Utc
from chassis.entity import Document, Entity
from chassis.unit import View


class RollupAudit(Document):
    """The audit's last finding in an org, and the product behind which it goes on."""

    audit_id: str
    orgcode: str = ""
    checked_utc: Utc
    mismatches: int


AUDITS = Entity("rollup_audit", RollupAudit, collection="pmc_audits", id="audit_id", history=False, technical=True)


async def audit_of(view: View) -> RollupAudit | None:
    """The last finding of the org. Index: id."""
    return await view.get(AUDITS, view.call.orgcode)

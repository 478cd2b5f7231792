"""The progress of the audit of one org, stored so that an audit that was cut off goes on where it stopped. Pure."""

from msgspec import field
from msgspec.structs import replace

from chassis.clock import Utc, later
from chassis.entity import Document
from services.ics.ledger.audit import DIFFERENCES_MAX, Difference

OVERLAP_SECONDS = 300
"""A change may be committed so long after the time it is stamped with, so what is that near is audited again."""


class LedgerAudit(Document):
    """An audit of all items of an org.

    after        the last item audited; None before the first
    changed      whether it covers only items changed since the last audit that ended
    ended_utc    when it ended; None: it was cut off, or runs
    audited_utc  when the last audit that ended had begun: items changed before were covered; None: there was none
    """

    audit_id: str
    orgcode: str
    started_utc: Utc
    after: str | None = None
    changed: bool = False
    items: int = 0
    entries: int = 0
    differences: list[Difference] = field(default_factory=list)
    ended_utc: Utc | None = None
    audited_utc: Utc | None = None

    @property
    def since(self) -> Utc | None:
        """Items changed before this need no audit; None: all items do."""
        if not self.changed or self.audited_utc is None:
            return None
        return later(self.audited_utc, -OVERLAP_SECONDS)


def begun(known: LedgerAudit | None, orgcode: str, now: Utc, *, changed: bool) -> LedgerAudit:
    """The audit to carry out: the one that was cut off, if it covers the same, otherwise a new one."""
    if known is not None and known.ended_utc is None and known.changed == changed:
        return known
    last = known.audited_utc if known is not None else None
    return LedgerAudit(audit_id=orgcode, orgcode=orgcode, started_utc=now, changed=changed, audited_utc=last)


def progressed(run: LedgerAudit, after: str, items: int, entries: int, found: list[Difference]) -> LedgerAudit:
    """The audit after some more items."""
    return replace(
        run,
        after=after,
        items=run.items + items,
        entries=run.entries + entries,
        differences=[*run.differences, *found][:DIFFERENCES_MAX],
    )


def ended(run: LedgerAudit, found: list[Difference], now: Utc) -> LedgerAudit:
    """The audit at its end. One with differences covers nothing: what differs is looked at again by the next."""
    differences = [*run.differences, *found][:DIFFERENCES_MAX]
    covered = run.audited_utc if differences else run.started_utc
    return replace(run, differences=differences, ended_utc=now, audited_utc=covered)

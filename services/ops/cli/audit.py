"""`stackctl audit`: whether stock balances agree with their entries."""

from typing import Annotated

from cyclopts import App, Parameter

from services.ops.cli.job import run_job
from services.ops.cli.options import DONE, REFUSED
from services.ops.cli.output import CommandOutcome
from services.ops.cli.stack import Given

LEDGER_SERVICE = "ics"
LEDGER_JOB = "audit-ledger"

audit = App(name="audit", help="Whether the books are right.")


@audit.command(name="ledger")
async def audit_ledger(
    *,
    org: Annotated[str | None, Parameter(help="Only this org.")] = None,
    stack: Given,
) -> CommandOutcome:
    """Replay stock cards against balances, and show every difference; exit status 1 if there is any."""
    answer = await run_job(stack, LEDGER_SERVICE, LEDGER_JOB, {"orgcode": org} if org else {})
    document = {name: answer[name] for name in ("items_checked", "entries_checked", "differences")}
    differences = document["differences"]
    counts = {**document, "differences": len(differences)}
    return CommandOutcome(document=document, rows=differences or [counts], status=REFUSED if differences else DONE)

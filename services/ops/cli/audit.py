"""`stackctl audit`: whether stock balances agree with their entries, and roll-ups with the products they count."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Annotated

from cyclopts import App, Parameter

from services.ops.cli.job import run_job
from services.ops.cli.options import DONE, REFUSED
from services.ops.cli.output import CommandOutcome
from services.ops.cli.stack import Given, Stack

LEDGER_SERVICE = "ics"
LEDGER_JOB = "audit-ledger"
CATALOGUE_SERVICE = "pmc"
CATALOGUE_JOB = "audit-catalogue"

audit = App(name="audit", help="Whether the books are right.")


@audit.command(name="ledger")
async def audit_ledger(
    *,
    org: Annotated[str | None, Parameter(help="Only this org.")] = None,
    changed: Annotated[
        bool, Parameter(negative="", help="Only items changed since the last audit that found no difference.")
    ] = False,
    stack: Given,
) -> CommandOutcome:
    """Replay stock cards against balances, and show every difference; exit status 1 if there is any. An audit that was
    cut off goes on where it stopped."""
    checked = ("items_checked", "entries_checked")
    params = {"changed": "true"} if changed else {}
    return await _audited(stack, LEDGER_SERVICE, LEDGER_JOB, org, checked, params)


@audit.command(name="catalogue")
async def audit_catalogue(
    *,
    org: Annotated[str | None, Parameter(help="Only this org.")] = None,
    stack: Given,
) -> CommandOutcome:
    """Count roll-ups and search index again from the products, and show every difference; exit status 1 if there is
    any."""
    return await _audited(stack, CATALOGUE_SERVICE, CATALOGUE_JOB, org, ("products_checked",))


async def _audited(
    stack: Stack,
    service: str,
    job: str,
    org: str | None,
    checked: Sequence[str],
    params: Mapping[str, str] = MappingProxyType({}),
) -> CommandOutcome:
    answer = await run_job(stack, service, job, {**params, **({"orgcode": org.upper()} if org else {})})
    document = {name: answer[name] for name in (*checked, "differences")}
    differences = document["differences"]
    counts = {**document, "differences": len(differences)}
    return CommandOutcome(document=document, rows=differences or [counts], status=REFUSED if differences else DONE)

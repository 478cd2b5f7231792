"""`stackctl vacuum`: delete an org's data, or everything; confirmed by a phrase, watched to the end."""

import asyncio
import sys
from collections.abc import AsyncIterator
from typing import Annotated, Any

from cyclopts import App, Parameter

from retailstack.ops.v1 import vacuum_pb2 as pb
from retailstack.ops.v1.vacuum_pb2_grpc import VacuumStub
from services.ops.cli.options import DONE, REFUSED, UsageError
from services.ops.cli.output import CommandOutcome, plain
from services.ops.cli.stack import Given, Stack
from services.ops.vacuum.domain import OPEN, phrase_of

REQUEST_SECONDS = 60.0
"""A dry run counts all records before it answers."""

WATCH_SECONDS = 0.5

Why = Annotated[str, Parameter(help="Why; kept for good.")]
Dry = Annotated[bool, Parameter(negative="", help="Only count what would be deleted.")]
Phrase = Annotated[str, Parameter(help="The confirmation; asked for when left out.")]

vacuum = App(name="vacuum", help="Delete an org's data, or everything.")


@vacuum.command(name="org")
async def vacuum_org(
    orgcode: str, /, *, reason: Why, dry_run: Dry = False, phrase: Phrase = "", stack: Given
) -> CommandOutcome:
    """Delete all there is of an org, in every service. It begins after five minutes; until then it can be cancelled."""
    orgcode = orgcode.upper()
    request = pb.VacuumOrgRequest(
        secret_code=stack.secret,
        orgcode=orgcode,
        confirmation_phrase=phrase or ask_phrase(stack, orgcode, dry_run=dry_run),
        reason=reason,
        dry_run=dry_run,
    )
    return _outcome(await _stub(stack).VacuumOrg(request, timeout=REQUEST_SECONDS))


@vacuum.command(name="all")
async def vacuum_all(*, reason: Why, dry_run: Dry = False, phrase: Phrase = "", stack: Given) -> CommandOutcome:
    """Delete everything, of every org, in every service. It begins after five minutes; until then, cancel it."""
    request = pb.VacuumAllRequest(
        secret_code=stack.secret,
        confirmation_phrase=phrase or ask_phrase(stack, None, dry_run=dry_run),
        reason=reason,
        dry_run=dry_run,
    )
    return _outcome(await _stub(stack).VacuumAll(request, timeout=REQUEST_SECONDS))


@vacuum.command(name="cancel")
async def vacuum_cancel(vacuum_id: str, /, *, stack: Given) -> CommandOutcome:
    """Stop a vacuum that has not begun."""
    return _outcome(
        await _stub(stack).CancelVacuum(pb.CancelVacuumRequest(secret_code=stack.secret, vacuum_id=vacuum_id))
    )


@vacuum.command(name="status")
async def vacuum_status(
    vacuum_id: str | None = None,
    /,
    *,
    watch: Annotated[bool, Parameter(negative="", help="Show the progress until it ends.")] = False,
    stack: Given,
) -> CommandOutcome:
    """Show how far a vacuum is: the one named, or the newest. Exit status 1 where it has failed."""
    if not watch:
        return _outcome(await _ask(stack, vacuum_id))
    answer = await (_listen(stack, vacuum_id) if stack.options.json else _watch(stack, vacuum_id))
    return _outcome(answer)


def ask_phrase(stack: Stack, orgcode: str | None, *, dry_run: bool) -> str:
    """The confirmation phrase, typed by the operator; without a terminal it must be given. A dry run needs none."""
    phrase = phrase_of(orgcode)
    if dry_run or stack.options.yes:
        return phrase
    print(f'This cannot be taken back. To confirm, type "{phrase}": ', end="", file=sys.stderr, flush=True)
    typed = sys.stdin.readline().rstrip("\r\n")
    if typed != phrase:
        raise UsageError("not done; the phrase differs")
    return typed


async def _ask(stack: Stack, vacuum_id: str | None) -> pb.VacuumAnswer:
    answer: pb.VacuumAnswer = await _stub(stack).GetVacuumStatus(pb.GetVacuumStatusRequest(vacuum_id=vacuum_id))
    return answer


async def _states(stack: Stack, vacuum_id: str | None) -> AsyncIterator[pb.VacuumAnswer]:
    """The states of a vacuum until it has ended. OPS may be unreachable for a while meanwhile."""
    from chassis.errors import Unavailable  # noqa: PLC0415  not needed for `--help`

    known = None
    while True:
        try:
            answer = await _ask(stack, known or vacuum_id)
        except Unavailable:
            if known is None:
                raise
        else:
            known = answer.vacuum.vacuum_id
            yield answer
            if answer.vacuum.state not in OPEN:
                return
        await asyncio.sleep(WATCH_SECONDS)


async def _listen(stack: Stack, vacuum_id: str | None) -> pb.VacuumAnswer:
    """Wait for the end of a vacuum; the ended vacuum."""
    return [answer async for answer in _states(stack, vacuum_id)][-1]


async def _watch(stack: Stack, vacuum_id: str | None) -> pb.VacuumAnswer:
    """Wait for the end of a vacuum with a progress bar for each service; the ended vacuum."""
    from rich.console import Console  # noqa: PLC0415  needed for progress bars only
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn  # noqa: PLC0415

    answer = pb.VacuumAnswer()
    columns = (
        SpinnerColumn(),
        TextColumn("{task.fields[service]:<12}"),
        BarColumn(),
        TextColumn("{task.fields[said]}"),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        head = progress.add_task("", total=1, service="vacuum", said="")
        bars: dict[str, Any] = {}
        async for answer in _states(stack, vacuum_id):
            found = answer.vacuum
            progress.update(head, completed=int(found.state not in OPEN), said=_headline(found))
            for tally in found.services:
                if tally.service not in bars:
                    bars[tally.service] = progress.add_task("", total=None, service=tally.service, said="")
                done = tally.state == "completed"
                progress.update(bars[tally.service], total=1 if done else None, completed=int(done), said=_said(tally))
    return answer


def _headline(found: pb.VacuumRecord) -> str:
    if found.state == "pending":
        return f"begins at {found.execute_after_utc}"
    return f"{found.state}, {found.deleted:,} deleted"


def _said(tally: pb.ServiceTally) -> str:
    if tally.error:
        return f"{tally.deleted:,} deleted; {tally.error}, tried again soon"
    return f"{tally.deleted:,} deleted" if tally.state != "pending" else "waits"


def _outcome(answer: pb.VacuumAnswer) -> CommandOutcome:
    """The vacuum as a document; as a table: a row per service, with its closing count."""
    found = plain(answer.vacuum)
    left = {tally.service: tally.matched for tally in answer.certificate}
    head = {name: value for name, value in found.items() if name != "services"}
    rows: list[dict[str, Any]] = [
        {
            "service": tally["service"],
            "state": tally["state"],
            "matched": tally["matched"],
            "deleted": tally["deleted"],
            "left": left.get(tally["service"]),
            "collections": " ".join(f"{each['collection']}={each['matched']}" for each in tally["collections"]) or None,
            "error": tally["error"],
        }
        for tally in found["services"]
    ]
    whole = {"service": "all of it", "state": found["state"], "matched": found["matched"], "deleted": found["deleted"]}
    del head["matched"], head["deleted"], head["state"]
    whole["collections"] = " ".join(f"{name}={value}" for name, value in head.items() if value not in (None, ""))
    status = REFUSED if found["state"] == "failed" else DONE
    return CommandOutcome(document={"vacuum": found}, rows=[*rows, whole], status=status)


def _stub(stack: Stack) -> Any:
    return VacuumStub(stack.open_channels.channel("ops"))

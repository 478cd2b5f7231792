"""`stackctl pmc`: publish a pack, with a run that is driven to its end."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from time import monotonic
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from cyclopts import App, Parameter

from retailstack.pmc.v1 import publishing_pb2 as pb
from retailstack.pmc.v1.publishing_pb2_grpc import PublishingStub
from services.ops.cli.options import DONE, REFUSED
from services.ops.cli.output import CommandOutcome
from services.ops.cli.stack import Given, Stack

if TYPE_CHECKING:
    from rich.progress import Progress

STEP_ITEMS = 200
STEP_SECONDS = 60.0
"""Longest time of one step, in which the service also stores the manifest parts that are due."""

BUSY_PAUSE_SECONDS = 1.0
BUSY_SECONDS_MAX = 60.0
"""How long steps are tried again while PMC or its object store does not answer."""

STEPPED_ELSEWHERE = {"conflict", "invalid-state"}
"""Tags of a step whose run is not as it was read."""

pmc = App(name="pmc", help="Publishing packs.")


@pmc.command(name="publish")
async def pmc_publish(
    pack_id: str,
    /,
    *,
    channel: Annotated[str | None, Parameter(help="Only this channel; else every one that has a profile.")] = None,
    dry_run: Annotated[bool, Parameter(negative="", help="Judge every item, and change no product.")] = False,
    staged: Annotated[bool, Parameter(negative="", help="Prepare the content without serving it.")] = False,
    stack: Given,
) -> CommandOutcome:
    """Publish the newest ready version of a pack. A run that was cut off goes on where it stopped."""
    request = pb.TakeRunRequest(pack_id=pack_id, channel_code=channel, dry_run=dry_run, staged=staged)
    taken = await PublishingStub(stack.channels.channel("pmc")).Take(request, timeout=STEP_SECONDS)
    run = await _driven(stack, taken)
    shown = {name: run[name] for name in ("run_id", "status", "total", "processed")} | run["outcomes"]
    return CommandOutcome(
        document={"run": run, "outcomes": run["outcomes"]},
        rows=[shown],
        status=DONE if run["status"] == "completed" else REFUSED,
    )


async def _driven(stack: Stack, taken: pb.RunAnswer) -> dict[str, Any]:
    """The run after its last step, with a progress bar on the way."""
    from rich.console import Console  # noqa: PLC0415  not needed for `--help`
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn  # noqa: PLC0415

    columns = (
        TextColumn("{task.fields[channels]}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[said]}"),
    )
    run = run_of(taken)
    with Progress(*columns, console=Console(stderr=True), disable=stack.options.json) as progress:
        channels = " ".join(run["selector"]["channel_codes"])
        bar = progress.add_task("", total=run["total"], channels=channels, said="")
        _show(progress, bar, run)
        while run["status"] == "running":
            run = await _stepped(stack, taken.orgcode, run)
            _show(progress, bar, run)
    return run


async def _stepped(stack: Stack, orgcode: str, run: Mapping[str, Any]) -> dict[str, Any]:
    """The run after a step. Where another client has stepped it, or an answer was lost, the run as it is."""
    from chassis.errors import Refusal, Unavailable  # noqa: PLC0415  not needed for `--help`

    stub = PublishingStub(stack.channels.channel("pmc"))
    step = pb.StepRunRequest(
        orgcode=orgcode, run_id=run["run_id"], expected_revision=run["revision"], max_items=STEP_ITEMS
    )
    until = monotonic() + BUSY_SECONDS_MAX
    while True:
        try:
            return run_of(await stub.Step(step, timeout=STEP_SECONDS))
        except Refusal as refusal:
            if refusal.retryable and monotonic() < until:
                await asyncio.sleep(BUSY_PAUSE_SECONDS)
            elif refusal.tag not in STEPPED_ELSEWHERE:
                raise
        with suppress(Unavailable):
            found = run_of(await stub.Get(pb.GetRunRequest(orgcode=orgcode, run_id=run["run_id"])))
            if found["revision"] != run["revision"] or found["status"] != "running":
                return found


def run_of(answer: pb.RunAnswer) -> dict[str, Any]:
    """The run of an answer, in the form of the contract's PublishRun."""
    run: dict[str, Any] = msgspec.json.decode(answer.run)
    return run


def _show(progress: "Progress", bar: Any, run: Mapping[str, Any]) -> None:
    outcomes = [f"{count:,} {name}" for name, count in run["outcomes"].items() if count]
    progress.update(bar, completed=run["processed"], said=", ".join(outcomes))

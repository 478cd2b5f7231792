"""`stackctl job`: list the jobs of the services, and run one now."""

from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
from cyclopts import App, Parameter

from retailstack.chassis.v1.jobs_pb2 import ListJobsRequest, RunJobRequest
from retailstack.chassis.v1.jobs_pb2_grpc import JobsStub
from services.ops.cli.options import UsageError
from services.ops.cli.output import CommandOutcome, plain
from services.ops.cli.stack import Given, Stack

RUN_SECONDS = 3600.0


job = App(name="job", help="Scheduled jobs, and running them by hand.")


@job.command(name="list")
async def job_list(*, stack: Given) -> CommandOutcome:
    """Show every job of every service, and how its last run went."""
    items = []
    for peer in stack.peers:
        answer = await JobsStub(stack.channels.channel(peer)).List(ListJobsRequest())
        items += [{"service": peer, **plain(each)} for each in answer.jobs]
    shown = ("service", "name", "every_seconds", "running", "last_ended_utc", "last_error", "summary")
    return CommandOutcome(document={"items": items}, rows=[{name: item[name] for name in shown} for item in items])


@job.command(name="run")
async def job_run(
    service: str,
    name: str,
    /,
    *,
    param: Annotated[Sequence[str], Parameter(negative="", help="name=value; may be repeated.")] = (),
    dry_run: Annotated[bool, Parameter(negative="", help="Only say what would be done.")] = False,
    stack: Given,
) -> dict[str, Any]:
    """Run a job now, and show its answer."""
    return await run_job(stack, service, name, params_of(param), dry_run=dry_run)


async def run_job(
    stack: Stack, service: str, name: str, params: dict[str, str], *, dry_run: bool = False
) -> dict[str, Any]:
    """The answer of a job, run now."""
    if service not in stack.options.addresses:
        raise UsageError(f'there is no service "{service}"')
    request = RunJobRequest(job=name, params=params, dry_run=dry_run)
    answer = await JobsStub(stack.channels.channel(service)).Run(request, timeout=RUN_SECONDS)
    decoded: dict[str, Any] = msgspec.json.decode(answer.answer)
    return decoded


def params_of(given: Sequence[str]) -> dict[str, str]:
    """`name=value` texts as a mapping."""
    params = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise UsageError(f'"{text}" is not name=value')
        params[name] = value
    return params

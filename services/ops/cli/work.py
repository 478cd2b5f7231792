"""`stackctl work`: what the services have to do, what they gave up, and trying that again."""

import re
from typing import Annotated, Any

import msgspec
from cyclopts import App, Parameter

from retailstack.chassis.v1.work_pb2 import DeadWorkRequest, RetryWorkRequest, WorkDepthsRequest
from retailstack.chassis.v1.work_pb2_grpc import WorkStub
from services.ops.cli.options import UsageError
from services.ops.cli.output import CommandOutcome, plain
from services.ops.cli.stack import Given, Stack

RETRY_SECONDS = 600.0


work = App(name="work", help="What the services have to do, and what they gave up.")


@work.command(name="list")
async def work_list(*, stack: Given) -> CommandOutcome:
    """Show every work queue of every service: how much is ready, due later, being worked on, and dead."""
    items = []
    for peer in stack.peers:
        answer = await WorkStub(stack.channels.channel(peer)).Depths(WorkDepthsRequest())
        items += [plain(depth) for depth in answer.depths]
    return CommandOutcome(document={"items": items}, rows=items)


@work.command(name="dead")
async def work_dead(
    queue: str = "", /, *, limit: Annotated[int, Parameter(help="How many of each queue at most.")] = 0, stack: Given
) -> CommandOutcome | None:
    """Show work that was given up, oldest first: of one queue, or of all."""
    items = []
    for peer in [_service_of(queue, stack)] if queue else stack.peers:
        request = DeadWorkRequest(queue=queue, limit=limit)
        answer = await WorkStub(stack.channels.channel(peer)).Dead(request)
        items += [{**plain(item), "payload": msgspec.Raw(item.payload.encode())} for item in answer.dead]
    if stack.output.as_json:
        for item in items:
            stack.output.line(item)
        return None
    shown = ("queue", "orgcode", "key", "attempts", "dead_utc", "last_error")
    return CommandOutcome(document={}, rows=[{name: item[name] for name in shown} for item in items])


@work.command(name="retry")
async def work_retry(
    queue: str,
    /,
    *,
    org: Annotated[str, Parameter(help="Only work of this org.")] = "",
    key: Annotated[str, Parameter(help="Only this one, of the org named or of none.")] = "",
    limit: Annotated[int, Parameter(help="How many at most.")] = 0,
    stack: Given,
) -> dict[str, Any]:
    """Have work done after all that was given up, oldest first."""
    stub = WorkStub(stack.channels.channel(_service_of(queue, stack)))
    request = RetryWorkRequest(queue=queue, orgcode=org.upper(), key=key, limit=limit)
    answer = await stub.Retry(request, timeout=RETRY_SECONDS)
    return {"queue": queue, "retried": answer.retried}


def _service_of(queue: str, stack: Stack) -> str:
    service = re.split("[.-]", queue, maxsplit=1)[0]
    if service not in stack.options.addresses:
        raise UsageError(f'no service has a work queue "{queue}"')
    return service

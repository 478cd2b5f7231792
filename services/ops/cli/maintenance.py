"""`stackctl maintenance`: windows in which the stack is closed, from their planning to their end."""

from typing import Annotated, Any, Literal

from cyclopts import App, Parameter

from retailstack.ops.v1 import maintenance_pb2 as pb
from retailstack.ops.v1.maintenance_pb2_grpc import MaintenanceStub
from services.ops.cli.options import UsageError
from services.ops.cli.output import CommandOutcome, plain
from services.ops.cli.stack import Given, Stack

SECONDS = 15.0
"""Checking the secret code takes up to a second."""

Revision = Annotated[int | None, Parameter(help="The revision you have seen; left out, the current one is read.")]
Minutes = Annotated[int, Parameter(help="How long it is expected to take.")]
State = Literal["scheduled", "active", "ended", "cancelled"]

maintenance = App(name="maintenance", help="Maintenance windows: when the stack is closed.")


@maintenance.command(name="schedule")
async def maintenance_schedule(
    *,
    start: Annotated[str, Parameter(help="When it begins, in UTC: 2024-01-31T22:00:00Z.")],
    minutes: Minutes,
    description: Annotated[str, Parameter(help="What is done; callers may read it.")],
    stack: Given,
) -> CommandOutcome:
    """Plan a window. Callers are told of it from a day before its start."""
    request = pb.ScheduleMaintenanceRequest(
        secret_code=stack.secret,
        description=description,
        scheduled_start_utc=start,
        duration_minutes=_number("--minutes", minutes),
    )
    return _outcome(await _stub(stack).ScheduleMaintenance(request, timeout=SECONDS))


@maintenance.command(name="start")
async def maintenance_start(maintenance_id: str, /, *, revision: Revision = None, stack: Given) -> CommandOutcome:
    """Start a window now: every service but OPS answers 503 within two seconds."""
    seen = await _seen(stack, maintenance_id, revision)
    return _outcome(await _stub(stack).StartMaintenance(pb.StartMaintenanceRequest(**seen), timeout=SECONDS))


@maintenance.command(name="end")
async def maintenance_end(maintenance_id: str, /, *, revision: Revision = None, stack: Given) -> CommandOutcome:
    """End the active window: the services answer again within two seconds."""
    seen = await _seen(stack, maintenance_id, revision)
    return _outcome(await _stub(stack).EndMaintenance(pb.EndMaintenanceRequest(**seen), timeout=SECONDS))


@maintenance.command(name="cancel")
async def maintenance_cancel(
    maintenance_id: str,
    /,
    *,
    reason: Annotated[str, Parameter(help="Why; callers may read it.")],
    revision: Revision = None,
    stack: Given,
) -> CommandOutcome:
    """Call off a window that has not begun."""
    seen = await _seen(stack, maintenance_id, revision)
    request = pb.CancelMaintenanceRequest(**seen, reason=reason)
    return _outcome(await _stub(stack).CancelMaintenance(request, timeout=SECONDS))


@maintenance.command(name="update")
async def maintenance_update(
    maintenance_id: str,
    /,
    *,
    description: Annotated[str | None, Parameter(help="Another description.")] = None,
    minutes: Annotated[int | None, Parameter(help="Another duration, from the window's start on.")] = None,
    progress: Annotated[str | None, Parameter(help="How far the work has come.")] = None,
    percent: Annotated[int | None, Parameter(help="The same in numbers, with --progress.")] = None,
    revision: Revision = None,
    stack: Given,
) -> CommandOutcome:
    """Change what a window says of itself, or add a progress update."""
    if percent is not None and progress is None:
        raise UsageError("--percent goes with --progress")
    said = None
    if progress is not None:
        percent = None if percent is None else _number("--percent", percent)
        said = pb.UpdateMaintenanceRequest.Progress(message=progress, percent=percent)
    request = pb.UpdateMaintenanceRequest(
        **await _seen(stack, maintenance_id, revision),
        description=description,
        duration_minutes=None if minutes is None else _number("--minutes", minutes),
        progress=said,
    )
    return _outcome(await _stub(stack).UpdateMaintenance(request, timeout=SECONDS))


@maintenance.command(name="get")
async def maintenance_get(maintenance_id: str, /, *, stack: Given) -> CommandOutcome:
    """Show a window, with all its progress."""
    return _outcome(await _get(stack, maintenance_id))


@maintenance.command(name="list")
async def maintenance_list(
    *,
    state: Annotated[State | None, Parameter(help="Only those in this state.")] = None,
    stack: Given,
) -> CommandOutcome:
    """Show every window, the latest start first."""
    items: list[dict[str, Any]] = []
    token = None
    while True:
        page = await _stub(stack).ListMaintenance(
            pb.ListMaintenanceRequest(state=state, next_token=token), timeout=SECONDS
        )
        items += map(plain, page.items)
        if not page.HasField("next_token"):
            return CommandOutcome(document={"items": items}, rows=[_row(item) for item in items])
        token = page.next_token


async def _get(stack: Stack, maintenance_id: str) -> pb.MaintenanceAnswer:
    request = pb.GetMaintenanceRequest(maintenance_id=maintenance_id)
    answer: pb.MaintenanceAnswer = await _stub(stack).GetMaintenance(request, timeout=SECONDS)
    return answer


async def _seen(stack: Stack, maintenance_id: str, revision: int | None) -> dict[str, Any]:
    """The fields of every change of a window: the secret code, the window, and the revision that was seen."""
    if revision is None:
        revision = (await _get(stack, maintenance_id)).maintenance.revision
        stack.output.note(f"no --revision given: the current one is {revision}")
    return {
        "secret_code": stack.secret,
        "maintenance_id": maintenance_id,
        "expected_revision": _number("--revision", revision),
    }


def _number(flag: str, number: int) -> int:
    """A number that fits into the message; OPS validates it."""
    if not -(1 << 31) <= number < 1 << 31:
        raise UsageError(f"{flag} is out of range")
    return number


def _outcome(answer: pb.MaintenanceAnswer) -> CommandOutcome:
    """The window as a document; as a table: its fields, and a line per progress update."""
    window = plain(answer.maintenance)
    said = [f"{each['at_utc']} {_percent(each)}{each['message']}" for each in window["progress"]]
    return CommandOutcome(document={"maintenance": window}, rows=[{**window, "progress": "\n".join(said) or None}])


def _percent(said: dict[str, Any]) -> str:
    return "" if said["percent"] is None else f"{said['percent']} % "


def _row(window: dict[str, Any]) -> dict[str, Any]:
    """One row of the list."""
    names = ("maintenance_id", "state", "scheduled_start_utc", "duration_minutes", "expected_end_utc", "overrun")
    return {
        **{name: window[name] for name in names},
        "description": window["description"],
        "revision": window["revision"],
    }


def _stub(stack: Stack) -> Any:
    return MaintenanceStub(stack.open_channels.channel("ops"))

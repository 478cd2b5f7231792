"""`stackctl events`: watch events, list dead letters, and replay them."""

import re
from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
from cyclopts import App, Parameter

from retailstack.chassis.v1.bus_pb2 import DeadLettersRequest, ReplayRequest, TailEvent, TailRequest
from retailstack.chassis.v1.bus_pb2_grpc import BusStub
from services.ops.cli.options import UsageError
from services.ops.cli.output import CommandOutcome, plain
from services.ops.cli.stack import Given, Stack

TAIL_SECONDS = 7 * 24 * 3600.0
REPLAY_SECONDS = 600.0


events = App(name="events", help="Live events, dead letters, replay.")


@events.command(name="tail")
async def events_tail(
    *,
    key: Annotated[Sequence[str], Parameter(negative="", help="A pattern of event types: ics.stock.*, ics.#")] = (),
    stack: Given,
) -> None:
    """Show events as they are published, until interrupted."""
    stub = BusStub(stack.channels.channel("ops"))
    async for event in stub.Tail(TailRequest(keys=key), timeout=TAIL_SECONDS):
        if event.dropped:
            stack.output.note(f"{event.dropped} events were left out: this end did not keep up")
        if stack.output.as_json:
            stack.output.line(_event(event))
        else:
            stack.output.text(f"{event.at_utc}  {event.type:<32}  {event.orgcode:<16}  {event.subject}  {event.body}")


@events.command(name="dead")
async def events_dead(queue: str = "", /, *, stack: Given) -> CommandOutcome | None:
    """Show dead letters: of one queue, or of all."""
    letters = []
    for peer in [_service_of(queue, stack)] if queue else stack.peers:
        answer = await BusStub(stack.channels.channel(peer)).DeadLetters(DeadLettersRequest(queue=queue))
        letters += [_letter(letter) for letter in answer.dead_letters]
    if stack.output.as_json:
        for letter in letters:
            stack.output.line(letter)
        return None
    shown = ("queue", "event_id", "type", "orgcode", "failed_utc", "tries", "reason")
    return CommandOutcome(document={}, rows=[{name: letter[name] for name in shown} for letter in letters])


@events.command(name="replay")
async def events_replay(
    queue: str, /, *, limit: Annotated[int, Parameter(help="How many at most.")] = 0, stack: Given
) -> dict[str, Any]:
    """Put dead letters back into their queue, oldest first."""
    stub = BusStub(stack.channels.channel(_service_of(queue, stack)))
    answer = await stub.Replay(ReplayRequest(queue=queue, limit=limit), timeout=REPLAY_SECONDS)
    return {"queue": queue, "replayed": answer.replayed}


def _service_of(queue: str, stack: Stack) -> str:
    service = re.split("[.-]", queue, maxsplit=1)[0]
    if service not in stack.options.addresses:
        raise UsageError(f'no service has a queue "{queue}"')
    return service


def _event(event: TailEvent) -> dict[str, Any]:
    said = plain(event)
    del said["dropped"]
    return {**said, "body": msgspec.Raw(event.body.encode())}


def _letter(letter: Any) -> dict[str, Any]:
    return {**plain(letter), "body": _body(letter.body)}


def _body(text: str) -> Any:
    """The body as JSON, or as text if it is invalid JSON, which may be why it is a dead letter."""
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return text

"""What a service says about the events it hears: which, by what handler, and how that can end.

    consumers = Consumers("slc")

    @consumers.on("ics.stock.changed", "pmc.product.*", name="sync")
    async def sync(change: Change, event: Event) -> None: ...

A handler that takes a `Change` is run as one: what it writes is committed together with the note that this event has
been heard, so hearing it again does nothing. One that takes `Units` may call out, and makes changes of its own, with
`event.call`; the note follows in one more change, so what it does must bear repetition. Its further parameters ask for
things of the process by type (`Channels`, the settings struct, a resource …). Returning means done.
`raise Later(why)` tries again after a growing delay, until there have been too many tries; `raise Never(why)` makes it
a dead letter at once. Anything else that is raised counts as Later and is logged.
"""

import builtins
import inspect
import typing
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Literal, TypeVar

import msgspec
from msgspec.structs import replace

from chassis.bus.message import BusMessage
from chassis.caller import SYSTEM, Call
from chassis.clock import Utc
from chassis.entity import Value
from chassis.errors import Refusal
from chassis.provided import asks_of
from chassis.unit import Change, Units

Handler = Callable[..., Awaitable[None]]
T = TypeVar("T")

PREFETCH_DEFAULT = 64
CONCURRENCY_DEFAULT = 32
TRIES_MAX_DEFAULT = 12
DELAYS_SECONDS_DEFAULT = (1.0, 5.0, 30.0, 120.0, 600.0)


class Retry(Refusal):
    """Not now: try this event again, after a growing delay or about so many seconds.

    Meanwhile later events of its subject go ahead; who minds compares revisions.
    """

    status, tag, reason, retryable = 503, "consumer-later", "consumer_later", True

    def __init__(self, why: str, after: float | None = None) -> None:
        super().__init__(why)
        self.after = after


class DeadLetter(Refusal):
    """This event can not be handled, however often it is tried: keep it as a dead letter."""

    status, tag, reason = 422, "consumer-never", "consumer_never"


class Event(Value):
    """An event as it is heard. `call` is for changes made on its behalf; `tries` counts how often it was put off."""

    event_id: str
    type: str
    subject: str
    source: str
    at_utc: Utc
    orgcode: str
    actor: str
    revision: int
    traceparent: str | None
    raw: bytes
    call: Call
    tries: int = 0

    def body(self, as_type: builtins.type[T]) -> T:
        """The body as a struct of the fields one needs; Never where it does not hold them."""
        try:
            return msgspec.json.decode(self.raw, type=as_type)
        except msgspec.DecodeError as cause:
            raise DeadLetter(f"the body is no {getattr(as_type, '__name__', as_type)}: {cause}") from cause

    @property
    def data(self) -> dict[str, Any]:
        """The body as plain JSON."""
        return self.body(dict[str, Any])


class Consumer(Value):
    """A declared consumer. Its queue is `<service>.<name>`.

    access      what the handler is given: a Change, or Units
    asks        its further parameters -> the type of the thing each asks for
    prefetch    messages taken ahead of being handled
    concurrency handlers at work at once; those of one subject always follow each other
    ordered     one replica at a time is served, so that order per subject holds over replicas too
    delays      seconds between tries; the last one repeats
    tries_max   tries before an event becomes a dead letter
    """

    service: str
    name: str
    keys: tuple[str, ...]
    handler: Handler
    access: Literal["change", "units"]
    prefetch: int
    concurrency: int
    ordered: bool
    delays: tuple[float, ...]
    tries_max: int
    asks: Mapping[str, type] = {}

    @property
    def call_name(self) -> str:
        """What its calls are called in logs and metrics."""
        return f"{self.service}.{self.name}"


class Consumers:
    """The consumers of one feature."""

    def __init__(self, service: str) -> None:
        self.service = service
        self.declared: list[Consumer] = []

    def on(
        self,
        *keys: str,
        name: str,
        prefetch: int = PREFETCH_DEFAULT,
        concurrency: int = CONCURRENCY_DEFAULT,
        ordered: bool = True,
        delays: Sequence[float] = DELAYS_SECONDS_DEFAULT,
        tries_max: int = TRIES_MAX_DEFAULT,
    ) -> Callable[[Handler], Handler]:
        """Declare a consumer of the events whose type matches a key (`*` one word, `#` any number of words)."""
        if not keys or not delays or min(prefetch, concurrency, tries_max) < 1:
            raise TypeError(f"consumer {name} needs keys, delays, and numbers above zero")

        def keep(handler: Handler) -> Handler:
            access, asks = _read_signature(handler)
            self.declared.append(
                Consumer(
                    service=self.service,
                    name=name,
                    keys=keys,
                    handler=handler,
                    access=access,
                    asks=asks,
                    prefetch=prefetch,
                    concurrency=min(concurrency, prefetch),
                    ordered=ordered,
                    delays=tuple(delays),
                    tries_max=tries_max,
                )
            )
            return handler

        return keep


def _read_signature(handler: Handler) -> tuple[Literal["change", "units"], dict[str, type]]:
    """What a handler is given beside the event, and the things of the process it asks for."""
    where = handler.__qualname__
    hints = typing.get_type_hints(handler)
    match [(name, hints.get(name)) for name in inspect.signature(handler).parameters]:
        case [("change", first), ("event", second), *more] if first is Change and second is Event:
            if more:
                raise TypeError(f"{where} takes a Change, so it can ask for nothing else: {more[0][0]}")
            return "change", {}
        case [("units", first), ("event", second), *more] if first is Units and second is Event:
            return "units", asks_of(handler, skip=2)
    raise TypeError(f"{where} must take (change: Change, event: Event) or (units: Units, event: Event, …)")


def event_of(message: BusMessage, name: str, now: Utc) -> Event:
    """The event a message carries, to be handled by `name`; Never where it carries none."""
    headers = message.headers
    try:
        common = msgspec.json.decode(message.body, type=_Common)
    except msgspec.DecodeError as cause:
        raise DeadLetter(f"the body is no event: {cause}") from cause
    text = {name: str(value) for name, value in headers.items() if isinstance(value, str)}
    if not message.message_id or "cloudEvents:subject" not in text:
        raise DeadLetter("the message has no id or no subject")
    orgcode = text.get("orgcode") or common.orgcode or ""
    traceparent = text.get("traceparent")
    return Event(
        event_id=message.message_id,
        type=text.get("cloudEvents:type", message.routing_key),
        subject=text["cloudEvents:subject"],
        source=text.get("cloudEvents:source", ""),
        at_utc=Utc(text.get("cloudEvents:time", "")),
        orgcode=orgcode,
        actor=common.actor or "",
        revision=common.revision or 0,
        traceparent=traceparent,
        raw=message.body,
        call=_call(name, message.message_id, orgcode, traceparent, now),
        tries=message.tries,
    )


def _call(name: str, event_id: str, orgcode: str, traceparent: str | None, now: Utc) -> Call:
    """The call in which an event is handled: the stack itself acts, in the event's org, on the event's trace."""
    return Call(
        caller=replace(SYSTEM, orgcode=orgcode or None),
        name=name,
        request_id=event_id,
        started_utc=now,
        traceparent=traceparent,
    )


class _Common(msgspec.Struct):
    """What every event's body says."""

    orgcode: str | None = None
    actor: str | None = None
    revision: int | None = None

"""Consumers: which events a service consumes, with which handler, and how handling one can end.

    consumers = Consumers("slc")

    @consumers.on("ics.stock.changed", "pmc.product.*", name="sync")
    async def sync(change: Change, event: Event) -> None: ...

A handler that takes a `Change` runs as one: its writes are committed together with the record that this event has been
handled, so a second delivery does nothing. A handler that takes `Units` may call other services, and makes its own
changes with `event.call`; the record follows in a change of its own, so the handler must be safe to repeat. Its further
parameters ask for things of the process by type (`Channels`, the settings struct, a resource …).

Returning means done. `raise Retry(why)` tries again after a growing delay, up to `tries_max` times;
`raise DeadLetter(why)` makes the event a dead letter at once. Any other exception counts as Retry and is logged.

`Consumers("slc", relevant=sells)` asks `async def sells(event: Event, orgs: SellingOrgs) -> bool` first: an event for
which it returns False is acknowledged without a transaction and without a record.
"""

import builtins
import inspect
import typing
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Literal, TypeVar

import msgspec

from chassis.caller import Call
from chassis.clock import Utc
from chassis.entity import Value
from chassis.errors import Refusal
from chassis.provided import asks_of
from chassis.unit import Change, Units

Handler = Callable[..., Awaitable[None]]
Relevance = Callable[..., Awaitable[bool]]
"""Takes an event, and things of the process by type; whether the event is to be handled."""

T = TypeVar("T")

PREFETCH_DEFAULT = 64
CONCURRENCY_DEFAULT = 32
TRIES_MAX_DEFAULT = 12
DELIVERIES_MAX_DEFAULT = 20
DELAYS_SECONDS_DEFAULT = (1.0, 5.0, 30.0, 120.0, 600.0)


class Retry(Refusal):
    """Try this event again, after a growing delay or about `after` seconds.

    Meanwhile later events of its subject are handled; a consumer that depends on the order compares revisions.
    """

    status, tag, reason, retryable = 503, "consumer-later", "consumer_later", True

    def __init__(self, why: str, after: float | None = None) -> None:
        super().__init__(why)
        self.after = after


class DeadLetter(Refusal):
    """The event can never be handled: keep it as a dead letter."""

    status, tag, reason = 422, "consumer-never", "consumer_never"


class Event(Value):
    """A consumed event. `call` is for changes made on its behalf; `tries` counts earlier failed attempts.

    `arrived` is when it came to this process, in seconds of the monotonic clock.
    """

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
    arrived: float = 0.0

    def body(self, as_type: builtins.type[T]) -> T:
        """The body as a struct with the fields the consumer needs. Raises `DeadLetter` if it does not fit."""
        try:
            return msgspec.json.decode(self.raw, type=as_type)
        except msgspec.DecodeError as cause:
            raise DeadLetter(f"the body is no {getattr(as_type, '__name__', as_type)}: {cause}") from cause

    @property
    def data(self) -> dict[str, Any]:
        """The body as plain JSON."""
        return self.body(dict[str, Any])


class Consumer(Value):
    """A declared consumer. Its queue is `<service>.<name>`, unless `queue` names it.

    access      what the handler takes: a Change, or Units
    asks        its further parameters -> the type of each
    relevant    asked first, outside any transaction: whether the event is to be handled; None handles every event
    relevant_asks  its parameters after the event -> the type of each
    prefetch    messages taken from the queue before they are handled
    concurrency handlers running at once; events of one subject are handled one after the other
    ordered     the queue serves one replica at a time, so that order per subject holds across replicas
    delays      seconds between tries; the last one repeats
    tries_max   tries before an event becomes a dead letter
    dead        name of its dead-letter queue, `<queue>.dead` where empty
    dead_keys   types of events that go to its dead-letter queue: what was given up elsewhere, and can be replayed here
    deliveries_max  deliveries without an answer before a message is a dead letter
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
    relevant: Relevance | None = None
    relevant_asks: Mapping[str, type] = {}
    queue: str = ""
    dead: str = ""
    dead_keys: tuple[str, ...] = ()
    deliveries_max: int = DELIVERIES_MAX_DEFAULT

    @property
    def call_name(self) -> str:
        """The call name in logs and metrics."""
        return f"{self.service}.{self.name}"


class Consumers:
    """The consumers of one feature; `relevant` is asked first about every event of each."""

    def __init__(self, service: str, relevant: Relevance | None = None) -> None:
        self.service = service
        self._relevant = relevant
        self._relevant_asks = asks_of(relevant, skip=1) if relevant is not None else {}
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
        queue: str = "",
        dead: str = "",
        dead_keys: Sequence[str] = (),
        deliveries_max: int = DELIVERIES_MAX_DEFAULT,
    ) -> Callable[[Handler], Handler]:
        """Declare a consumer of the events whose type matches a key (`*` one word, `#` any number of words).

        One with a `queue` of that name needs no keys: what is published straight to the queue, or replayed, reaches it.
        """
        if not (keys or queue) or not delays or min(prefetch, concurrency, tries_max, deliveries_max) < 1:
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
                    relevant=self._relevant,
                    relevant_asks=self._relevant_asks,
                    queue=queue,
                    dead=dead,
                    dead_keys=tuple(dead_keys),
                    deliveries_max=deliveries_max,
                )
            )
            return handler

        return keep


def _read_signature(handler: Handler) -> tuple[Literal["change", "units"], dict[str, type]]:
    """Whether a handler takes a change or units, and the types of its further parameters."""
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

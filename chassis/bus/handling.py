"""Handling of one event by one handler, and its outcome."""

from typing import Literal

from msgspec.structs import replace

from chassis.bus.event_message import event_of
from chassis.bus.inbox import is_handled, note_handled
from chassis.bus.message import BusMessage
from chassis.clock import Clock
from chassis.consumer import Consumer, DeadLetter, Event, Retry
from chassis.entity import Value
from chassis.errors import Refusal
from chassis.gate import Gate
from chassis.provided import Provided
from chassis.telemetry.log import get_logger
from chassis.telemetry.trace import Scope, enter, leave, span
from chassis.unit import Change, Units, View

Word = Literal["handled", "repeated", "skipped", "later", "never"]

log = get_logger("chassis.bus")


class HandlingOutcome(Value):
    """How handling ended. `later`: retry after `delay_seconds`; `never`: a dead letter; after the others it is done."""

    word: Word
    reason: str = ""
    delay_seconds: float = 0.0

    @property
    def done(self) -> bool:
        """Whether the message can be acknowledged."""
        return self.word in {"handled", "repeated", "skipped"}


class Handling:
    """Passes events to a consumer's handler, once each."""

    def __init__(self, consumer: Consumer, units: Units, clock: Clock, gate: Gate, provided: Provided) -> None:
        self._consumer = consumer
        who = f"consumer {consumer.call_name}"
        self._asked = provided.arguments(who, consumer.asks)
        self._relevant_asked = provided.arguments(who, consumer.relevant_asks)
        self._units = units
        self._clock = clock
        self._gate = gate

    async def outcome(self, message: BusMessage) -> HandlingOutcome:
        """Handle a message; its outcome. Raises nothing but `CancelledError`."""
        try:
            event = event_of(message, self._consumer.call_name, self._clock.now())
            # Nothing is written to an org that is being vacuumed.
            # An event from before a vacuum may come out of a wait queue after it; it must not write anything.
            closed = self._gate.open and self._gate.is_closed_for(event.orgcode)
            if closed or self._gate.is_erased(event.orgcode, event.at_utc):
                return HandlingOutcome(word="skipped")
            relevant = self._consumer.relevant
            if relevant is not None and not await relevant(event, **self._relevant_asked):
                return HandlingOutcome(word="skipped")
            return HandlingOutcome(word="handled" if await self._handle(event) else "repeated")
        except DeadLetter as never:
            return self._reject(message, never.message)
        except Retry as later:
            return self._retry(message, later.message, later.after)
        except Refusal as refusal:
            return self._retry(message, f"{refusal.tag}: {refusal.message}", None)
        except Exception as defect:
            log.exception(
                "a consumer failed unexpectedly", consumer=self._consumer.call_name, event_id=message.message_id
            )
            return self._retry(message, f"{type(defect).__name__}: {defect}", None)

    async def _handle(self, event: Event) -> bool:
        """Handle the event within its trace; False if it was handled before."""
        name = self._consumer.call_name
        scope = enter(Scope(request_id=event.event_id, call=name, traceparent=event.traceparent))
        try:
            with span(name, "consumer", event.traceparent, event_id=event.event_id) as below:
                if below:
                    event = replace(event, call=replace(event.call, traceparent=below))
                run = self._as_change if self._consumer.access == "change" else self._with_units
                return await run(event)
        finally:
            leave(scope)

    async def _as_change(self, event: Event) -> bool:
        """Handle the event and note it, in one change; False if it was handled before."""

        async def once(change: Change) -> bool:
            if await is_handled(change, self._consumer, event):
                return False
            await self._consumer.handler(change, event)
            await note_handled(change, self._consumer, event)
            return True

        return await self._units.change(event.call, once)

    async def _with_units(self, event: Event) -> bool:
        """Handle the event, then note it; False if it was handled before."""

        async def look(view: View) -> bool:
            return await is_handled(view, self._consumer, event)

        async def note(change: Change) -> None:
            if not await is_handled(change, self._consumer, event):
                await note_handled(change, self._consumer, event)

        if await self._units.view(event.call, look):
            return False
        await self._consumer.handler(self._units, event, **self._asked)
        await self._units.change(event.call, note)
        return True

    def _retry(self, message: BusMessage, reason: str, after: float | None) -> HandlingOutcome:
        tried = message.tries + 1
        log.info("an event is put off", consumer=self._consumer.call_name, event_id=message.message_id, reason=reason)
        if tried >= self._consumer.tries_max:
            return self._reject(message, f"{reason} (tried {tried} times)")
        delay = delay_for(self._consumer.delays, message.tries, after)
        return HandlingOutcome(word="later", reason=reason, delay_seconds=delay)

    def _reject(self, message: BusMessage, reason: str) -> HandlingOutcome:
        consumer, event_id = self._consumer.call_name, message.message_id
        log.warning("an event becomes a dead letter", consumer=consumer, event_id=event_id, reason=reason)
        return HandlingOutcome(word="never", reason=reason)


def delay_for(delays: tuple[float, ...], tries: int, after: float | None) -> float:
    """The delay after this many tries: the next longer one, or the shortest of at least `after` seconds."""
    steps = sorted(delays)
    if after is None:
        return steps[min(tries, len(steps) - 1)]
    return next((step for step in steps if step >= after), steps[-1])

"""Keeps the maintenance gate up to date, by events and by asking OPS every second.

Events are fast, OPS is authoritative: each event takes effect at once and triggers a question to OPS. Either way alone
opens and closes the gate everywhere within two seconds. If OPS, its database or the broker is down, the gate is open,
so that they do not stop other services.
"""

import asyncio
from contextlib import suppress
from typing import Any

import msgspec
from msgspec import Struct

from chassis.bus.connection import Bus
from chassis.bus.listener import Listener
from chassis.clock import Clock, Utc
from chassis.errors import Refusal
from chassis.gate import Gate, GateWindow
from chassis.rpc.client import Channels
from chassis.telemetry.log import get_logger
from retailstack.ops.v1.maintenance_pb2 import GetMaintenanceStateRequest, MaintenanceWindow
from retailstack.ops.v1.maintenance_pb2_grpc import MaintenanceStub

EVENTS = ("ops.maintenance.*",)
ASK_EVERY_SECONDS = 1.0
ASK_SECONDS = 1.0
STOP_SECONDS = 2.0
FAILURES_UNTIL_OPEN = 3
"""Unanswered questions in a row that open a closed gate."""

log = get_logger("chassis.gate_sync")


class _GateEvent(Struct, frozen=True):
    """The fields of a maintenance record that the gate needs."""

    maintenance_id: str
    state: str
    scheduled_start_utc: Utc
    duration_minutes: int
    expected_end_utc: Utc


class GateSync:
    """Keeps the gate of one process up to date."""

    def __init__(self, gate: Gate, bus: Bus, channels: Channels, clock: Clock) -> None:
        self._gate = gate
        self._channels = channels
        self._listener = Listener(bus, EVENTS, clock, name="gate")
        self._tasks: list[asyncio.Task[None]] = []
        self._failures = 0
        self._received = 0
        self._news = asyncio.Event()

    async def start(self) -> None:
        """Start listening and asking, and await the first answer or failure.

        So a process that starts within a window is closed from its first request on.
        """
        await self._listener.start()
        await self.ask()
        self._tasks = [
            asyncio.create_task(self._consume(), name="gate events"),
            asyncio.create_task(self._ask_on(), name="gate questions"),
        ]

    async def stop(self) -> None:
        """Stop listening and asking."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        with suppress(TimeoutError):
            async with asyncio.timeout(STOP_SECONDS):
                await self._listener.stop()

    async def ask(self) -> None:
        """Ask OPS once, and set the gate."""
        if "ops" not in self._channels.addresses:
            return
        received = self._received
        try:
            stub = MaintenanceStub(self._channels.channel("ops"))
            state = await stub.GetState(GetMaintenanceStateRequest(), timeout=ASK_SECONDS)
        except Refusal as refusal:
            self._failures += 1
            if self._failures >= FAILURES_UNTIL_OPEN and self._gate.window is not None:
                log.warning("the gate opens: OPS can't be asked", problem=refusal.message)
                self._gate.reopen()
            return
        self._failures = 0
        if received != self._received:
            return  # An event arrived meanwhile and is newer than the answer.
        self._gate.announce(_window(state.next) if state.HasField("next") else None)
        if state.active and state.HasField("window"):
            self._close(_window(state.window))
        else:
            self._reopen(None)

    async def _ask_on(self) -> None:
        while True:
            self._news.clear()
            try:
                await self.ask()
            except Exception:
                # This loop must not end, because nothing else updates the gate.
                log.exception("asking OPS for the gate's state failed")
            with suppress(TimeoutError):
                async with asyncio.timeout(ASK_EVERY_SECONDS):
                    await self._news.wait()

    async def _consume(self) -> None:
        async for event in self._listener:
            self._received += 1
            try:
                self._take(event.type.rpartition(".")[2], event.data)
            except Exception:
                # One invalid event must not end the loop; OPS is asked for its content at once.
                log.exception("a maintenance event can't be understood", event_id=event.event_id)
            self._news.set()

    def _take(self, what: str, data: dict[str, Any]) -> None:
        event = msgspec.convert(data["maintenance"], _GateEvent)
        window = GateWindow(
            maintenance_id=event.maintenance_id,
            expected_end_utc=event.expected_end_utc,
            start_utc=event.scheduled_start_utc,
            minutes=event.duration_minutes,
        )
        if what == "started" or (what == "updated" and event.state == "active"):
            self._close(window)
        elif what == "ended":
            self._reopen(event.maintenance_id)
        coming = self._gate.next
        if event.state != "scheduled" and coming is not None and coming.maintenance_id == event.maintenance_id:
            # OPS is asked for the next window at once.
            self._gate.announce(None)

    def _close(self, window: GateWindow) -> None:
        if self._gate.window is None:
            log.info("the gate closes: a maintenance window began", maintenance_id=window.maintenance_id)
        self._gate.close(window)

    def _reopen(self, maintenance_id: str | None) -> None:
        before = self._gate.window
        self._gate.reopen(maintenance_id)
        if before is not None and self._gate.window is None:
            log.info("the gate opens: the maintenance window ended")


def _window(said: MaintenanceWindow) -> GateWindow:
    return GateWindow(
        maintenance_id=said.maintenance_id,
        expected_end_utc=Utc(said.expected_end_utc),
        start_utc=Utc(said.scheduled_start_utc),
        minutes=said.duration_minutes,
    )

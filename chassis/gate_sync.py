"""Keeps the maintenance gate up to date, by events and by long-polling OPS.

Events are fast, OPS is authoritative: each event takes effect at once and makes this process ask OPS again. Either way
alone opens and closes the gate everywhere within two seconds. If OPS, its database or the broker is down, the gate is
open, so that they do not stop other services.
"""

import asyncio
from contextlib import suppress
from time import monotonic
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
RETRY_SECONDS = 1.0
ASK_SECONDS = 1.0
"""How long an answer may take, beyond the time that OPS waits for a change."""

WAIT_SECONDS = 50
"""How long OPS waits for a change before it answers all the same."""

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
        self._mark = ""

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

    async def ask(self, wait_seconds: int = 0) -> None:
        """Ask OPS once, and set the gate. OPS waits up to `wait_seconds` for a state other than the known one."""
        if "ops" not in self._channels.addresses:
            return
        request = GetMaintenanceStateRequest(known=self._mark, wait_seconds=wait_seconds if self._mark else 0)
        received = self._received
        try:
            stub = MaintenanceStub(self._channels.channel("ops"))
            state = await stub.GetState(request, timeout=ASK_SECONDS + request.wait_seconds)
        except Refusal as refusal:
            self._failures += 1
            self._mark = ""
            if self._failures >= FAILURES_UNTIL_OPEN and self._gate.window is not None:
                log.warning("the gate opens: OPS can't be asked", problem=refusal.message)
                self._gate.reopen()
            return
        self._failures = 0
        if received != self._received:
            self._mark = ""
            return  # An event arrived meanwhile and is newer than the answer.
        self._mark = state.mark
        self._gate.announce(_window(state.next) if state.HasField("next") else None)
        if state.active and state.HasField("window"):
            self._close(_window(state.window))
        else:
            self._reopen(None)

    async def _ask_on(self) -> None:
        while True:
            self._news.clear()
            known, began = self._mark, monotonic()
            asking = asyncio.create_task(self._try(), name="gate question")
            news = asyncio.create_task(self._news.wait())
            try:
                await asyncio.wait({asking, news}, return_when=asyncio.FIRST_COMPLETED)
                # An OPS that is about to stop does not wait.
                hurried = self._mark == known and monotonic() - began < WAIT_SECONDS
                if not news.done() and (not self._mark or hurried):
                    await asyncio.wait({news}, timeout=RETRY_SECONDS)
            finally:
                # An event makes the question that is open a question about an old state.
                for task in (asking, news):
                    task.cancel()
                await asyncio.gather(asking, news, return_exceptions=True)
            if self._news.is_set():
                self._mark = ""

    async def _try(self) -> None:
        try:
            await self.ask(WAIT_SECONDS)
        except Exception:
            # The loop must not end, because nothing else updates the gate.
            self._mark = ""
            log.exception("asking OPS for the gate's state failed")

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

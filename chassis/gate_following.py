"""Keeping the gate of a process as the operator has set it: maintenance windows of the stack, and vacuums of orgs."""

from collections.abc import Awaitable, Callable

from chassis.bus.connection import Bus
from chassis.clock import Clock
from chassis.closure_sync import ClosureSync
from chassis.gate import Gate
from chassis.gate_sync import GateSync
from chassis.rpc.client import Channels


async def follow_gate(
    gate: Gate,
    bus: Bus,
    channels: Channels,
    clock: Clock,
    add_stop: Callable[[str, Callable[[], Awaitable[None]]], None],
) -> None:
    """Know whether the process is closed, and keep knowing it. Start it before anything of the process takes work."""
    windows = GateSync(gate, bus, channels, clock)
    await windows.start()
    add_stop("gate watch", windows.stop)
    closures = ClosureSync(gate, channels)
    await closures.start()
    add_stop("closure watch", closures.stop)

"""Makes the gate of a process follow the operator: maintenance windows of the stack, and vacuums of orgs."""

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
    """Ask for the state of the gate, then keep it up to date. Call this before any part of the process takes work."""
    windows = GateSync(gate, bus, channels, clock)
    await windows.start()
    add_stop("gate watch", windows.stop)
    closures = ClosureSync(gate, channels)
    await closures.start()
    add_stop("closure watch", closures.stop)

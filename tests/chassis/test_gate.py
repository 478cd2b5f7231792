from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import msgspec
import pytest

from chassis.bus.connection import Bus
from chassis.bus.publishing import Outgoing, publish
from chassis.bus.topology import declare_exchange
from chassis.clock import FixedClock, SystemClock, Utc
from chassis.errors import MaintenanceActive
from chassis.gate import Gate, GateWindow
from chassis.gate_sync import FAILURES_UNTIL_OPEN, GateSync
from chassis.rpc.client import Channels
from retailstack.ops.v1 import maintenance_pb2 as pb
from retailstack.ops.v1 import maintenance_pb2_grpc as pb_grpc
from tests.chassis.bus_given import eventually, forget

NOON = Utc("2024-01-31T12:00:00.000Z")
ID, OTHER = "01970f3e-9a4c-7c31-8a55-3f0c4b1d2e6a", "01970f3e-9a4c-7c31-8a55-3f0c4b1d2e6b"
WINDOW = GateWindow(maintenance_id=ID, expected_end_utc=Utc("2024-01-31T12:10:00.000Z"), start_utc=NOON, minutes=10)


def test_a_gate_is_open_unless_told() -> None:
    gate = Gate(FixedClock(NOON))
    gate.check("DEMO0001")
    assert gate.open


def test_a_window_closes_it_for_everybody() -> None:
    clock = FixedClock(NOON)
    gate = Gate(clock)
    gate.close(WINDOW)
    with pytest.raises(MaintenanceActive) as refused:
        gate.check("DEMO0001")
    assert refused.value.details == {
        "retry_after_seconds": 600,
        "maintenance_id": ID,
        "expected_end_utc": WINDOW.expected_end_utc,
    }
    clock.advance(3600)
    with pytest.raises(MaintenanceActive) as refused:
        gate.check(None)
    assert refused.value.details["retry_after_seconds"] == 5


def test_only_the_end_of_its_own_window_opens_it() -> None:
    gate = Gate(FixedClock(NOON))
    gate.close(WINDOW)
    gate.reopen(OTHER)
    assert not gate.open
    gate.reopen(ID)
    assert gate.open


def test_an_org_can_be_closed_alone() -> None:
    gate = Gate(FixedClock(NOON))
    gate.close_orgs(frozenset({"DEMO0001"}))
    gate.check("OTHR0001")
    with pytest.raises(MaintenanceActive):
        gate.check("DEMO0001")
    assert gate.is_closed_for("DEMO0001")
    assert not gate.is_closed_for("OTHR0001")


class Ops(pb_grpc.MaintenanceServicer):
    """Answers what it was told to."""

    def __init__(self) -> None:
        self.state = pb.GetMaintenanceStateResponse()

    async def GetState(self, request: Any, context: Any) -> pb.GetMaintenanceStateResponse:
        return self.state


@asynccontextmanager
async def an_ops() -> AsyncIterator[tuple[Ops, Channels]]:
    """An OPS that says whether a window is active, and channels to it."""
    ops, server = Ops(), grpc.aio.server()  # type: ignore[abstract]  # nothing but GetState is asked here
    pb_grpc.add_MaintenanceServicer_to_server(ops, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    channels = Channels({"ops": (f"127.0.0.1:{port}",)})
    try:
        yield ops, channels
    finally:
        await channels.close()
        await server.stop(None)


def told(window: GateWindow, state: str) -> dict[str, Any]:
    """A maintenance record as the events carry it, as far as it matters here."""
    return {
        "maintenance_id": window.maintenance_id,
        "state": state,
        "scheduled_start_utc": window.start_utc,
        "duration_minutes": window.minutes,
        "expected_end_utc": window.expected_end_utc,
        "description": "more than the gate asks for",
    }


async def test_ops_is_asked(amqp_url: str, bus_prefix: str) -> None:
    gate, bus = Gate(FixedClock(NOON)), Bus(amqp_url, "test", bus_prefix)
    async with an_ops() as (ops, channels):
        watch = GateSync(gate, bus, channels, SystemClock())
        said = pb.MaintenanceWindow(
            maintenance_id=ID,
            expected_end_utc=WINDOW.expected_end_utc,
            scheduled_start_utc=NOON,
            duration_minutes=10,
        )
        ops.state = pb.GetMaintenanceStateResponse(active=True, window=said)
        await watch.ask()
        assert gate.window == WINDOW
        ops.state = pb.GetMaintenanceStateResponse(active=False, next=said)
        await watch.ask()
        assert gate.open
        assert gate.next == WINDOW
        ops.state = pb.GetMaintenanceStateResponse(active=True, window=said)
        await watch.ask()
        assert not gate.open


async def test_an_ops_that_is_gone_leaves_the_gate_open(amqp_url: str, bus_prefix: str) -> None:
    gate, bus = Gate(FixedClock(NOON)), Bus(amqp_url, "test", bus_prefix)
    gate.close(WINDOW)
    channels = Channels({"ops": ("127.0.0.1:1",)})
    watch = GateSync(gate, bus, channels, SystemClock())
    try:
        for _ in range(FAILURES_UNTIL_OPEN):
            assert not gate.open
            await watch.ask()
        assert gate.open
    finally:
        await channels.close()


async def test_nobody_to_ask_leaves_the_gate_alone(amqp_url: str, bus_prefix: str) -> None:
    gate, bus = Gate(FixedClock(NOON)), Bus(amqp_url, "test", bus_prefix)
    await GateSync(gate, bus, Channels({}), SystemClock()).ask()
    assert gate.open


async def test_events_open_and_close_it(amqp_url: str, bus_prefix: str) -> None:
    gate, bus = Gate(FixedClock(NOON)), Bus(amqp_url, "test", bus_prefix)
    await bus.start()
    watch = GateSync(gate, bus, Channels({}), SystemClock())
    await watch.start()
    try:
        async with bus.publishing.channel(confirms=True, seconds=10.0) as channel:
            await declare_exchange(channel, bus.topology)

            async def until(open_: bool, what: str, state: str) -> None:
                # Live events may be missed while a listener comes up; the question to OPS is there for that.
                async def told_and_heard() -> bool:
                    await publish(channel, [an_event(bus, what, told(WINDOW, state))], 5.0)
                    return gate.open is open_

                await eventually(told_and_heard)

            await until(False, "started", "active")
            assert gate.window == WINDOW
            await until(True, "ended", "ended")
            await until(False, "updated", "active")
    finally:
        await watch.stop()
        await forget(bus)
        await bus.stop()


def an_event(bus: Bus, what: str, maintenance: dict[str, Any]) -> Outgoing:
    """A maintenance event as the relay of OPS would publish it."""
    headers = {
        "cloudEvents:specversion": "1.0",
        "cloudEvents:type": f"ops.maintenance.{what}",
        "cloudEvents:source": "ops",
        "cloudEvents:subject": ID,
        "cloudEvents:time": NOON,
        "cloudEvents:id": OTHER,
        "orgcode": "",
    }
    body = {"orgcode": "", "actor": "operator", "revision": 1, "maintenance": maintenance}
    return Outgoing(
        exchange=bus.topology.exchange,
        routing_key=f"ops.maintenance.{what}",
        message_id=OTHER,
        headers=headers,
        body=msgspec.json.encode(body),
    )

"""The gRPC server: its port, health, reflection and metrics, and how it stops."""

import asyncio
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc  # type: ignore[import-untyped]
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (  # type: ignore[import-untyped]
    ProtoReflectionDescriptorDatabase,
)

from chassis.errors import Unauthorized
from chassis.rpc.server import RpcServer
from chassis.telemetry.names import RPC_REQUESTS
from retailstack.chassis.v1.vacuum_pb2 import VacuumRequest
from tests.chassis.rpc.given import ScriptedServicer, calling, serving
from tests.waiting import within


async def test_a_call_in_flight_is_finished_before_the_server_stops() -> None:
    servicer = ScriptedServicer()
    started, go_on = asyncio.Event(), asyncio.Event()

    async def wait(_: str) -> int:
        started.set()
        await go_on.wait()
        return 3

    servicer.count = wait
    async with serving(servicer) as server, calling(server) as stub:
        asking = asyncio.ensure_future(_count(stub))
        await started.wait()
        stopping = asyncio.ensure_future(server.stop(5))
        go_on.set()
        assert await asking == 3
        await stopping


async def _count(stub: Any) -> int:
    answer = await stub.Count(VacuumRequest())
    return int(answer.collections[0].matched)


async def test_health_is_told_per_service_and_reflection_names_them() -> None:
    async with (
        serving(ScriptedServicer()) as server,
        grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel,
    ):
        health = health_pb2_grpc.HealthStub(channel)
        name = "retailstack.chassis.v1.Vacuum"
        up = await health.Check(health_pb2.HealthCheckRequest(service=name))
        await server.serving(False)
        down = await health.Check(health_pb2.HealthCheckRequest(service=""))
        names = await asyncio.to_thread(_reflected, f"127.0.0.1:{server.port}")

    assert (up.status, down.status) == (up.SERVING, up.NOT_SERVING)
    assert {name, "grpc.health.v1.Health"} <= set(names)


def _reflected(address: str) -> list[str]:
    with grpc.insecure_channel(address) as channel:
        return list(ProtoReflectionDescriptorDatabase(channel).get_services())


async def test_a_port_that_is_taken_is_not_shared() -> None:
    async with serving(ScriptedServicer()) as server:
        with pytest.raises(RuntimeError):
            async with serving(ScriptedServicer(), port=server.port):
                pass


async def test_calls_are_counted_by_method_and_status() -> None:
    async with serving(ScriptedServicer()) as server, calling(server) as stub:
        await stub.Count(VacuumRequest())
        async with calling(server, sign=None) as stranger:
            with pytest.raises(Unauthorized):
                await stranger.Count(VacuumRequest())
        method = "retailstack.chassis.v1.Vacuum/Count"
        expected = {(method, "ok"): 1.0, (method, "unauthenticated"): 1.0}
        # A refusal is on its way before the server has counted it.
        async with within(5):
            while _counted(server) != expected:  # noqa: ASYNC110  nobody tells a test when a counter moves
                await asyncio.sleep(0)


def _counted(server: RpcServer) -> dict[tuple[str, ...], float]:
    found = server.metrics.counter(RPC_REQUESTS).collect()
    totals = (sample for family in found for sample in family.samples if sample.name.endswith("_total"))
    return {tuple(sample.labels.values()): sample.value for sample in totals}

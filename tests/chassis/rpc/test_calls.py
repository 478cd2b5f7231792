import asyncio
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc  # type: ignore[import-untyped]
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (  # type: ignore[import-untyped]
    ProtoReflectionDescriptorDatabase,
)

from chassis.caller import SYSTEM, Call, Caller
from chassis.clock import SystemClock
from chassis.errors import Throttled, Unauthorized, Unavailable
from chassis.rpc import client
from chassis.rpc import server as server_module
from chassis.rpc.client import CALL_SECONDS, Channels
from chassis.rpc.context import acting_for, current_call
from chassis.rpc.interceptors import SecretVerdict
from chassis.rpc.server import RpcServer
from chassis.rpc.status import PeerUnreachable
from chassis.rpc.target import safe_methods, target_of
from chassis.telemetry.names import RPC_REQUESTS
from retailstack.chassis.v1.vacuum_pb2 import VacuumRequest
from retailstack.chassis.v1.vacuum_pb2_grpc import VacuumStub
from tests.chassis.rpc.given import SECRET, OpenServicer, ScriptedServicer, calling, serving, sign
from tests.waiting import stretched, within

USER = Caller(kind="user", actor="u-1", orgcode="ACME", roles=frozenset({"ics_view"}))


def a_call(caller: Caller = USER) -> Call:
    return Call(caller=caller, name="test", request_id="r-1", started_utc=SystemClock().now())


async def test_a_call_arrives_with_the_caller_and_request_it_is_made_for() -> None:
    seen: list[Call] = []
    servicer = ScriptedServicer()

    async def look(_: str) -> int:
        seen.append(current_call())
        return 7

    servicer.count = look
    async with serving(servicer) as server, calling(server) as stub:
        with acting_for(a_call()):
            answer = await stub.Count(VacuumRequest(orgcode="ACME"))

    assert answer.collections[0].matched == 7
    assert seen[0].caller == USER
    assert (seen[0].name, seen[0].request_id, seen[0].peer) == ("Count", "r-1", "127.0.0.1")


async def test_a_call_of_nobody_is_made_by_the_service_itself() -> None:
    seen: list[Caller] = []
    servicer = ScriptedServicer()

    async def look(_: str) -> int:
        seen.append(current_call().caller)
        return 0

    servicer.count = look
    async with serving(servicer) as server, calling(server) as stub:
        await stub.Count(VacuumRequest())

    assert seen == [SYSTEM]


async def test_without_a_signed_caller_and_without_the_secret_nothing_is_reached() -> None:
    servicer = ScriptedServicer()
    async with serving(servicer) as server:
        for token, code in ((None, None), (None, "wrong"), ("forged", None)):
            async with calling(
                server, sign=token and (lambda *_: "forged"), secret_code=code and (lambda: "wrong")
            ) as stub:
                with pytest.raises(Unauthorized):
                    await stub.Count(VacuumRequest())
    assert servicer.calls == 0


async def test_the_operators_secret_opens_what_needs_a_caller() -> None:
    servicer = ScriptedServicer()
    async with serving(servicer) as server, calling(server, sign=None, secret_code=lambda: SECRET) as stub:
        await stub.Count(VacuumRequest())
    assert servicer.calls == 1


async def test_an_open_servicer_sees_strangers_and_must_look_after_them_itself() -> None:
    servicer = OpenServicer()
    seen: list[str] = []

    async def look(_: str) -> int:
        seen.append(current_call().caller.kind)
        return 0

    servicer.count = look
    async with serving(servicer) as server, calling(server, sign=None) as stub:
        await stub.Count(VacuumRequest())
    assert seen == ["anonymous"]


async def test_a_nested_call_never_outlives_its_parent() -> None:
    servicer = ScriptedServicer()
    ended = asyncio.Event()

    async def wait(_: str) -> int:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        return 0

    servicer.count = wait
    async with serving(servicer) as server, calling(server) as stub:
        with acting_for(a_call(), seconds=0.2), pytest.raises(Unavailable, match="in time"):
            await stub.Count(VacuumRequest(), timeout=stretched(60))
        async with within(5):
            await ended.wait()
        with acting_for(a_call(), seconds=-1), pytest.raises(Unavailable, match="no time"):
            await stub.Count(VacuumRequest())


async def test_every_call_has_a_deadline_even_if_nobody_gave_one() -> None:
    left: list[float] = []

    class Watching(ScriptedServicer):
        async def Count(self, request: Any, context: Any) -> Any:
            left.append(context.time_remaining())
            return await super().Count(request, context)

    async with serving(Watching()) as server, calling(server) as stub:
        await stub.Count(VacuumRequest())
    assert 0 < left[0] < CALL_SECONDS + 1


async def test_calls_spread_over_the_replicas_and_step_round_one_that_is_gone() -> None:
    first, second = ScriptedServicer(), ScriptedServicer()
    async with serving(first) as here, serving(second) as there, calling(here, there) as stub:
        async with within(10):
            while not (first.calls and second.calls):
                await stub.Count(VacuumRequest())
        await here.stop(0)
        before = second.calls
        for _ in range(10):
            await stub.Count(VacuumRequest())
        assert second.calls == before + 10


async def test_a_replica_that_goes_away_is_asked_again_only_where_that_does_no_harm() -> None:
    class Leaving(ScriptedServicer):
        async def Count(self, request: Any, context: Any) -> Any:
            if self.calls < 2:
                self.calls += 1
                await context.abort(grpc.StatusCode.UNAVAILABLE, "going away")
            return await super().Count(request, context)

        async def Delete(self, request: Any, context: Any) -> Any:
            self.calls += 1
            await context.abort(grpc.StatusCode.UNAVAILABLE, "going away")
            yield

    servicer = Leaving()
    async with serving(servicer) as server, calling(server) as stub:
        await stub.Count(VacuumRequest())
        assert servicer.calls == 3
        with pytest.raises(Unavailable):
            await _delete(stub, [])
        assert servicer.calls == 4


async def test_what_a_service_says_on_purpose_is_not_tried_again() -> None:
    servicer = ScriptedServicer()

    async def refuse(_: str) -> int:
        raise Unavailable("the broker is down")

    servicer.count = refuse
    async with serving(servicer) as server, calling(server) as stub:
        with pytest.raises(Unavailable, match="the broker is down"):
            await stub.Count(VacuumRequest())
    assert servicer.calls == 1


async def test_a_peer_that_cannot_be_reached_is_said_to_be_so() -> None:
    async with serving(ScriptedServicer()) as server, calling(server) as stub:
        await server.stop(0)
        with pytest.raises(Unavailable, match="ics can't be reached"):
            await stub.Count(VacuumRequest())
    with pytest.raises(Unavailable, match="no address of pmc"):
        Channels({}).channel("pmc")


async def test_a_stream_ends_with_the_refusal_that_ended_it() -> None:
    servicer = ScriptedServicer()

    async def refuse(nth: str) -> int:
        if nth == "2":
            raise Throttled("slow down", 7)
        return 0

    servicer.count = refuse
    async with serving(servicer) as server, calling(server) as stub:
        seen: list[int] = []
        with pytest.raises(Throttled) as refused:
            await _delete(stub, seen)
    assert seen == [0, 1]
    assert refused.value.details == {"retry_after_seconds": 7}


async def _delete(stub: Any, seen: list[int]) -> None:
    async for tally in stub.Delete(VacuumRequest()):
        seen.append(tally.deleted)  # noqa: PERF401  what came before the refusal counts


async def test_a_stream_left_halfway_stops_its_server() -> None:
    servicer = ScriptedServicer()
    stopped = asyncio.Event()

    async def wait(nth: str) -> int:
        if nth == "1":
            try:
                await asyncio.Event().wait()
            finally:
                stopped.set()
        return 0

    servicer.count = wait
    async with serving(servicer) as server, calling(server) as stub:
        call = stub.Delete(VacuumRequest())
        async for _ in call:
            break
        call.cancel()
        async with within(5):
            await stopped.wait()


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


def test_only_methods_marked_idempotent_are_repeated() -> None:
    safe = {f"{each['service']}/{each['method']}" for each in safe_methods()}
    assert "retailstack.identity.v1.Directory/Resolve" in safe
    assert "retailstack.chassis.v1.Vacuum/Count" in safe
    assert not safe & {
        "retailstack.chassis.v1.Vacuum/Delete",
        "retailstack.identity.v1.Administration/OpenSession",
        "retailstack.ics.v1.Inventory/ShipRecord",
    }


def test_one_name_is_followed_and_several_are_a_list() -> None:
    assert target_of(["ics-headless:9000"]) == "dns:///ics-headless:9000"
    assert target_of(["127.0.0.1:1", "localhost:2"]) == "ipv4:127.0.0.1:1,127.0.0.1:2"


async def test_a_call_without_any_credential_is_no_attempt_at_the_secret_code() -> None:
    servicer, asked = ScriptedServicer(), []

    async def check(code: str, peer: str) -> SecretVerdict:
        asked.append(code)
        return SecretVerdict(ok=False)

    servicer.check_secret = check  # type: ignore[method-assign]
    async with serving(servicer) as server:
        bare = Channels({"ops": f"127.0.0.1:{server.port}"})
        empty = Channels({"ops": f"127.0.0.1:{server.port}"}, secret_code=lambda: "")
        for channels in (bare, empty):
            with pytest.raises(Unauthorized):
                await VacuumStub(channels.channel("ops")).Count(VacuumRequest(orgcode="ACME"))
            await channels.close()

    assert asked == []


async def test_a_peer_whose_name_comes_late_is_found_by_a_new_channel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "RENEW_SECONDS", 0.0)
    async with serving(ScriptedServicer()) as server:
        there = f"ipv4:127.0.0.1:{server.port}"
        # A name that does not exist yet: gRPC asks for it ever more rarely, for up to two minutes.
        targets = iter(["ipv4:127.0.0.1:1", there, there])
        monkeypatch.setattr(client, "target_of", lambda _: next(targets))
        channels = Channels({"ops": "ops-headless:9090"}, sign=sign)
        try:
            with pytest.raises(PeerUnreachable):
                await VacuumStub(channels.channel("ops")).Count(VacuumRequest(orgcode="ACME"))
            await VacuumStub(channels.channel("ops")).Count(VacuumRequest(orgcode="ACME"))
            kept = channels.channel("ops")
            assert channels.channel("ops") is kept
        finally:
            await channels.close()


def test_replicas_are_looked_for_every_minute() -> None:
    assert dict(server_module._OPTIONS)["grpc.max_connection_age_ms"] <= 60_000

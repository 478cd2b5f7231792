"""Calls to a service of several replicas: spread, repeated where that is safe, and sent to those that are there."""

from typing import Any

import grpc
import pytest

from chassis.errors import Unavailable
from chassis.rpc import client
from chassis.rpc import server as server_module
from chassis.rpc.client import Channels
from chassis.rpc.refusals import PeerUnreachable
from chassis.rpc.target import safe_methods, target_of
from retailstack.chassis.v1.vacuum_pb2 import VacuumRequest
from retailstack.chassis.v1.vacuum_pb2_grpc import VacuumStub
from tests.chassis.rpc.given import ScriptedServicer, calling, collect_tallies, serving, sign
from tests.waiting import within


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
            await collect_tallies(stub, [])
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

"""gRPC calls between services: who makes them, how long they may take, and how refusals and streams arrive."""

import asyncio
from typing import Any

import pytest

from chassis.caller import SYSTEM, Call, Caller
from chassis.errors import Throttled, Unauthorized, Unavailable
from chassis.rpc.client import CALL_SECONDS, Channels
from chassis.rpc.context import acting_for, current_call
from chassis.rpc.interceptors import SecretVerdict
from retailstack.chassis.v1.vacuum_pb2 import VacuumRequest
from retailstack.chassis.v1.vacuum_pb2_grpc import VacuumStub
from tests.chassis.rpc.given import (
    SECRET,
    USER,
    OpenServicer,
    ScriptedServicer,
    a_call,
    calling,
    collect_tallies,
    serving,
)
from tests.waiting import stretched, within


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
            await collect_tallies(stub, seen)
    assert seen == [0, 1]
    assert refused.value.details == {"retry_after_seconds": 7}


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

"""A window closes the whole stack within two seconds, and opens it again: six processes, one broker, real ports."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import monotonic
from typing import Any

import aiohttp
import pytest
from pymongo import MongoClient

from chassis.caller import Caller
from chassis.clock import SystemClock, Utc, later, seconds_between
from chassis.testing.keys import token
from retailstack.ops.v1 import maintenance_pb2 as pb
from retailstack.ops.v1.maintenance_pb2_grpc import MaintenanceStub
from tests.ops.vacuum.stack import CODE, Operator, Shop, a_stack
from tests.waiting import stretched

HOLD_SECONDS = 2.0
GATED = ("gateway", "ics", "pmc", "slc", "visualgrid")
NOTICE = "X-Maintenance-Scheduled"


class Keeper:
    """The operator of a stack, who changes windows."""

    def __init__(self, operator: Operator, shop: Shop) -> None:
        self.operator = operator
        self.stack = operator.stack
        self.shop = shop
        self.stub: Any = MaintenanceStub(operator.channels.channel("ops"))

    async def schedule(self, start: str, minutes: int = 10) -> pb.MaintenanceWindow:
        request = pb.ScheduleMaintenanceRequest(
            secret_code=CODE, description="a new disk", scheduled_start_utc=start, duration_minutes=minutes
        )
        answer: pb.MaintenanceAnswer = await self.stub.ScheduleMaintenance(request)
        return answer.maintenance

    async def change(self, verb: str, window: pb.MaintenanceWindow, **also: Any) -> pb.MaintenanceWindow:
        asked = getattr(pb, f"{verb}MaintenanceRequest")(
            secret_code=CODE, maintenance_id=window.maintenance_id, expected_revision=window.revision, **also
        )
        answer: pb.MaintenanceAnswer = await getattr(self.stub, f"{verb}Maintenance")(asked)
        return answer.maintenance

    async def everywhere(self, *, is_open: bool, seconds: float = HOLD_SECONDS) -> float:
        """Wait until every process's gate is open or closed; how long that took, in seconds."""
        began = monotonic()
        while any(self.stack.running[name].runtime.gate.open is not is_open for name in GATED):
            assert monotonic() - began < stretched(seconds), (
                f"not every gate is {'open' if is_open else 'closed'} in time"
            )
            await asyncio.sleep(0.01)
        return monotonic() - began

    async def notice(self, wanted: str | None, path: str = "/ics/stat") -> None:
        """Wait until the gateway's answers have this notice of a scheduled window."""
        end = monotonic() + stretched(HOLD_SECONDS)
        while (await self.look(path))[1].get(NOTICE) != wanted:
            assert monotonic() < end, f"{path} does not say {wanted}"
            await asyncio.sleep(0.02)

    async def look(self, path: str, **headers: str) -> tuple[int, dict[str, str]]:
        """Status and headers of a GET at the gateway."""
        url = f"http://127.0.0.1:{self.stack.running['gateway'].http_port}{path}"
        async with aiohttp.ClientSession() as http, http.get(url, headers=headers) as answer:
            await answer.read()
            return answer.status, dict(answer.headers)


@asynccontextmanager
async def a_keeper(operator: Operator) -> AsyncIterator[Keeper]:
    yield Keeper(operator, await operator.an_org("ALPHA001"))


@pytest.fixture
async def keeper(
    mongodb_uri: str, database_name: str, amqp_url: str, mongodb_client: MongoClient[dict[str, Any]]
) -> AsyncIterator[Keeper]:
    async with (
        a_stack(mongodb_uri, database_name, amqp_url, mongodb_client) as operator,
        a_keeper(operator) as keeper,
    ):
        yield keeper


def soon(seconds: float = 3600) -> Utc:
    return later(SystemClock().now(), seconds)


async def test_a_window_closes_all_but_ops_and_what_needs_no_service(keeper: Keeper) -> None:
    await keeper.shop.trade(1)
    window = await keeper.schedule(soon())
    active = await keeper.change("Start", window)
    await keeper.everywhere(is_open=False)

    status, headers, said = await keeper.shop.ask("/ics/stock/list")
    error = said["error"]
    assert (status, error["error_code"], error["retryable"]) == (503, "ics.maintenance_active", True)
    assert error["major"]["tag"] == "maintenance-active"
    assert error["details"]["maintenance_id"] == window.maintenance_id
    assert error["details"]["expected_end_utc"] == active.expected_end_utc
    left = seconds_between(SystemClock().now(), Utc(active.expected_end_utc))
    assert 5 <= int(headers["Retry-After"]) <= left + 2
    assert int(headers["Retry-After"]) > left - 5
    assert int(headers["Retry-After"]) == error["details"]["retry_after_seconds"]

    for path in ("/pmc/stat", "/slc/no/such/row", "/ics/stat", "/visualgrid/ping"):
        status, headers = await keeper.look(path, **keeper.shop.headers)
        assert (status, int(headers["Retry-After"]) >= 5) == (503, True), path
    await nothing_behind_the_gateway(keeper)
    await what_stays_up(keeper)

    await keeper.change("End", active)
    await keeper.everywhere(is_open=True)
    assert (await keeper.shop.ask("/ics/stock/list"))[0] == 200


async def nothing_behind_the_gateway(keeper: Keeper) -> None:
    """Each service refuses calls by itself, even if the gateway lets one through."""
    for name in ("ics", "pmc"):
        service = keeper.stack.running[name]
        url = f"http://127.0.0.1:{service.http_port}/{name}/stat"
        signed = token(Caller(kind="user", actor="ann"), name)
        async with aiohttp.ClientSession() as http, http.get(url, headers={"x-caller": signed}) as answer:
            assert answer.status == 503, await answer.text()


async def what_stays_up(keeper: Keeper) -> None:
    session = {"x-session-guid": keeper.shop.headers["x-session-guid"]}
    assert (await keeper.look("/ops/maintenance/list", **session))[0] == 200
    assert (await keeper.look("/ops/ping", **{"x-secret-code": CODE}))[0] == 200
    for path in ("/ics/openapi.yaml", "/asyncapi.yaml", "/docs", "/mcp/ics/PROTOCOL.md"):
        assert (await keeper.look(path))[0] == 200, path
    async with aiohttp.ClientSession() as http:
        for name, process in keeper.stack.running.items():
            for path in ("/healthz", "/readyz", "/metrics"):
                url = f"http://127.0.0.1:{process.runtime.private_port}{path}"
                async with http.get(url) as answer:
                    assert answer.status == 200, (name, path)


async def test_start_and_end_take_hold_everywhere_within_two_seconds(keeper: Keeper) -> None:
    for _ in range(3):
        await start_and_end(keeper)


async def test_they_do_so_too_without_events(
    mongodb_uri: str,
    database_name: str,
    amqp_url: str,
    mongodb_client: MongoClient[dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("chassis.gate_sync.EVENTS", ("nobody.says.this",))
    async with (
        a_stack(mongodb_uri, database_name, amqp_url, mongodb_client) as operator,
        a_keeper(operator) as keeper,
    ):
        for _ in range(3):
            await start_and_end(keeper)


async def start_and_end(keeper: Keeper) -> None:
    """A window starts and ends, and every gate follows in time."""
    window = await keeper.change("Start", await keeper.schedule(soon()))
    await keeper.everywhere(is_open=False)
    await keeper.change("End", window)
    await keeper.everywhere(is_open=True)


async def test_the_day_before_every_answer_says_so_until_it_is_cancelled(keeper: Keeper) -> None:
    far = await keeper.schedule(soon(25 * 3600), minutes=7)
    near = await keeper.schedule(soon(23 * 3600), minutes=9)
    said = f"{near.scheduled_start_utc}; duration=9"
    for path in ("/ics/stat", "/nowhere", "/docs", "/ops/ping", "/visualgrid/ping"):
        await keeper.notice(said, path)

    near = await keeper.change("Update", near, duration_minutes=11)
    await keeper.notice(f"{near.scheduled_start_utc}; duration=11")
    await keeper.change("Cancel", near, reason="not needed")
    await keeper.notice(None)
    assert (await keeper.change("Cancel", far, reason="nor this")).state == "cancelled"


async def test_without_ops_the_others_go_on(keeper: Keeper) -> None:
    await keeper.shop.trade(1)
    await keeper.stack.stop("ops")
    end = monotonic() + HOLD_SECONDS
    while monotonic() < end:
        assert (await keeper.shop.ask("/ics/stock/list"))[0] == 200


async def test_where_ops_goes_while_a_window_is_active_the_gate_opens_and_closes_again(keeper: Keeper) -> None:
    window = await keeper.change("Start", await keeper.schedule(soon()))
    await keeper.everywhere(is_open=False)
    await keeper.stack.stop("ops")
    await keeper.everywhere(is_open=True, seconds=20)
    assert (await keeper.shop.ask("/ics/stock/list"))[0] == 200
    await keeper.stack.start("ops")
    await keeper.everywhere(is_open=False, seconds=20)
    await keeper.change("End", window)
    await keeper.everywhere(is_open=True)


async def test_a_longer_window_is_told_to_those_who_wait(keeper: Keeper) -> None:
    window = await keeper.change("Start", await keeper.schedule(soon(), minutes=1))
    await keeper.everywhere(is_open=False)
    longer = await keeper.change("Update", window, duration_minutes=120)
    end = monotonic() + stretched(HOLD_SECONDS)
    while True:
        status, headers, said = await keeper.shop.ask("/ics/stock/list")
        if said["error"]["details"]["expected_end_utc"] == longer.expected_end_utc:
            break
        assert monotonic() < end
        await asyncio.sleep(0.02)
    assert status == 503
    assert int(headers["Retry-After"]) > 7000


async def test_events_go_out_while_a_window_is_active(keeper: Keeper) -> None:
    await keeper.shop.trade(1)
    window = await keeper.change("Start", await keeper.schedule(soon()))
    await keeper.everywhere(is_open=False)
    window = await keeper.change("Update", window, progress={"message": "half", "percent": 50})
    await keeper.operator.calm()
    events = keeper.operator.collection("ops", "events")
    assert events.count_documents({"type": "ops.maintenance.updated", "pending": False}) == 1
    await keeper.change("End", window)
    await keeper.everywhere(is_open=True)


async def test_a_process_that_comes_up_in_a_window_is_closed_from_its_first_request_on(keeper: Keeper) -> None:
    window = await keeper.change("Start", await keeper.schedule(soon()))
    await keeper.everywhere(is_open=False)
    for name in ("ics", "gateway"):
        await keeper.stack.stop(name)
        await keeper.stack.start(name)
        assert not keeper.stack.running[name].runtime.gate.open
    await keeper.change("End", window)
    await keeper.everywhere(is_open=True)

import asyncio

import pytest
from aiohttp import web
from aiohttp.web_request import BaseRequest

from chassis.clock import FixedClock, Utc
from chassis.gate import GateWindow
from tests.gateway.given import (
    NOON,
    ORG,
    OTHER_ORG,
    SESSION,
    SIGNED_IN,
    Upstream,
    a_house,
    connected,
    read_reply,
    request,
    send,
    until,
)
from tests.waiting import stretched

WINDOW = GateWindow(
    maintenance_id="m1",
    expected_end_utc=Utc("2026-01-01T12:10:00.000Z"),
    start_utc=Utc("2026-01-02T08:00:00.000Z"),
    minutes=90,
)


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("GET", "/visualgrid/ping"),
        ("POST", "/visualgrid/root/auth"),
        ("POST", "/visualgrid/node/load"),
        ("GET", "/visualgrid/ui/"),
        ("GET", "/ops/ping"),
        ("GET", "/ops/stat"),
        ("GET", "/slc?shop=x"),
        ("GET", "/slc/oauth/callback?code=c"),
        ("POST", "/slc/webhooks/shopify"),
        ("GET", "/pmc/objects/a/b?signature=s"),
        ("PUT", "/pmc/objects/a/b?signature=s"),
        ("GET", "/ics/openapi.yaml"),
        ("GET", "/ics/openapi.json"),
    ],
)
async def test_what_needs_no_session_is_passed_on_without_one(method: str, target: str) -> None:
    services = {name: Upstream() for name in ("ops", "ics", "pmc", "slc", "visualgrid")}
    async with a_house(upstreams=services) as house:
        body = b"{}" if method != "GET" else None
        reply = await send(house.port, request(method, target, {}, body))
        [seen] = [seen for service in services.values() for seen in service.seen]

    assert reply.status == 200
    assert seen.target == target
    assert (seen.caller.kind, seen.caller.orgcode, seen.caller.roles) == ("anonymous", None, frozenset())
    assert house.directory.asked == []


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("GET", "/ops/maintenance/list"),
        ("POST", "/ops/ping"),
        ("GET", "/ics/stat"),
        ("GET", "/pmc/stat"),
        ("POST", "/pmc/objects/a"),
        ("DELETE", "/pmc/objects/a"),
        ("POST", "/slc"),
        ("GET", "/slc/webhooks/shopify"),
        ("POST", "/ics/openapi.yamlx"),
    ],
)
async def test_everything_else_asks_for_a_credential(method: str, target: str) -> None:
    services = {name: Upstream() for name in ("ops", "ics", "pmc", "slc")}
    async with a_house(upstreams=services) as house:
        reply = await send(house.port, request(method, target, {}, b'{"action":"channel/list"}'))

    assert reply.status == 401
    assert not any(service.seen for service in services.values())


async def test_slc_answers_a_ping_without_a_credential_and_nothing_else() -> None:
    slc = Upstream()
    async with a_house(upstreams={"slc": slc}) as house:
        ping = await house.post("/slc", {"action": "ping"}, {})
        signed = await house.post("/slc", {"action": "ping"}, {"x-session-guid": SESSION})
        hidden = await house.post("/slc", {"action": "channel/list", "note": {"action": "ping"}}, {})
        other = await house.post("/slc", {"action": "channel/list", "orgcode": ORG}, {"x-session-guid": SESSION})

    assert [reply.status for reply in (ping, signed, hidden, other)] == [200, 200, 401, 200]
    assert [seen.caller.kind for seen in slc.seen] == ["anonymous", "anonymous", "user"]


async def test_a_secret_code_and_a_token_reach_only_those_they_are_for() -> None:
    ops, grid, ics = Upstream(), Upstream(), Upstream()
    sent = {**SIGNED_IN, "x-secret-code": "s3cret", "x-vg-token": "t0ken"}
    async with a_house(upstreams={"ops": ops, "visualgrid": grid, "ics": ics}) as house:
        await send(house.port, request("GET", "/ops/ping", sent, b'{"secret_code":"s3cret"}'))
        await house.post("/visualgrid/schema", {}, sent)
        await house.post("/ics/x", {}, sent)

    assert ops.seen[0].headers["x-secret-code"] == "s3cret"
    assert ops.seen[0].body == b'{"secret_code":"s3cret"}'
    assert ops.seen[0].headers["x-forwarded-for"] == "127.0.0.1"
    assert "x-vg-token" not in ops.seen[0].names
    assert grid.seen[0].headers["x-vg-token"] == "t0ken"
    assert "x-secret-code" not in grid.seen[0].names
    assert not {"x-secret-code", "x-vg-token"} & set(ics.seen[0].names)


async def test_a_webhook_arrives_byte_for_byte_with_its_signature() -> None:
    slc = Upstream()
    body = b'{"id": 1,  "session_guid":"kept", "note":"\\u00fc"}'
    headers = {"X-Shopify-Hmac-SHA256": "abc=", "X-Shopify-Topic": "orders/create", "Content-Type": "application/json"}
    async with a_house(upstreams={"slc": slc}) as house:
        await house.post("/slc/webhooks/shopify", body, headers)

    assert slc.seen[0].body == body
    assert slc.seen[0].headers["x-shopify-hmac-sha256"] == "abc="
    assert slc.seen[0].headers["x-shopify-topic"] == "orders/create"


async def test_the_callers_address_is_that_of_the_last_trusted_proxy() -> None:
    ops = Upstream()
    async with a_house(upstreams={"ops": ops}, FORWARDED_HOPS="1") as house:
        await house.get("/ops/ping", {"X-Forwarded-For": "forged, 203.0.113.9"})

    assert ops.seen[0].headers["x-forwarded-for"] == "203.0.113.9"


async def test_during_a_window_all_but_ops_and_the_documents_is_closed() -> None:
    services = {name: Upstream() for name in ("ops", "ics", "pmc", "slc", "visualgrid")}
    async with a_house(clock=FixedClock(NOON), upstreams=services) as house:
        house.gate.close(WINDOW)
        closed = [
            await house.get(target)
            for target in ("/ics/stat", "/pmc/x", "/slc?shop=s", "/visualgrid/ping", "/pmc/objects/k")
        ]
        open_ = [
            (await house.get(target)).status
            for target in ("/ops/maintenance/list", "/ops/ping", "/ics/openapi.json", "/visualgrid/ui/", "/docs")
        ]
        house.gate.reopen()
        after = await house.get("/ics/stat")

    assert {reply.status for reply in closed} == {503}
    assert {reply.headers["retry-after"] for reply in closed} == {"600"}
    assert closed[0].error_code == "ics.maintenance_active"
    assert closed[0].json["error"]["details"]["maintenance_id"] == "m1"
    assert closed[0].json["error"]["details"]["expected_end_utc"] == WINDOW.expected_end_utc
    assert open_ == [200] * 5
    assert after.status == 200


async def test_a_wrong_credential_gets_401_even_while_closed() -> None:
    async with a_house(clock=FixedClock(NOON)) as house:
        house.gate.close(WINDOW)
        reply = await house.get("/ics/stat", {"x-session-guid": "unknown"})

    assert reply.status == 401


async def test_an_org_that_is_being_emptied_is_closed_for_its_members_and_absent_for_others() -> None:
    async with a_house() as house:
        house.gate.close_orgs(frozenset({ORG, OTHER_ORG}))
        mine = await house.get("/ics/x")
        others = await house.get("/ics/x", {"x-session-guid": SESSION, "x-orgcode": OTHER_ORG})

    assert (mine.status, others.status) == (503, 404)


async def test_a_scheduled_window_is_told_with_every_answer_until_it_is_cancelled() -> None:
    clock = FixedClock(NOON)
    async with a_house(clock=clock) as house:
        house.gate.announce(WINDOW)
        told = [await house.get(target) for target in ("/ics/x", "/nowhere", "/docs")]
        house.gate.announce(None)
        after = await house.get("/ics/x")
        house.gate.announce(WINDOW)
        clock.advance(20 * 3600)
        begun = await house.get("/ics/x")

    assert {reply.headers["x-maintenance-scheduled"] for reply in told} == {"2026-01-02T08:00:00.000Z; duration=90"}
    assert "x-maintenance-scheduled" not in {*after.headers, *begun.headers}


async def test_more_work_than_is_taken_on_is_refused_and_operators_still_get_through() -> None:
    go_on = asyncio.Event()

    async def slow(_: BaseRequest, __: bytes) -> web.StreamResponse:
        await go_on.wait()
        return web.json_response({})

    async with a_house(
        upstreams={"ics": Upstream(slow), "ops": Upstream()}, IN_FLIGHT_MAX="6", IN_FLIGHT_RESERVE="2"
    ) as house:
        calls = [asyncio.create_task(house.get("/ics/x")) for _ in range(4)]
        await until(lambda: house.ics.running == 4)
        refused = await house.get("/ics/x")
        operator = await house.get("/ops/ping", {})
        go_on.set()
        replies = await asyncio.gather(*calls)

    assert (refused.status, refused.headers["retry-after"]) == (503, "1")
    assert operator.status == 200
    assert {reply.status for reply in replies} == {200}


async def test_a_stop_loses_no_request_in_flight_and_closes_connections_with_their_answers() -> None:
    go_on = asyncio.Event()

    async def slow(_: BaseRequest, __: bytes) -> web.StreamResponse:
        await go_on.wait()
        return web.json_response({"done": True})

    async with a_house(upstreams={"ics": Upstream(slow)}) as house, connected(house.port) as (reader, writer):
        calls = [asyncio.create_task(house.post("/ics/x", {"n": n})) for n in range(20)]
        writer.write(request("GET", "/ics/x", SIGNED_IN))
        await until(lambda: house.ics.running == 21)
        port = house.port
        stopping = asyncio.create_task(house.entrance.stop(5.0))
        await until(lambda: house.entrance.pipeline.draining)
        with pytest.raises(OSError, match=r"refused|Connect call failed"):
            await send(port, request("GET", "/ics/x", SIGNED_IN))
        go_on.set()
        replies = await asyncio.gather(*calls)
        kept = await read_reply(reader)
        await stopping

    assert {reply.status for reply in replies} == {200}
    assert kept.status == 200
    assert kept.closed


async def test_a_stop_waits_no_longer_than_it_may() -> None:
    async def never(_: BaseRequest, __: bytes) -> web.StreamResponse:
        await asyncio.Event().wait()
        raise AssertionError

    async with a_house(upstreams={"ics": Upstream(never)}) as house, connected(house.port) as (reader, writer):
        writer.write(request("GET", "/ics/x", SIGNED_IN))
        await until(lambda: house.ics.running == 1)
        await asyncio.wait_for(house.entrance.stop(0.2), stretched(5.0))
        assert await reader.read() == b""


async def test_a_defect_of_ours_is_a_500_that_shows_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    async with a_house() as house:
        house.directory.failure = RuntimeError(f"boom {SESSION}")
        reply = await house.get("/ics/x")

    assert (reply.status, reply.error_code) == (500, "ics.internal_error")
    assert b"boom" not in reply.body
    capsys.readouterr()

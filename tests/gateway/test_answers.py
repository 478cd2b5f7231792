"""What the gateway adds to answers, and what it writes to the access log."""

import asyncio
import gzip
import io
import re
from typing import Any

import msgspec
import pytest
import structlog
from aiohttp import web
from aiohttp.web_request import BaseRequest

from chassis.telemetry import log as logs
from gateway.telemetry.access import AccessLog
from tests.gateway.given import (
    KEY,
    ORG,
    SESSION,
    SIGNED_IN,
    House,
    Upstream,
    a_house,
    connected,
    request,
    send,
    until,
)


async def test_browsers_of_listed_origins_may_call() -> None:
    shop, preflight = "https://shop.example", {"Access-Control-Request-Method": "POST"}
    async with a_house(CORS_ORIGINS="https://shop.example,https://admin.example") as house:
        asked = await send(house.port, request("OPTIONS", "/ics/x", {"Origin": shop, **preflight}))
        strange = await send(house.port, request("OPTIONS", "/ics/x", {"Origin": "https://evil.example", **preflight}))
        called = await house.get("/ics/x", {**SIGNED_IN, "Origin": shop})
        refused = await house.get("/ics/x", {"Origin": shop})
        other = await house.get("/ics/x", {**SIGNED_IN, "Origin": "https://evil.example"})

    assert asked.status == 204
    assert asked.headers["access-control-allow-origin"] == shop
    assert "X-Session-Guid" in asked.headers["access-control-allow-headers"]
    assert "POST" in asked.headers["access-control-allow-methods"]
    assert strange.status == 405
    assert called.headers["access-control-allow-origin"] == refused.headers["access-control-allow-origin"] == shop
    assert "access-control-allow-credentials" not in called.headers
    assert "access-control-allow-origin" not in other.headers
    assert other.headers["vary"] == "Origin"
    assert house.ics.seen[-1].method == "GET"


async def test_without_configured_origins_no_browser_may_call() -> None:
    async with a_house() as house:
        reply = await house.get("/ics/x", {**SIGNED_IN, "Origin": "https://shop.example"})

    assert not [name for name, _ in reply.head if name.lower().startswith("access-control")]


def _answering(size: int, **headers: str) -> Upstream:
    async def answer(_: BaseRequest, __: bytes) -> web.StreamResponse:
        return web.Response(
            body=b'"' + b"a" * (size - 2) + b'"', headers={"Content-Type": "application/json", **headers}
        )

    return Upstream(answer)


@pytest.mark.parametrize("size", [10_000, 100_000, 2_000_000])
async def test_large_answers_are_compressed_for_who_takes_it(size: int) -> None:
    async with a_house(upstreams={"ics": _answering(size)}) as house:
        packed = await house.get("/ics/x", {**SIGNED_IN, "Accept-Encoding": "br, gzip;q=0.5"})
        plain = await house.get("/ics/x", {**SIGNED_IN, "Accept-Encoding": "gzip;q=0, *"})

    assert packed.headers["content-encoding"] == "gzip"
    assert packed.headers["vary"] == plain.headers["vary"] == "Accept-Encoding"
    assert gzip.decompress(packed.body) == plain.body
    assert len(plain.body) == size
    assert "content-encoding" not in plain.headers


@pytest.mark.parametrize(
    "upstream", [_answering(1000), _answering(100_000, ETag='"1"'), _answering(100_000, **{"Content-Encoding": "br"})]
)
async def test_small_tagged_and_packed_answers_are_left_as_they_are(upstream: Upstream) -> None:
    async with a_house(upstreams={"ics": upstream}) as house:
        reply = await house.get("/ics/x", {**SIGNED_IN, "Accept-Encoding": "gzip"})

    assert reply.headers.get("content-encoding") in {None, "br"}
    assert len(reply.body) >= 1000


async def test_answers_say_where_the_time_went() -> None:
    async with a_house() as house:
        reply = await house.get("/ics/x")
        off = await house.get("/nowhere")

    stages = re.findall(r"([a-z]+);dur=[0-9.]+", reply.headers["server-timing"])
    assert stages == ["identity", "admission", "ics", "total"]
    assert off.headers["server-timing"].startswith("total;dur=")


def _log_into(house: House) -> io.StringIO:
    written = io.StringIO()
    house.entrance.pipeline._access = AccessLog("gw-1", out=written)
    return written


async def test_the_access_log_is_a_line_of_json_a_request() -> None:
    async with a_house() as house:
        written = _log_into(house)
        sent = {**SIGNED_IN, "x-request-id": "r1", "x-cccode": "AB12-CD34-EF56"}
        await house.post("/ics/zone/create?signature=hidden", {"a": 1}, sent)
        await house.get("/nowhere", {"x-request-id": "r2"})
        house.entrance.pipeline._access.flush()
    first, second = (msgspec.json.decode(line) for line in written.getvalue().splitlines())

    assert first["event"] == "request"
    assert (first["request_id"], first["method"], first["path"]) == ("r1", "POST", "/ics/zone/create")
    assert (first["status"], first["org"], first["cccode"]) == (200, ORG, "AB12-CD34-EF56")
    assert (first["upstream"], first["bytes_in"], first["peer"]) == ("ics", 7, "127.0.0.1")
    assert first["upstream_replica"] == house.ics.address.removeprefix("http://")
    assert first["duration_ms"] > 0
    assert (second["request_id"], second["status"], second["upstream"]) == ("r2", 404, "gateway")
    assert "hidden" not in written.getvalue()


async def test_no_answer_and_no_log_line_holds_what_was_sent_in_confidence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code = "the-operators-secret-code"
    replies: list[Any] = []
    logged = io.StringIO()
    processors: list[Any] = [structlog.processors.format_exc_info, logs.redact, logs.render]
    monkeypatch.setattr("gateway.pipeline.log", structlog.wrap_logger(structlog.WriteLogger(logged), processors))
    async with a_house(upstreams={"ops": Upstream(), "visualgrid": Upstream()}) as house:
        written = _log_into(house)
        replies += [await house.get(f"/ics/{SESSION}")]
        replies += [await house.get(f"/ics/x/{KEY}", {"x-api-key": KEY})]
        replies += [await house.get(f"/ics/x?session_guid={SESSION}&api_key={KEY}")]
        replies += [await house.post("/ics/x", {"session_guid": SESSION, "api_key": KEY})]
        replies += [await house.post("/ics/x", {"session_guid": [SESSION], "orgcode": SESSION, "cccode": KEY})]
        replies += [await house.post(f"/{SESSION}", b'{"session_guid":"' + SESSION.encode())]
        replies += [await house.get("/ics/x", {**SIGNED_IN, "x-orgcode": SESSION, "x-cccode": KEY})]
        replies += [await house.get("/ics/x", {**SIGNED_IN, "x-request-id": SESSION, "traceparent": SESSION})]
        replies += [await send(house.port, request("GET", "/ops/ping", {"x-secret-code": code}))]
        replies += [
            await send(
                house.port, f"GET /ics/x HTTP/1.1\r\nx-session-guid: {SESSION}\r\nBad Header: 1\r\n\r\n".encode()
            )
        ]
        replies += [await send(house.port, f"{SESSION} /ics/x HTTP/9.9\r\n\r\n".encode())]
        house.directory.failure = RuntimeError("the directory broke")
        replies += [await house.get("/ics/x", {"x-session-guid": SESSION + "x"})]
        house.entrance.pipeline._access.flush()
    captured = capsys.readouterr()
    everything = written.getvalue() + logged.getvalue() + captured.out + captured.err + repr(replies)

    assert "the directory broke" in logged.getvalue()
    assert len(written.getvalue().splitlines()) == len(replies)
    for secret in (SESSION, KEY, code):
        assert secret not in everything


async def test_a_caller_who_does_not_wait_is_logged_as_gone() -> None:
    async def slow(_: BaseRequest, __: bytes) -> web.StreamResponse:
        await asyncio.sleep(5)
        return web.Response()

    async with a_house(upstreams={"ics": Upstream(slow)}) as house:
        written = _log_into(house)
        async with connected(house.port) as (_, writer):
            writer.write(request("GET", "/ics/x", SIGNED_IN))
            await until(lambda: house.ics.running)
        await until(lambda: house.entrance.pipeline.admission.in_flight == 0)
        house.entrance.pipeline._access.flush()

    assert msgspec.json.decode(written.getvalue())["status"] == 499

"""The HTTP client against a real server on this machine."""

import asyncio
import gzip
import io
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from aiohttp.web import BaseRequest
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from chassis.caller import ANONYMOUS, Call
from chassis.clock import Utc
from chassis.errors import UpstreamFailed
from chassis.outgoing.client import HttpClient, http_client
from chassis.rpc.context import acting_for
from chassis.settings import BaseSettings, Secret, SettingsError
from chassis.telemetry import log as logs
from chassis.telemetry import trace
from chassis.telemetry.metrics import Metrics
from chassis.testing.keys import key_settings
from tests.chassis.outgoing.given import FAST, Handler, a_client, a_site, agree, failed, in_turn


async def test_a_call_sends_json_and_reads_it() -> None:
    async with a_site(agree) as site, a_client() as client:
        answer = await client.request("POST", f"{site.url}/a?b=1", peer="shop", json={"n": 1}, headers={"X-A": "1"})

    method, path, headers, body = site.seen[0]
    assert (method, path, body) == ("POST", "/a?b=1", b'{"n":1}')
    assert (headers["X-A"], headers["Content-Type"], headers["User-Agent"]) == ("1", "application/json", "retailstack")
    assert (answer.status, answer.ok, answer.json(dict[str, bool])) == (200, True, {"ok": True})
    with pytest.raises(UpstreamFailed, match="can't be read"):
        answer.json(list[int])


async def test_what_does_no_harm_is_repeated_and_nothing_else() -> None:
    def answers() -> Handler:
        return in_turn(web.Response(status=503), web.Response(status=429, headers={"Retry-After": "0"}), web.Response())

    async with a_client() as client:
        async with a_site(answers()) as site:
            read = await client.request("GET", site.url, peer="shop")
        async with a_site(answers()) as once:
            posted = await client.request("POST", once.url, peer="shop", json={})
        async with a_site(answers()) as keyed:
            safe = await client.request("POST", keyed.url, peer="shop", json={}, idempotent=True)
        async with a_site(in_turn(web.Response(status=503, headers={"Retry-After": "60"}))) as busy:
            late = await client.request("GET", busy.url, peer="shop")

    assert [(read.status, len(site.seen)), (posted.status, len(once.seen))] == [(200, 3), (503, 1)]
    assert [(safe.status, len(keyed.seen)), (late.status, len(busy.seen))] == [(200, 3), (503, 1)]


async def test_a_broken_connection_is_repeated_for_safe_calls_only() -> None:
    async def answer(request: BaseRequest) -> web.StreamResponse:
        if len(site.seen) == 1:
            assert request.transport is not None
            request.transport.abort()
        return web.Response()

    async with a_client() as client:
        async with a_site(answer) as site:
            assert (await client.request("GET", site.url, peer="shop")).status == 200
        async with a_site(answer) as site:
            failure = await failed(client.request("POST", site.url, peer="shop", json={}))

    assert (failure.kind, failure.sent) == ("broken", True)


async def test_a_refused_connection_is_told_as_not_sent() -> None:
    async with a_site(agree) as site:
        url = site.url
    async with a_client() as client:
        failure = await failed(client.request("POST", url, peer="shop", json={}))
        text = client._requests.collect()

    assert (failure.kind, failure.sent) == ("refused", False)
    [refused] = [each for family in text for each in family.samples if each.labels.get("outcome") == "refused"]
    assert refused.value == FAST.attempts


async def test_a_call_ends_with_the_deadline_of_the_call_it_is_made_for() -> None:
    release = asyncio.Event()

    async def answer(_: BaseRequest) -> web.StreamResponse:
        await release.wait()
        return web.Response()

    call = Call(caller=ANONYMOUS, name="x", request_id="r", started_utc=Utc("2026-01-01T00:00:00.000Z"))
    async with a_site(answer) as site, a_client() as client:
        with acting_for(call, 0.2):
            served = await failed(client.request("POST", site.url, peer="shop", json={}))
        own = await failed(client.request("POST", site.url, peer="shop", json={}, seconds=0.2))
        release.set()

    assert (served.kind, own.kind) == ("timeout", "timeout")


async def test_an_answer_has_a_limit_counted_unpacked() -> None:
    packed = gzip.compress(bytes(1_000_000))

    async def answer(_: BaseRequest) -> web.StreamResponse:
        return web.Response(body=packed, headers={"Content-Encoding": "gzip"})

    async with a_site(answer) as site, a_client() as client:
        failure = await failed(client.request("GET", site.url, peer="shop", bytes_max=500_000))
        whole = await client.request("GET", site.url, peer="shop", bytes_max=1_000_000)

    assert (failure.kind, len(packed) < 500_000, len(whole.body)) == ("too_large", True, 1_000_000)


async def test_bodies_are_streamed_both_ways() -> None:
    async def echo(_: BaseRequest) -> web.StreamResponse:
        return web.Response(body=site.seen[-1][3])

    async def parts() -> AsyncIterator[bytes]:
        for n in range(10):
            yield bytes([n]) * 100_000

    async with (
        a_site(echo) as site,
        a_client() as client,
        client.stream("PUT", site.url, peer="store", body=parts()) as answer,
    ):
        got = b"".join([part async for part in answer])

    assert got == b"".join(bytes([n]) * 100_000 for n in range(10))
    assert answer.status == 200


async def test_connections_to_one_host_are_limited() -> None:
    running = most = 0

    async def answer(_: BaseRequest) -> web.StreamResponse:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        running -= 1
        return web.Response()

    async with a_site(answer) as site, a_client(connections_per_host=2) as client:
        await asyncio.gather(*(client.request("GET", site.url, peer="shop") for _ in range(10)))

    assert (most <= 2, len(site.seen)) == (True, 10)


async def test_the_trace_goes_along_and_no_secret_is_written_down() -> None:
    exporter, out = InMemorySpanExporter(), io.StringIO()
    trace.enable_with(SimpleSpanProcessor(exporter), "shop", "b1")
    logs.configure("info", service="shop", replica="r", build="b", out=out)
    try:
        async with a_site(in_turn(web.Response(status=503), web.Response())) as site, a_client() as client:
            await client.request(
                "GET", f"{site.url}/p?token=s3cret", peer="shop", headers={"X-Shopify-Access-Token": "s3cret"}
            )
    finally:
        trace.disable()
        logs.configure("info", service="shop", replica="r", build="b")

    [span] = exporter.get_finished_spans()
    told = f"{dict(span.attributes or {})}{out.getvalue()}"
    assert "s3cret" not in told
    assert "an outgoing call is repeated" in told
    assert (span.attributes or {})["url.full"] == f"{site.url}/p"
    sent = site.seen[0][2]["traceparent"]
    context = span.context
    assert context is not None
    assert sent.split("-")[1:3] == [f"{context.trace_id:032x}", f"{context.span_id:016x}"]


async def test_the_client_is_a_resource_made_from_settings() -> None:
    def settings(*allow: str) -> BaseSettings:
        secret = Secret("x" * 32)
        return BaseSettings(
            mongodb_uri=secret, amqp_url=secret, caller_key=secret, **key_settings("sample"), outgoing_allow=allow
        )

    assert http_client.gives is HttpClient
    async with a_site(agree) as site, http_client.open(settings=settings("127.0.0.1"), metrics=Metrics()) as client:
        assert (await client.request("GET", site.url, peer="shop")).ok
    with pytest.raises(SettingsError, match=r"^OUTGOING_ALLOW: 'localhost'"):
        async with http_client.open(settings=settings("localhost"), metrics=Metrics()):
            pass

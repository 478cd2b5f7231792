"""The client against a real server on this machine."""

import asyncio
import gzip
import io
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from aiohttp.web import BaseRequest
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from chassis.caller import ANONYMOUS, Call
from chassis.clock import Utc
from chassis.errors import Invalid, UpstreamFailed
from chassis.outgoing.addresses import AddressPolicy
from chassis.outgoing.client import HttpClient, http_client
from chassis.outgoing.message import OutgoingFailed
from chassis.outgoing.retries import RetryRules
from chassis.rpc.context import acting_for
from chassis.settings import BaseSettings, Secret, SettingsError
from chassis.telemetry import log as logs
from chassis.telemetry import trace
from chassis.telemetry.metrics import Metrics
from chassis.testing.keys import key_settings

Handler = Callable[[BaseRequest], Awaitable[web.StreamResponse]]
FAST = RetryRules(base_seconds=0.001)


class Site:
    """A server, and the requests it has seen."""

    def __init__(self, handler: Handler) -> None:
        self.handler = handler
        self.seen: list[tuple[str, str, dict[str, str], bytes]] = []
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def serve(self, request: BaseRequest) -> web.StreamResponse:
        self.seen.append((request.method, request.path_qs, dict(request.headers), await request.content.read()))
        return await self.handler(request)


@asynccontextmanager
async def a_site(handler: Handler) -> AsyncIterator[Site]:
    site = Site(handler)
    server = web.Server(site.serve)
    listener = await asyncio.get_running_loop().create_server(server, "127.0.0.1", 0)
    site.port = listener.sockets[0].getsockname()[1]
    try:
        yield site
    finally:
        listener.close()
        await server.shutdown(0.1)


@asynccontextmanager
async def a_client(*, allow: str = "127.0.0.0/8", **options: Any) -> AsyncIterator[HttpClient]:
    client = HttpClient(Metrics(), AddressPolicy([allow]), **{"rules": FAST, **options})
    try:
        yield client
    finally:
        await client.close()


async def agree(_: BaseRequest) -> web.StreamResponse:
    return web.json_response({"ok": True})


def in_turn(*answers: web.Response) -> Handler:
    left = list(answers)

    async def answer(_: BaseRequest) -> web.StreamResponse:
        return left.pop(0)

    return answer


async def failed(awaitable: Awaitable[Any]) -> OutgoingFailed:
    with pytest.raises(OutgoingFailed) as failure:
        await awaitable
    return failure.value


async def test_a_call_sends_json_and_reads_it() -> None:
    async with a_site(agree) as site, a_client() as client:
        answer = await client.request("POST", f"{site.url}/a?b=1", peer="shop", json={"n": 1}, headers={"X-A": "1"})

    method, path, headers, body = site.seen[0]
    assert (method, path, body) == ("POST", "/a?b=1", b'{"n":1}')
    assert (headers["X-A"], headers["Content-Type"], headers["User-Agent"]) == ("1", "application/json", "retailstack")
    assert (answer.status, answer.ok, answer.json(dict[str, bool])) == (200, True, {"ok": True})
    with pytest.raises(UpstreamFailed, match="can't be read"):
        answer.json(list[int])


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "2130706433", "127.1"])
async def test_an_address_of_this_network_is_not_reached(host: str) -> None:
    async with a_site(agree) as site, a_client(allow="10.99.0.0/16") as client:
        failure = await failed(client.request("GET", f"http://{host}:{site.port}/", peer="shop"))

    assert failure.kind in ({"blocked"} if host in {"127.0.0.1", "localhost"} else {"blocked", "refused"})
    assert (failure.sent, failure.status, site.seen) == (False, 502, [])


async def test_a_redirect_is_checked_like_any_address() -> None:
    async with a_site(agree) as inner:
        there = {"Location": f"http://localhost:{inner.port}/secret"}
        async with a_site(in_turn(web.Response(status=302, headers=there))) as site, a_client() as client:
            client._policy._allowed = AddressPolicy(["127.0.0.1"])._allowed
            reached = await client.request("GET", site.url, peer="shop", redirects=1)
            assert reached.status == 200
        inner.seen.clear()
        blocking = HttpClient(Metrics(), _OnlyFirst())
        async with a_site(in_turn(web.Response(status=302, headers=there))) as site:
            failure = await failed(blocking.request("GET", site.url, peer="shop", redirects=1))
        await blocking.close()

    assert (failure.kind, inner.seen) == ("blocked", [])


class _OnlyFirst(AddressPolicy):
    """Allows the first address it is asked about, as if only that were public."""

    asked = 0

    def is_allowed(self, text: str) -> bool:
        self.asked += 1
        return self.asked == 1


async def test_a_redirect_is_handed_back_unless_it_shall_be_followed() -> None:
    async def answer(request: BaseRequest) -> web.StreamResponse:
        if request.path == "/end":
            return web.Response(text="here")
        return web.Response(status=303, headers={"Location": "/end"})

    async with a_site(answer) as site, a_client() as client:
        stays = await client.request("POST", f"{site.url}/a", peer="shop", json={})
        goes = await client.request("POST", f"{site.url}/a", peer="shop", json={}, redirects=1)

    assert (stays.status, stays.headers["Location"]) == (303, "/end")
    assert (goes.status, goes.body, goes.url.path) == (200, b"here", "/end")
    assert [method for method, *_ in site.seen] == ["POST", "POST", "GET"]


async def test_credentials_do_not_follow_to_another_host() -> None:
    async with a_site(agree) as other:
        moved = web.Response(status=307, headers={"Location": f"{other.url}/x"})
        async with a_site(in_turn(moved)) as site, a_client() as client:
            secret = {"Authorization": "Bearer t", "Cookie": "a=b", "X-Kept": "1"}
            await client.request("POST", site.url, peer="shop", body=b"x", headers=secret, redirects=1)

    method, _, headers, body = other.seen[0]
    assert (method, body, headers["X-Kept"]) == ("POST", b"x", "1")
    assert not {"Authorization", "Cookie"} & set(headers)
    assert site.seen[0][2]["Authorization"] == "Bearer t"


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


@pytest.mark.parametrize("url", ["ftp://a.example/", "/path", "http://", "http://user:pass@a.example/", "http://[::1"])
async def test_an_address_that_is_none_is_refused(url: str) -> None:
    async with a_client() as client:
        with pytest.raises(Invalid, match="the address"):
            await client.request("GET", url, peer="shop")


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

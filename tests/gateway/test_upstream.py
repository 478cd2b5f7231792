"""The port to the services, tested against both clients."""

import asyncio
import hashlib
import os
from collections.abc import Callable

import psutil
import pytest
from aiohttp import web
from aiohttp.web_request import BaseRequest

from tests.gateway.given import SIGNED_IN, Upstream, a_house, connected, read_reply, request, send, talking, until
from tests.waiting import stretched, within

pytestmark = pytest.mark.parametrize("proxy", ["lean", "session"])

MEGABYTE = 1024 * 1024


async def test_method_target_and_body_arrive_as_they_were_sent(proxy: str) -> None:
    target = "/ics/x?a=1&a=2&b=%C3%BC%20+&c=%2F"
    async with a_house(PROXY=proxy) as house:
        await house.post(target, b'{"a": 1,\t"b":[1.50]}')
        [seen] = house.ics.seen

    assert (seen.method, seen.target, seen.body) == ("POST", target, b'{"a": 1,\t"b":[1.50]}')
    assert seen.headers["content-length"] == "20"


async def test_status_reason_and_body_come_back_as_they_were_answered(proxy: str) -> None:
    async def answer(_: BaseRequest, __: bytes) -> web.StreamResponse:
        return web.Response(status=409, reason="Taken", body=b'{"b":1 }', headers={"Content-Type": "application/json"})

    async with a_house(PROXY=proxy, upstreams={"ics": Upstream(answer)}) as house:
        reply = await house.post("/ics/x")

    assert (reply.status, reply.body) == (409, b'{"b":1 }')


@pytest.mark.parametrize("status", [204, 304])
async def test_answers_without_a_body_leave_the_connection_good(proxy: str, status: int) -> None:
    async def answer(_: BaseRequest, __: bytes) -> web.StreamResponse:
        return web.Response(status=status)

    async with a_house(PROXY=proxy, upstreams={"ics": Upstream(answer)}) as house:
        first, second = await house.get("/ics/x"), await house.get("/ics/x")

    assert (first.status, second.status) == (status, status)
    assert house.ics.connections == 1


async def test_head_is_asked_as_head_and_leaves_the_connection_good(proxy: str) -> None:
    async def answer(_: BaseRequest, __: bytes) -> web.StreamResponse:
        return web.Response(body=b"12345", headers={"Content-Type": "text/a"})

    async with a_house(PROXY=proxy, upstreams={"ics": Upstream(answer)}) as house:
        head = await send(house.port, request("HEAD", "/ics/x", SIGNED_IN))
        got = await house.get("/ics/x")

    assert (head.status, head.headers["content-length"], head.body) == (200, "5", b"")
    assert got.body == b"12345"
    assert [seen.method for seen in house.ics.seen] == ["HEAD", "GET"]
    assert house.ics.connections == 1


async def test_a_connection_serves_one_call_after_another(proxy: str) -> None:
    async with a_house(PROXY=proxy) as house, connected(house.port) as (reader, writer):
        for _ in range(5):
            writer.write(request("GET", "/ics/x", SIGNED_IN))
            assert (await read_reply(reader)).status == 200

    assert house.ics.connections == 1


async def test_a_large_answer_is_streamed_and_arrives_whole(proxy: str) -> None:
    content = bytes(range(256)) * (4 * 4096)

    async def answer(asked: BaseRequest, _: bytes) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/octet-stream"})
        if "known" in asked.query_string:
            response.content_length = len(content)
        await response.prepare(asked)
        for start in range(0, len(content), 100_000):
            await response.write(content[start : start + 100_000])
        await response.write_eof()
        return response

    async with a_house(PROXY=proxy, upstreams={"ics": Upstream(answer)}) as house:
        known, unknown = await house.get("/ics/x?known"), await house.get("/ics/x")
        again = await house.get("/ics/x?known")

    digest = hashlib.sha256(content).digest()
    assert [hashlib.sha256(reply.body).digest() for reply in (known, unknown, again)] == [digest] * 3
    assert known.headers["content-length"] == str(len(content))
    assert house.ics.connections <= 2


async def test_a_caller_who_reads_slowly_slows_the_service_down(proxy: str) -> None:
    written = 0

    async def answer(asked: BaseRequest, _: bytes) -> web.StreamResponse:
        nonlocal written
        response = web.StreamResponse(headers={"Content-Type": "application/octet-stream"})
        response.content_length = 64 * MEGABYTE
        await response.prepare(asked)
        for _part in range(64):
            await response.write(bytes(MEGABYTE))
            written += 1
        return response

    house_of = a_house(PROXY=proxy, upstreams={"ics": Upstream(answer)})
    async with house_of as house, connected(house.port) as (reader, writer):
        writer.write(request("GET", "/ics/x", SIGNED_IN))
        await reader.readuntil(b"\r\n\r\n")
        await until(lambda: written > 0)
        await _settled(lambda: written)
        held_back = written
        async with within(30):
            await reader.readexactly(64 * MEGABYTE)

    assert held_back < 48
    assert written == 64


async def _settled(look: Callable[[], int]) -> None:
    """Wait until a number has not grown for a while."""
    last, quiet = -1, 0
    while quiet < 20:
        await asyncio.sleep(0.01)
        now = look()
        quiet = quiet + 1 if now == last else 0
        last = now


async def test_a_large_upload_is_streamed_as_it_arrives(proxy: str) -> None:
    digests: list[str] = []
    first_seen = asyncio.Event()

    async def answer(asked: BaseRequest, _: bytes) -> web.StreamResponse:
        digest = hashlib.sha256()
        async for part in asked.content.iter_any():
            first_seen.set()
            digest.update(part)
        digests.append(digest.hexdigest())
        return web.json_response({"length": asked.headers.get("Content-Length")})

    content = bytes(range(256)) * 8192
    store = Upstream(answer, reads=False)
    async with a_house(PROXY=proxy, upstreams={"pmc": store}) as house, connected(house.port) as (reader, writer):
        head = f"PUT /pmc/objects/k?signature=s HTTP/1.1\r\nHost: g\r\nContent-Length: {len(content)}\r\n\r\n"
        writer.write(head.encode() + content[:100_000])
        await asyncio.wait_for(first_seen.wait(), stretched(10))
        writer.write(content[100_000:])
        reply = await read_reply(reader)
        writer.write(b"PUT /pmc/objects/k HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: chunked\r\n\r\n")
        for start in range(0, len(content), 300_000):
            part = content[start : start + 300_000]
            writer.write(b"%x\r\n%b\r\n" % (len(part), part))
        writer.write(b"0\r\n\r\n")
        chunked = await read_reply(reader)

    assert (reply.status, chunked.status) == (200, 200)
    assert reply.json["length"] == str(len(content))
    assert digests == [hashlib.sha256(content).hexdigest()] * 2


UPLOAD_BYTES = int(os.environ.get("UPLOAD_BYTES", 96 * MEGABYTE))
"""How large an upload the next test makes; `UPLOAD_BYTES=1073741824` for a whole gibibyte."""


async def test_an_upload_of_any_size_passes_in_constant_memory(proxy: str) -> None:
    taken = 0

    async def answer(asked: BaseRequest, _: bytes) -> web.StreamResponse:
        nonlocal taken
        async for part in asked.content.iter_any():
            taken += len(part)
        return web.json_response({"success": True})

    store, process, part = Upstream(answer, reads=False), psutil.Process(), bytes(MEGABYTE)
    async with a_house(PROXY=proxy, upstreams={"pmc": store}) as house, connected(house.port) as (reader, writer):
        writer.write(f"PUT /pmc/objects/k HTTP/1.1\r\nHost: g\r\nContent-Length: {UPLOAD_BYTES}\r\n\r\n".encode())
        before = most = process.memory_info().rss
        for _ in range(UPLOAD_BYTES // MEGABYTE):
            writer.write(part)
            await writer.drain()
            most = max(most, process.memory_info().rss)
        async with within(60):
            reply = await read_reply(reader)

    assert (reply.status, taken) == (200, UPLOAD_BYTES)
    assert most - before < 32 * MEGABYTE


async def test_redirects_cookies_and_parts_reach_the_caller_as_they_are(proxy: str) -> None:
    async def answer(asked: BaseRequest, _: bytes) -> web.StreamResponse:
        if asked.path.endswith("callback"):
            response: web.StreamResponse = web.Response(status=302, headers={"Location": "https://shop.example/?a=1"})
            response.set_cookie("state", "s1", httponly=True)
            response.set_cookie("seen", "yes")
            return response
        if asked.headers.get("If-None-Match") == '"v1"':
            return web.Response(status=304, headers={"ETag": '"v1"'})
        headers = {"ETag": '"v1"', "Content-Range": "bytes 0-3/9", "Accept-Ranges": "bytes"}
        return web.Response(status=206, body=b"part", headers=headers)

    services = {"slc": Upstream(answer), "pmc": Upstream(answer)}
    async with a_house(PROXY=proxy, upstreams=services) as house:
        sent = await send(house.port, request("GET", "/slc/oauth/callback?code=c", {"Cookie": "state=s0"}))
        part = await send(house.port, request("GET", "/pmc/objects/k", {"Range": "bytes=0-3"}))
        same = await send(house.port, request("GET", "/pmc/objects/k", {"If-None-Match": '"v1"'}))
        head = await send(house.port, request("HEAD", "/pmc/objects/k", {}))

    assert (sent.status, sent.headers["location"]) == (302, "https://shop.example/?a=1")
    assert [value.partition(";")[0] for name, value in sent.head if name.lower() == "set-cookie"] == [
        "state=s1",
        "seen=yes",
    ]
    assert services["slc"].seen[0].headers["Cookie"] == "state=s0"
    assert (part.status, part.body, part.headers["content-range"]) == (206, b"part", "bytes 0-3/9")
    assert (same.status, same.body, same.headers["etag"]) == (304, b"", '"v1"')
    assert (head.status, head.body) == (206, b"")


async def test_a_page_is_asked_for_with_the_codings_its_caller_takes(proxy: str) -> None:
    grid = Upstream()
    async with a_house(PROXY=proxy, upstreams={"visualgrid": grid}) as house:
        await send(house.port, request("GET", "/visualgrid/ui/", {"Accept-Encoding": "br, gzip"}))
        [seen] = grid.seen

    assert seen.headers["Accept-Encoding"] == "br, gzip"
    assert seen.caller.kind == "anonymous"


async def test_an_answer_before_the_end_of_an_upload_reaches_the_caller(proxy: str) -> None:
    async def answer(asked: BaseRequest, _: bytes) -> web.StreamResponse:
        await asked.content.readany()
        return web.json_response({"success": False}, status=403)

    store = Upstream(answer, reads=False)
    async with a_house(PROXY=proxy, upstreams={"pmc": store}) as house, connected(house.port) as (reader, writer):
        writer.write(b"PUT /pmc/objects/k HTTP/1.1\r\nHost: g\r\nContent-Length: 8000000\r\n\r\n" + bytes(200_000))
        reply = await read_reply(reader)

    assert reply.status == 403


async def test_when_the_caller_goes_away_the_service_is_let_go(proxy: str) -> None:
    gone = asyncio.Event()

    async def answer(asked: BaseRequest, _: bytes) -> web.StreamResponse:
        transport = asked.transport
        while transport is not None and not transport.is_closing():  # noqa: ASYNC110  there is no event for it
            await asyncio.sleep(0.005)
        gone.set()
        return web.Response()

    async with a_house(PROXY=proxy, upstreams={"ics": Upstream(answer)}) as house:
        async with connected(house.port) as (_, writer):
            writer.write(request("GET", "/ics/x", SIGNED_IN))
            await until(lambda: house.ics.running)
        await asyncio.wait_for(gone.wait(), stretched(10))
        await until(lambda: house.entrance.pipeline.admission.in_flight == 0)
        assert house.entrance.upstreams["ics"].replicas[0].busy == 0


async def test_an_answer_cut_short_before_its_head_went_out_is_a_503(proxy: str) -> None:
    async def answer(asked: BaseRequest, _: bytes) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        response.content_length = 1000
        await response.prepare(asked)
        await response.write(b'{"half')
        assert asked.transport is not None
        asked.transport.close()
        return response

    async with a_house(PROXY=proxy, upstreams={"ics": Upstream(answer)}) as house:
        reply = await house.post("/ics/x")

    assert (reply.status, reply.error_code, reply.headers["retry-after"]) == (503, "ics.upstream_failed", "1")
    assert reply.json["error"]["retryable"] is True
    assert len(house.ics.seen) == 1


async def test_an_answer_cut_short_later_is_cut_short_for_the_caller_too(proxy: str) -> None:
    async def answer(asked: BaseRequest, _: bytes) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/octet-stream"})
        response.content_length = 4 * MEGABYTE
        await response.prepare(asked)
        await response.write(bytes(MEGABYTE))
        assert asked.transport is not None
        asked.transport.abort()
        return response

    async with a_house(PROXY=proxy, upstreams={"ics": Upstream(answer)}) as house:
        with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
            await house.get("/ics/x")


async def test_a_service_that_does_not_answer_in_time_is_a_503_and_not_asked_again(proxy: str) -> None:
    async def answer(_: BaseRequest, __: bytes) -> web.StreamResponse:
        await asyncio.Event().wait()
        raise AssertionError

    async with a_house(PROXY=proxy, upstreams={"ics": Upstream(answer)}, ROUTE_SECONDS="/ics/slow=0.1") as house:
        reply = await house.get("/ics/slow/x")

    assert (reply.status, reply.error_code) == (503, "ics.upstream_failed")
    assert reply.headers["retry-after"] == "1"
    assert len(house.ics.seen) == 1


async def test_a_service_that_talks_nonsense_is_a_503(proxy: str) -> None:
    async def nonsense(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"SSH-2.0-dropbear\r\n\r\n")

    async with talking(nonsense) as port, a_house(PROXY=proxy, PMC_HTTP=f"http://127.0.0.1:{port}") as house:
        reply = await house.get("/pmc/stat")

    assert (reply.status, reply.error_code) == (503, "pmc.upstream_failed")


@pytest.mark.parametrize(("method", "status", "connections"), [("GET", 200, 2), ("POST", 503, 1)])
async def test_an_idle_connection_that_turns_out_closed_is_replaced_for_safe_methods_only(
    proxy: str, method: str, status: int, connections: int
) -> None:
    opened = 0

    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request, and close the connection on the next without a byte of an answer."""
        nonlocal opened
        opened += 1
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Type: application/json\r\n\r\n{}")
        await reader.readuntil(b"\r\n\r\n")

    async with talking(once) as port, a_house(PROXY=proxy, PMC_HTTP=f"http://127.0.0.1:{port}") as house:
        first = await house.get("/pmc/x")
        second = await (house.get("/pmc/x") if method == "GET" else house.post("/pmc/x"))

    assert (first.status, second.status) == (200, status)
    assert opened == connections


async def test_unexpected_bytes_close_the_connection(proxy: str) -> None:
    answers = [b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nother"]

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answers.pop() if answers else b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nmine")
        await reader.read()

    async with talking(serve) as port, a_house(PROXY=proxy, PMC_HTTP=f"http://127.0.0.1:{port}") as house:
        await house.get("/pmc/x")
        second = await house.get("/pmc/x")

    assert second.body == b"mine"


async def test_more_callers_than_connections_wait_their_turn(proxy: str) -> None:
    most = 0

    async def answer(_: BaseRequest, __: bytes) -> web.StreamResponse:
        nonlocal most
        most = max(most, house.ics.running)
        await asyncio.sleep(0.005)
        return web.json_response({})

    async with a_house(PROXY=proxy, upstreams={"ics": Upstream(answer)}, UPSTREAM_CONNECTIONS="3") as house:
        replies = await asyncio.gather(*(house.get("/ics/x") for _ in range(30)))

    assert {reply.status for reply in replies} == {200}
    assert most <= 3

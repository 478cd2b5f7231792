import re

import pytest
from aiohttp import web
from aiohttp.web_request import BaseRequest

from tests.gateway.given import (
    SESSION,
    SIGNED_IN,
    Upstream,
    a_house,
    request,
    send,
    send_and_see_it_closed,
)

HOPS = ["lean", "session"]


@pytest.mark.parametrize("proxy", HOPS)
async def test_only_listed_headers_are_let_in(proxy: str) -> None:
    sent = {
        **SIGNED_IN,
        "Accept": "application/json",
        "User-Agent": "tester/1",
        "Idempotency-Key": "k-1",
        "Tracestate": "a=b",
        "X-Caller": "forged",
        "X-Forwarded-For": "10.0.0.1",
        "X-Internal-Role": "root",
        "X-Secret-Code": "s3cr3t",
        "Authorization": "Bearer x",
        "Cookie": "a=b",
        "Connection": "keep-alive, x-dropped",
        "X-Dropped": "1",
        "Proxy-Authorization": "Basic x",
        "TE": "trailers",
    }
    async with a_house(PROXY=proxy) as house:
        await house.get("/ics/x", sent)
        [seen] = house.ics.seen

    assert set(seen.names) <= {
        "host",
        "accept",
        "user-agent",
        "idempotency-key",
        "tracestate",
        "x-caller",
        "x-request-id",
        "x-orgcode",
        "traceparent",
    }
    assert seen.headers["x-caller"] != "forged"
    assert seen.headers["idempotency-key"] == "k-1"


@pytest.mark.parametrize("proxy", HOPS)
async def test_what_is_of_one_connection_or_of_the_inside_is_kept_back(proxy: str) -> None:
    async def answer(_: BaseRequest, __: bytes) -> web.StreamResponse:
        return web.Response(
            body=b"{}",
            headers={
                "Content-Type": "application/json",
                "X-Caller": "leaked",
                "X-Internal-Node": "7",
                "X-Request-Id": "the-services-own",
                "Server": "service/1",
                "X-Powered-By": "x",
                "Keep-Alive": "timeout=5",
                "ETag": '"1"',
                "Idempotent-Replayed": "true",
                "X-Of-Its-Own": "kept",
            },
        )

    async with a_house(PROXY=proxy, upstreams={"ics": Upstream(answer)}) as house:
        reply = await house.get("/ics/x")

    names = [name.lower() for name, _ in reply.head]
    assert not {"x-caller", "x-internal-node", "x-powered-by", "keep-alive"} & set(names)
    assert reply.headers["server"] == "retailstack"
    assert reply.headers["x-request-id"] != "the-services-own"
    assert names.count("x-request-id") == names.count("date") == names.count("content-length") == 1
    assert (reply.headers["etag"], reply.headers["idempotent-replayed"]) == ('"1"', "true")
    assert reply.headers["x-of-its-own"] == "kept"


async def test_a_request_id_comes_back_and_is_vouched_for() -> None:
    async with a_house() as house:
        given = await house.get("/ics/x", {**SIGNED_IN, "x-request-id": "order-77.a"})
        made = await house.get("/ics/x")
        first, second = house.ics.seen

    assert given.headers["x-request-id"] == first.request_id == first.headers["x-request-id"] == "order-77.a"
    assert re.fullmatch(r"[0-9a-f-]{36}", made.headers["x-request-id"])
    assert made.headers["x-request-id"] == second.request_id


@pytest.mark.parametrize("bad", ["", "a b", "x" * 129, "ä", SESSION, '"quoted"'])
async def test_a_request_id_that_is_none_or_a_credential_is_replaced(bad: str) -> None:
    async with a_house() as house:
        reply = await house.get("/ics/x", {**SIGNED_IN, "x-request-id": bad})
        refused = await house.get("/nowhere", {**SIGNED_IN, "x-request-id": bad})

    assert reply.status == 200
    assert reply.headers["x-request-id"] != bad
    if bad == SESSION:
        assert SESSION.encode() not in refused.body
        assert SESSION not in repr(refused.head)


async def test_trace_context_is_passed_on_if_it_is_one_and_made_where_there_is_none() -> None:
    good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    async with a_house() as house:
        await house.get("/ics/x", {**SIGNED_IN, "traceparent": good})
        await house.get("/ics/x", {**SIGNED_IN, "traceparent": "00-nonsense"})
        await house.get("/ics/x", {**SIGNED_IN, "x-request-id": "order-77.a"})
        first, *others = house.ics.seen

    assert first.headers["traceparent"] == good
    made = [seen.headers["traceparent"] for seen in others]
    assert all(re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-00", each) for each in made)
    assert len(set(made)) == 2
    assert made[0].split("-")[1] == others[0].request_id.replace("-", ""), "the one is found by the other"


@pytest.mark.parametrize(
    "head",
    [
        "POST /ics/x HTTP/1.1\r\nHost: g\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST /ics/x HTTP/1.1\r\nHost: g\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nabcd",
        "POST /ics/x HTTP/1.1\r\nHost: g\r\nContent-Length: +4\r\n\r\nabcd",
        "POST /ics/x HTTP/1.1\r\nHost: g\r\nContent-Length: 4, 4\r\n\r\nabcd",
        "POST /ics/x HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        "POST /ics/x HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        "POST /ics/x HTTP/1.1\r\nHost: g\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
        "POST /ics/x HTTP/1.1\r\nHost: g\r\nX: a\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "GET /ics/x HTTP/1.1\r\nHost: g\r\nX-A: b\r\n folded: c\r\n\r\n",
        "GET /ics/x HTTP/1.1\r\nHost: g\r\nBad Name: c\r\n\r\n",
        "GET /ics/x HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        "nonsense\r\n\r\n",
        "GET /ics/x HTTP/1.1\r\nConnection: close\r\n\r\n",
    ],
)
async def test_requests_that_can_be_read_in_two_ways_go_nowhere(head: str) -> None:
    signed = head.replace("Host: g\r\n", f"Host: g\r\nx-session-guid: {SESSION}\r\nx-orgcode: DEMO0001\r\n")
    async with a_house() as house:
        reply = await send_and_see_it_closed(house.port, signed.encode())

    assert reply.status == 400
    assert reply.json["error"]["error_code"].endswith("validation_failed")
    assert house.ics.seen == []
    assert SESSION.encode() not in reply.body


@pytest.mark.parametrize(
    "path",
    [
        "/ics/../ops/ping",
        "/ics/./x",
        "/ics//x",
        "//ics/x",
        "/ics/%2e%2e/ops",
        "/ics%2fx",
        "/ics/x\\y",
        "http://elsewhere/ics/x",
        "/ICS/x",
        "/icsx",
        "/",
        "/nowhere",
        "*",
    ],
)
async def test_paths_that_lead_nowhere_or_could_be_read_in_two_ways_are_404(path: str) -> None:
    async with a_house() as house:
        reply = await house.get(path)

    assert reply.status in {400, 404}
    assert reply.json["success"] is False
    assert house.ics.seen == []


async def test_an_unknown_method_is_405_and_says_which_there_are() -> None:
    async with a_house() as house:
        reply = await send(house.port, b"PROPFIND /ics/x HTTP/1.1\r\nHost: g\r\n\r\n")

    assert reply.status == 405
    assert "GET" in reply.headers["allow"]


async def test_a_wrong_method_of_a_page_of_our_own_is_405() -> None:
    async with a_house() as house:
        reply = await house.post("/docs")

    assert (reply.status, reply.headers["allow"], reply.error_code) == (405, "GET", "gateway.validation_failed")


@pytest.mark.parametrize("path", ["/ics/openapi.json", "/ics/openapi.yaml", "/ics/asyncapi.yaml"])
async def test_a_wrong_method_of_a_services_document_is_405(path: str) -> None:
    async with a_house() as house:
        reply = await house.post(path)

    assert (reply.status, reply.headers["allow"], reply.error_code) == (405, "GET, HEAD", "ics.validation_failed")
    assert house.ics.seen == []


async def test_a_head_that_is_too_long_is_refused() -> None:
    async with a_house() as house:
        reply = await send(house.port, b"GET /ics/x HTTP/1.1\r\nHost: g\r\nX-Long: " + b"a" * 40_000 + b"\r\n\r\n")

    assert reply.status in {400, 413}


@pytest.mark.parametrize("proxy", HOPS)
async def test_cookies_come_back_each_on_a_line_of_its_own(proxy: str) -> None:
    async def answer(_: BaseRequest, __: bytes) -> web.StreamResponse:
        response = web.Response(status=302, headers={"Location": "https://shop.example/"})
        response.headers.add("Set-Cookie", "a=1; Secure")
        response.headers.add("Set-Cookie", "b=2; Secure")
        return response

    shop = Upstream(answer)
    async with a_house(PROXY=proxy, upstreams={"slc": shop}) as house:
        reply = await house.get("/slc?shop=a.myshopify.com", {"Cookie": "state=1", "X-Forwarded-Host": "forged"})
        [seen] = shop.seen

    assert reply.status == 302
    assert [value for name, value in reply.head if name == "Set-Cookie"] == ["a=1; Secure", "b=2; Secure"]
    assert seen.headers["cookie"] == "state=1"
    assert seen.headers["x-forwarded-host"] == "gateway"
    assert seen.headers["x-forwarded-for"] == "127.0.0.1"
    assert seen.caller.kind == "anonymous"


@pytest.mark.parametrize("kind", ["websocket", "h2c"])
async def test_a_connection_is_never_given_another_protocol(kind: str) -> None:
    upgrade = {**SIGNED_IN, "Connection": "Upgrade", "Upgrade": kind, "Sec-WebSocket-Key": "x3JJHMbDL1EzLkh9GBhXDw=="}
    two = request("GET", "/ics/one", upgrade) + request("GET", "/ics/two", SIGNED_IN)
    async with a_house() as house:
        reply = await send_and_see_it_closed(house.port, two)
        [seen] = house.ics.seen

    assert (reply.status, seen.target) == (200, "/ics/one")
    assert not {"upgrade", "connection", "sec-websocket-key"} & set(seen.names)


async def test_an_http_1_0_caller_is_answered_in_http_1_0() -> None:
    head = f"GET /ics/x HTTP/1.0\r\nx-session-guid: {SESSION}\r\nx-orgcode: DEMO0001\r\n"
    async with a_house() as house:
        once = await send_and_see_it_closed(house.port, f"{head}\r\n".encode())
        kept = await send(house.port, f"{head}Connection: keep-alive\r\n\r\n".encode())

    assert (once.status, kept.status) == (200, 200)
    assert kept.headers["connection"] == "keep-alive"

"""What a caller who is not signed in can cost the others."""

from time import process_time

import pytest
from aiohttp import web
from aiohttp.web_request import BaseRequest

from gateway.http.body import SMALL_BYTES
from tests.gateway.given import ORG, SESSION, SIGNED_IN, House, Upstream, a_house, connected, read_reply, request, send
from tests.holding import CALLER_SECONDS, STRANGER_SECONDS, held_at_most
from tests.waiting import cpu_stretched
from tests.worst import bodies, named

MIB = 1024 * 1024
EMPTY_OBJECTS = b'{"a":"\\u0041","x":[' + b"{}," * (MIB // 3 - 20) + b"{}]}"
MANY_NAMES = b'{"a":"\\u0041",' + b'"":1,' * (MIB // 5 - 20) + b'"b":1}'
MANY_TEXTS = b'{"a":"\\u0041","x":[' + b'"",' * (MIB // 3 - 20) + b'""]}'


async def ask(house: House, target: str, body: bytes, headers: dict[str, str]) -> int:
    """The status of a POST whose body arrives after its head."""
    async with connected(house.port) as (reader, writer):
        head, _, _ = request("POST", target, headers, body).partition(b"\r\n\r\n")
        writer.write(head + b"\r\n\r\n")
        await writer.drain()
        writer.write(body)
        return (await read_reply(reader)).status


@pytest.mark.parametrize("body", [EMPTY_OBJECTS, MANY_NAMES, MANY_TEXTS], ids=["objects", "names", "texts"])
@pytest.mark.parametrize("target", ["/ics/zone/create", "/visualgrid/root/auth"])
async def test_a_large_body_of_a_stranger_delays_no_other_caller(target: str, body: bytes) -> None:
    async with a_house(upstreams={"visualgrid": Upstream()}) as house:
        await ask(house, target, b'{"a":1}', {})
        async with held_at_most(STRANGER_SECONDS):
            # Within the block: at its start the garbage of all tests so far is collected.
            begun = process_time()
            status = await ask(house, target, body, {})
            used = process_time() - begun

    assert status in {200, 400, 401}
    assert used < cpu_stretched(0.15)


async def test_a_body_over_a_mebibyte_is_not_searched_for_a_credential() -> None:
    body = b'{"session_guid":"' + SESSION.encode() + b'","x":"' + b"x" * (2 * MIB) + b'"}'
    async with a_house(upstreams={"pmc": Upstream()}) as house:
        headers = {"x-orgcode": SIGNED_IN["x-orgcode"]}
        async with connected(house.port) as (reader, writer):
            head, _, _ = request("POST", "/pmc/pack/create", headers, body).partition(b"\r\n\r\n")
            writer.write(head + b"\r\n\r\n")
            refused = await read_reply(reader)
        known = await ask(house, "/pmc/pack/create", body.replace(b"session_guid", b"anything_else"), SIGNED_IN)

    # Refused by the head alone.
    assert refused.status == 401
    assert known == 200


LARGEST = bodies(8 * MIB - 64)
"""As large as the contract lets a body of any row be."""


async def test_the_largest_bodies_of_a_signed_in_caller_delay_no_other_caller() -> None:
    async with a_house(upstreams={"pmc": Upstream()}) as house, held_at_most(CALLER_SECONDS):
        statuses = {
            kind: await ask(house, "/pmc/pack/create", named("x", content), SIGNED_IN)
            for kind, content in LARGEST.items()
        }

    # What is too deep to be looked through may hide a credential.
    assert statuses == {kind: 400 if kind == "deep" else 200 for kind in LARGEST}


async def test_a_credential_and_an_org_are_found_in_the_largest_body() -> None:
    begin, end = b'{"session_guid":"' + SESSION.encode() + b'","x":', b',"orgcode":"' + ORG.encode() + b'"}'
    body = begin + LARGEST["objects"][: -len(begin + end) - 3] + b"{}]" + end
    catalogue = Upstream()
    async with a_house(upstreams={"pmc": catalogue}) as house:
        headers = {"x-session-guid": SESSION}
        statuses = [
            await ask(house, "/pmc/pack/create", body, headers),
            await ask(house, "/pmc/pack/create", body.replace(SESSION.encode(), b"another"), headers),
        ]
        [seen] = [seen for seen in catalogue.seen if seen.method == "POST"]

    assert statuses == [200, 400]
    assert seen.caller.orgcode == ORG
    assert seen.body == body.replace(begin, b'{"x":')


async def test_a_message_of_a_stranger_to_the_tools_is_small() -> None:
    message = b'{"jsonrpc":"2.0","id":1,"method":"ping","params":{"x":"' + b"x" * SMALL_BYTES + b'"}}'
    async with a_house() as house:
        statuses = [await ask(house, "/mcp", message, headers) for headers in ({}, SIGNED_IN)]

    assert statuses == [413, 200]


async def test_a_signed_in_callers_body_of_many_names_is_refused() -> None:
    async with a_house() as house:
        reply = await house.post("/ics/zone/create", MANY_NAMES, SIGNED_IN)

    assert (reply.status, reply.error_code) == (400, "ics.validation_failed")
    assert house.ics.seen == []


async def test_an_address_has_a_rate_of_unknown_credentials() -> None:
    async with a_house(RATE_ADDRESS_PER_SECOND="0.001", RATE_ADDRESS_BURST="3") as house:
        await house.get("/ics/zone/list", SIGNED_IN)
        strange = [await house.get("/ics/zone/list", {"x-session-guid": f"unknown-{place}"}) for place in range(5)]
        bare = await house.get("/ics/zone/list", {})
        known = await house.get("/ics/zone/list", SIGNED_IN)
        asked = len(house.directory.asked)

    assert [reply.status for reply in strange] == [401, 401, 401, 429, 429]
    assert int(strange[-1].headers["retry-after"]) > 0
    assert bare.status == 429
    # A caller whose credential is known already is not refused for its neighbours, and nothing more was looked up.
    assert known.status == 200
    assert asked == 4


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("GET", "/docs"),
        ("GET", "/asyncapi.json"),
        ("GET", "/ics/openapi.json"),
        ("POST", "/mcp"),
        ("POST", "/slc/webhooks/shopify"),
    ],
)
async def test_an_address_has_a_rate_of_what_is_open_to_all(method: str, target: str) -> None:
    async with a_house(upstreams={"slc": Upstream()}, RATE_ADDRESS_PER_SECOND="0.001", RATE_ADDRESS_BURST="1") as house:
        body = b"{}" if method == "POST" else None
        first, second = [await send(house.port, request(method, target, {}, body)) for _ in range(2)]

    assert (first.status, second.status) == (200, 429)


async def test_tokens_that_a_service_refuses_count_too() -> None:
    async def refuse(_: BaseRequest, __: bytes) -> web.StreamResponse:
        return web.json_response({"ok": False}, status=401)

    async with a_house(
        upstreams={"visualgrid": Upstream(refuse)}, RATE_ADDRESS_PER_SECOND="0.001", RATE_ADDRESS_BURST="2"
    ) as house:
        statuses = [(await house.post("/visualgrid/root/auth", {}, {})).status for _ in range(4)]

    assert statuses == [401, 401, 429, 429]


async def test_a_header_that_is_not_utf8_is_refused() -> None:
    async with a_house() as house:
        raw = request("POST", "/mcp", {}, b'{"jsonrpc":"2.0","id":1,"method":"ping"}')
        page = await send(house.port, raw.replace(b"Host: gateway", b"Host: gateway\r\nx-orgcode: \xff\xfe"))
        call = await send(
            house.port,
            request("GET", "/ics/stat", SIGNED_IN).replace(b"Host: gateway", b"Host: gateway\r\nx-cccode: \xff\xfe"),
        )

    assert (page.status, call.status) == (400, 400)

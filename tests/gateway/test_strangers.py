"""What a caller who is not signed in can cost the others."""

from time import process_time

import pytest

from tests.gateway.given import SESSION, SIGNED_IN, House, Upstream, a_house, connected, read_reply, request
from tests.holding import STRANGER_SECONDS, held_at_most
from tests.waiting import cpu_stretched

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
async def test_a_large_body_of_a_stranger_holds_nobody_up(target: str, body: bytes) -> None:
    async with a_house(upstreams={"visualgrid": Upstream()}) as house:
        await ask(house, target, b'{"a":1}', {})
        used = process_time()
        async with held_at_most(STRANGER_SECONDS):
            status = await ask(house, target, body, {})
        used = process_time() - used

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


async def test_a_signed_in_callers_body_of_many_names_is_refused() -> None:
    async with a_house() as house:
        reply = await house.post("/ics/zone/create", MANY_NAMES, SIGNED_IN)

    assert (reply.status, reply.error_code) == (400, "ics.validation_failed")
    assert house.ics.seen == []

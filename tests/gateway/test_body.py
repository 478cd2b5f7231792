import asyncio
import json

import pytest
from aiohttp import web
from aiohttp.web_request import BaseRequest

from chassis.errors import Unavailable
from gateway.http.body import Budget
from tests.gateway.given import (
    ORG,
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
from tests.holding import STRANGER_SECONDS, held_at_most

MEGABYTE = 1024 * 1024
HEAD = f"POST /ics/x HTTP/1.1\r\nHost: g\r\nx-session-guid: {SESSION}\r\nx-orgcode: {ORG}\r\n"


async def test_a_body_as_large_as_the_limit_is_taken_and_one_byte_more_is_not() -> None:
    async with a_house() as house:
        fits = await house.post("/ics/x", json.dumps("a" * (MEGABYTE - 2)).encode())
        over = await house.post("/ics/x", b" " * (MEGABYTE + 1))

    assert (fits.status, over.status) == (200, 413)
    assert over.error_code == "ics.validation_failed"
    assert len(house.ics.seen[0].body) == MEGABYTE


async def test_a_body_that_announces_too_much_is_refused_before_it_is_sent() -> None:
    async with a_house() as house, connected(house.port) as (reader, writer):
        writer.write(f"{HEAD}Content-Type: application/json\r\nContent-Length: 2000000\r\n\r\n".encode())
        reply = await read_reply(reader)

    assert reply.status == 413
    assert [seen.target for seen in house.ics.seen] == ["/ics/openapi.json"]


async def test_a_body_of_unannounced_size_is_refused_once_it_is_too_large() -> None:
    async with a_house() as house, connected(house.port) as (reader, writer):
        writer.write(f"{HEAD}Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n".encode())
        for _ in range(20):
            writer.write(b"10000\r\n" + b"a" * 0x10000 + b"\r\n")
        writer.write(b"0\r\n\r\n")
        reply = await read_reply(reader)

    assert reply.status == 413
    assert [seen.target for seen in house.ics.seen] == ["/ics/openapi.json"]


async def test_a_chunked_body_arrives_with_its_length() -> None:
    async with a_house() as house:
        head = f"{HEAD}Content-Type: application/json; charset=utf-8\r\nTransfer-Encoding: chunked\r\n\r\n"
        reply = await send(house.port, head.encode() + b'4\r\n{"a"\r\n3\r\n:1}\r\n0\r\n\r\n')
        [seen] = house.ics.seen

    assert reply.status == 200
    assert (seen.body, seen.headers["content-length"]) == (b'{"a":1}', "7")


async def test_packs_may_be_larger() -> None:
    catalogue = Upstream()
    async with a_house(upstreams={"pmc": catalogue}) as house:
        fits = await house.post("/pmc/pack/create", json.dumps("a" * 3 * MEGABYTE).encode())
        over = await house.post("/pmc/pack/create", b" " * (8 * MEGABYTE + 1))
        other = await house.post("/pmc/run/start", b" " * (2 * MEGABYTE))

    assert (fits.status, over.status, other.status) == (200, 413, 413)
    assert over.json["error"]["major"]["tag"] == "invalid-input"


async def test_a_call_takes_as_much_as_its_service_declares() -> None:
    limits = {
        "/ics/snapshot/load": {"post": {"x-body-bytes-max": 3 * MEGABYTE}},
        "/ics/file/{key}": {"put": {"x-body-bytes-max": 2 * MEGABYTE}},
    }
    large = json.dumps("a" * (2 * MEGABYTE)).encode()

    async def answer(asked: BaseRequest, body: bytes) -> web.StreamResponse:
        documents = asked.path.endswith("openapi.json")
        return web.json_response({"paths": limits} if documents else {"success": True, "size": len(body)})

    async with a_house(upstreams={"ics": Upstream(answer)}) as house:
        fits = await house.post("/ics/snapshot/load", large)
        over = await house.post("/ics/snapshot/load", b" " * (3 * MEGABYTE + 1))
        below = await send(house.port, request("PUT", "/ics/file/a/b", SIGNED_IN, large[: 2 * MEGABYTE]))
        other = await house.post("/ics/x", large)
        head = f"{HEAD}Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
        chunked = head.replace("/ics/x", "/ics/snapshot/load").encode() + b"%x\r\n%b\r\n0\r\n\r\n" % (len(large), large)
        unannounced = await send(house.port, chunked)

    assert (fits.status, over.status, other.status) == (200, 413, 413)
    assert fits.json["size"] == unannounced.json["size"] == len(large)
    assert below.status == 200
    assert [seen.target for seen in house.ics.seen].count("/ics/openapi.json") == 1


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "application/jsonp", "", "a/b/c"])
async def test_what_is_not_json_is_refused(kind: str) -> None:
    async with a_house() as house:
        reply = await house.post("/ics/x", b"{}", {**SIGNED_IN, "Content-Type": kind})

    assert (reply.status, reply.error_code) == (415, "ics.validation_failed")
    assert house.ics.seen == []


async def test_a_compressed_body_is_refused_before_it_is_read() -> None:
    async with a_house() as house, connected(house.port) as (reader, writer):
        writer.write(
            f"{HEAD}Content-Type: application/json\r\nContent-Encoding: gzip\r\nContent-Length: 9000\r\n\r\n".encode()
        )
        reply = await read_reply(reader)

    assert reply.status == 415


async def test_a_body_that_is_compressed_for_the_way_is_refused() -> None:
    async with a_house() as house:
        head = f"{HEAD}Content-Type: application/json\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"
        reply = await send(house.port, head.encode() + b"2\r\n{}\r\n0\r\n\r\n")

    assert (reply.status, reply.error_code) == (400, "ics.validation_failed")
    assert house.ics.seen == []


async def test_size_and_kind_are_judged_before_the_credential() -> None:
    async with a_house() as house:
        large = await house.post("/ics/x", b" " * (MEGABYTE + 1), {})
        strange = await house.post("/ics/x", b"{}", {"Content-Type": "text/plain"})

    assert (large.status, strange.status) == (413, 415)


async def test_an_unknown_caller_is_refused_before_the_body_arrives() -> None:
    async with a_house() as house, connected(house.port) as (reader, writer):
        head = HEAD.replace(SESSION, "unknown-session")
        writer.write(f"{head}Content-Type: application/json\r\nContent-Length: 500000\r\n\r\n".encode())
        reply = await read_reply(reader)

    assert reply.status == 401


async def test_a_caller_who_asks_before_sending_is_told_to_go_on() -> None:
    async with a_house() as house, connected(house.port) as (reader, writer):
        head = f"{HEAD}Content-Type: application/json\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n"
        writer.write(head.encode())
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 100 ")
        writer.write(b"{}")
        reply = await read_reply(reader)

    assert reply.status == 200
    assert "expect" not in house.ics.seen[0].names


async def test_a_caller_who_stops_within_the_body_leaves_nothing_behind() -> None:
    async with a_house() as house:
        async with connected(house.port) as (_, writer):
            writer.write(f"{HEAD}Content-Type: application/json\r\nContent-Length: 100000\r\n\r\n".encode() + b"[1,")
            budget = house.entrance.pipeline._forwarding._budget
            await until(lambda: budget._free < budget._total)
        await until(lambda: budget._free == budget._total)
        assert house.entrance.pipeline.admission.in_flight == 0
        assert house.entrance.pipeline._forwarding._budget._free == house.entrance.pipeline._forwarding._budget._total

    assert house.ics.seen == []


async def test_large_bodies_wait_for_room_and_small_ones_do_not() -> None:
    # Neither body is sent whole at first: one that is all there when its turn comes needs no room any more.
    begun = f"{HEAD}Content-Type: application/json\r\nContent-Length: 300000\r\n\r\n".encode() + b"["
    rest = b" " * 299_998 + b"]"
    async with (
        a_house(BODY_BUFFER_BYTES="450000") as house,
        connected(house.port) as (early_reader, early),
        connected(house.port) as (late_reader, late),
    ):
        budget = house.entrance.pipeline._forwarding._budget
        early.write(begun)
        await until(lambda: budget._free == 150_000)
        late.write(begun)
        await until(lambda: len(budget._waiting) == 1)
        small = await house.post("/ics/small", {})
        assert len(budget._waiting) == 1
        early.write(rest)
        first = await read_reply(early_reader)
        late.write(rest)
        second = await read_reply(late_reader)

    assert (small.status, first.status, second.status) == (200, 200, 200)


async def test_room_that_is_given_back_goes_to_who_waits_longest() -> None:
    budget = Budget(100)
    assert await budget.take(80) == 80
    first, second = (asyncio.create_task(budget.take(60)) for _ in range(2))
    await asyncio.sleep(0)
    budget.give_back(80)
    assert await first == 60
    assert not second.done()
    first_gone = asyncio.create_task(budget.take(10))
    await asyncio.sleep(0)
    second.cancel()
    assert await first_gone == 10
    budget.give_back(70)
    assert await budget.take(500) == 100


async def test_a_caller_who_waits_too_long_for_room_is_told_to_retry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.http.body.BODY_SECONDS", 0.01)
    budget = Budget(10)
    await budget.take(10)
    with pytest.raises(Unavailable):
        await budget.take(5)
    budget.give_back(10)

    assert await budget.take(10) == 10


async def test_pipelined_requests_are_answered_in_their_order() -> None:
    async with a_house() as house, connected(house.port) as (reader, writer):
        writer.write(b"".join(request("GET", f"/ics/{n}", {**SIGNED_IN, "x-request-id": f"r{n}"}) for n in range(5)))
        ids = [(await read_reply(reader)).headers["x-request-id"] for _ in range(5)]

    assert ids == [f"r{n}" for n in range(5)]


async def test_a_body_of_many_small_chunks_arrives_whole_while_others_are_served() -> None:
    head = HEAD.encode() + b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunks = b"".join(b"1\r\n%c\r\n" % (48 + number % 10) for number in range(100_000))
    async with a_house() as house, connected(house.port) as (reader, writer), held_at_most(STRANGER_SECONDS):
        writer.write(head + b'1\r\n"\r\n' + chunks + b'1\r\n"\r\n0\r\n\r\n')
        reply = await read_reply(reader)
        [seen] = [seen for seen in house.ics.seen if seen.method == "POST"]

    assert reply.status == 200
    assert seen.body == b'"' + b"0123456789" * 10_000 + b'"'

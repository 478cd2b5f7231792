"""Bodies that a raw endpoint reads in parts: limits, slow readers, and bodies that break off."""

import asyncio
from hashlib import sha256
from pathlib import Path

import pytest

from chassis.testing.client import ServiceClient
from tests.chassis.http.raw.given import PARCEL, a_token, anybody, put, raw_put
from tests.chassis.sample.parcel.handlers import PARCEL_BYTES_MAX
from tests.waiting import within


@pytest.mark.filterwarnings("ignore:Sending a large body:ResourceWarning")
async def test_a_body_arrives_in_parts_and_its_answer_in_the_envelope(sample: ServiceClient) -> None:
    answer = await put(anybody(sample), "a/b%20c")

    assert answer.status == 200, answer
    assert (answer.data["size_bytes"], answer.data["sha256"]) == (len(PARCEL), sha256(PARCEL).hexdigest())
    assert answer.data["chunks"] > 1
    assert answer.body["stats"]["call"] == "sample_parcel_put"
    assert (await anybody(sample).get("/parcel/a/b%20c")).raw == PARCEL


async def test_a_body_over_the_limit_is_refused_by_its_head_or_while_it_arrives(
    sample: ServiceClient, tmp_path: Path
) -> None:
    over = PARCEL_BYTES_MAX + 1
    announced = await raw_put(sample, f"Content-Length: {over}\r\n", b"")
    chunk = b"10000\r\n" + bytes(65536) + b"\r\n"
    streamed = await raw_put(sample, "Transfer-Encoding: chunked\r\n", chunk * (over // 65536 + 1))

    assert announced.startswith(b"HTTP/1.1 413")
    assert streamed.startswith(b"HTTP/1.1 413")
    assert b'"error_code":"sample.validation_failed"' in streamed
    assert [size <= PARCEL_BYTES_MAX for size in sizes_in(tmp_path)] == [True]


def sizes_in(folder: Path) -> list[int]:
    return [path.stat().st_size for path in folder.iterdir()]


async def test_a_slow_reader_slows_the_sender_down(sample: ServiceClient, monkeypatch: pytest.MonkeyPatch) -> None:
    go = asyncio.Event()
    original = asyncio.to_thread

    async def held(function: object, /, *args: object) -> object:
        await go.wait()
        return await original(function, *args)  # type: ignore[arg-type]

    monkeypatch.setattr("tests.chassis.sample.parcel.handlers.asyncio.to_thread", held)
    token = a_token()
    size = PARCEL_BYTES_MAX
    _, writer = await asyncio.open_connection("127.0.0.1", sample.application.http_port)
    head = f"PUT /sample/parcel/a HTTP/1.1\r\nHost: x\r\nx-caller: {token}\r\nContent-Length: {size}\r\n\r\n"
    writer.transport.set_write_buffer_limits(0)
    writer.write(head.encode())
    connections = sample.application._http._connections  # type: ignore[union-attr]
    async with within(20):
        writer.write(bytes(size))
        while not any(each.transport and each._reading_paused for each in connections.connections):  # type: ignore[union-attr]  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    go.set()
    async with within(20):
        await writer.drain()
    writer.close()


async def test_a_body_that_breaks_off_is_no_body(sample: ServiceClient) -> None:
    token = a_token()
    reader, writer = await asyncio.open_connection("127.0.0.1", sample.application.http_port)
    writer.write(
        f"PUT /sample/parcel/a HTTP/1.1\r\nHost: x\r\nx-caller: {token}\r\nContent-Length: 9\r\n\r\nshort".encode()
    )
    writer.write_eof()
    async with within(10):
        told = await reader.read()
    writer.close()

    assert b" 200 " not in told


async def test_a_webhook_is_judged_by_its_bytes(sample: ServiceClient) -> None:
    body = b'{"id": 1}'
    headers = {"Content-Type": "application/json"}
    signed = {**headers, "x-signature": sha256(body).hexdigest()}

    right = await anybody(sample).send("POST", "/hook", body, signed)
    wrong = await anybody(sample).send("POST", "/hook", body, headers)
    large = await anybody(sample).send("POST", "/hook", bytes(1001), signed)
    other = await anybody(sample).send("POST", "/hook", body, {**signed, "Content-Type": "text/plain"})

    assert (right.status, right.raw) == (200, b"")
    assert (wrong.status, wrong.raw, wrong.headers["x-asked-by"]) == (401, b"", "anonymous")
    assert (large.status, other.status) == (413, 415)

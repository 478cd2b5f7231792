"""A parcel to send, callers, and requests that no HTTP client would send."""

import asyncio

from chassis.caller import ANONYMOUS
from chassis.testing.client import ServiceClient, TestAnswer
from chassis.testing.keys import token
from tests.waiting import within

ID = "01970f3e-9a4c-7c31-8a55-3f0c4b1d2e6a"


PARCEL = bytes(range(256)) * 4000


def anybody(sample: ServiceClient) -> ServiceClient:
    """The caller whom the gateway passes on without a session."""
    other = sample.plain
    other.caller = ANONYMOUS
    return other


async def put(client: ServiceClient, key: str, body: bytes = PARCEL, **headers: str) -> TestAnswer:
    return await client.send("PUT", f"/parcel/{key}", body, headers)


async def raw_put(sample: ServiceClient, head: str, body: bytes) -> bytes:
    """Send a request whose body does not end; returns what came back."""
    token = a_token()
    reader, writer = await asyncio.open_connection("127.0.0.1", sample.application.http_port)
    writer.write(f"PUT /sample/parcel/a HTTP/1.1\r\nHost: x\r\nx-caller: {token}\r\n{head}\r\n".encode() + body)
    async with within(20):
        told = await reader.readuntil(b"\r\n\r\n")
        told += await reader.readuntil(b"}}}")
    writer.close()
    return told


def a_token() -> str:
    return token(ANONYMOUS, "sample")


async def raw_get(sample: ServiceClient, key: str) -> TestAnswer:
    """GET of a path just as it is written, which the client would write anew."""
    reader, writer = await asyncio.open_connection("127.0.0.1", sample.application.http_port)
    head = f"GET /sample/parcel/{key} HTTP/1.1\r\nHost: x\r\nx-caller: {a_token()}\r\nConnection: close\r\n"
    writer.write(head.encode() + b"\r\n")
    async with within(10):
        told = await reader.read()
    writer.close()
    head_bytes, _, body = told.partition(b"\r\n\r\n")
    return TestAnswer(status=int(head_bytes[9:12]), headers={}, raw=body)

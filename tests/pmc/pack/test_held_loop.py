"""The largest inline documents are read off the event loop: refused, or stored."""

import asyncio

import msgspec
import pytest

from services.pmc.pack.domain import INLINE_BYTES_MAX
from tests.holding import CALLER_SECONDS, callbacks_of
from tests.pmc.given import Catalogue
from tests.pmc.pack.test_large import large

EMPTY_OBJECTS = b"[" + b"{}," * (INLINE_BYTES_MAX // 3 - 200) + b"{}]"
EMPTY_TEXTS = b"[" + b'"",' * (INLINE_BYTES_MAX // 3 - 200) + b'""]'
HEADERS = {"Content-Type": "application/json"}


@pytest.mark.parametrize("content", [EMPTY_OBJECTS, EMPTY_TEXTS], ids=["objects", "texts"])
@pytest.mark.parametrize(
    "begin",
    [b'{"unknown":', b'{"name":', b'{"document":{"format":"retailstack.pack/1","styles":'],
    ids=["unknown", "name", "document"],
)
async def test_a_document_of_many_parts_is_refused(pmc: Catalogue, begin: bytes, content: bytes) -> None:
    end = b"}}" if b"document" in begin else b"}"
    with callbacks_of(asyncio.get_running_loop()) as callbacks:
        answer = await pmc.client.send("POST", "/pack/create", begin + content + end, HEADERS)

    assert answer.status == 400, answer
    callbacks.check(CALLER_SECONDS)


async def test_a_document_of_the_largest_size_is_stored(pmc: Catalogue) -> None:
    document = large()
    body = msgspec.json.encode({"document": {**document, "styles": document["styles"][:1000]}})
    assert 0.9 * INLINE_BYTES_MAX < len(body) < INLINE_BYTES_MAX

    with callbacks_of(asyncio.get_running_loop()) as callbacks:
        answer = await pmc.client.send("POST", "/pack/create", body, HEADERS)

    assert answer.status == 200, answer
    callbacks.check(CALLER_SECONDS)

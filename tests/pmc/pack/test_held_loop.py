"""The largest documents leave the event loop to other calls: refused, or stored."""

from typing import Any

import msgspec
import pytest

from services.pmc.pack import uploads, validating
from services.pmc.pack.domain import INLINE_BYTES_MAX
from services.pmc.pack.intake import intake_for
from tests.holding import CALLER_SECONDS, held_at_most
from tests.pmc.given import Catalogue
from tests.pmc.pack.test_large import large, settled
from tests.pmc.pack.test_upload import as_lines, uploaded
from tests.worst import MIB, bodies

HEADERS = {"Content-Type": "application/json"}
LARGEST = bodies(INLINE_BYTES_MAX - 200)
BEGINS = {
    "unknown": b'{"unknown":',
    "name": b'{"name":',
    "document": b'{"idempotency_key":"held","document":{"format":"retailstack.pack/1","styles":',
}
CASES = [(begin, content) for content in ("objects", "lists", "texts") for begin in BEGINS] + [
    ("document", content) for content in LARGEST if content not in {"objects", "lists", "texts"}
]


async def warmed(pmc: Catalogue) -> None:
    """Have the child process started that large documents are validated in."""
    document: dict[str, Any] = {"styles": [], "source": "x" * 2 * validating.IN_THREAD_BYTES_MAX}
    assert (await pmc.post("/pack/create", document=document)).status == 400


@pytest.mark.parametrize(("begin", "content"), CASES)
async def test_a_document_of_many_parts_is_refused(pmc: Catalogue, begin: str, content: str) -> None:
    await warmed(pmc)
    end = b"}}" if begin == "document" else b"}"
    async with held_at_most(CALLER_SECONDS):
        answer = await pmc.client.send("POST", "/pack/create", BEGINS[begin] + LARGEST[content] + end, HEADERS)

    assert answer.status == 400, answer


async def test_a_document_of_the_largest_size_is_stored(pmc: Catalogue) -> None:
    document = large()
    document["styles"] = document["styles"][:1000]
    body = msgspec.json.encode({"document": document, "idempotency_key": "largest"})
    assert 0.9 * INLINE_BYTES_MAX < len(body) < INLINE_BYTES_MAX
    await warmed(pmc)

    async with held_at_most(CALLER_SECONDS):
        answer = await pmc.client.send("POST", "/pack/create", body, HEADERS)

    assert answer.status == 200, answer
    assert answer.data["pack"]["counts"]["styles"] == 1000


@pytest.mark.parametrize("form", ["application/json", "application/x-ndjson"])
async def test_an_upload_that_is_validated_within_its_call_is_stored(pmc: Catalogue, form: str) -> None:
    document = large()
    document["styles"] = document["styles"][:1000]
    data = msgspec.json.encode(document) if form == "application/json" else as_lines(document)
    assert 0.9 * INLINE_BYTES_MAX < len(data) < INLINE_BYTES_MAX
    await warmed(pmc)

    async with held_at_most(CALLER_SECONDS):
        pack = await uploaded(pmc, data, form)

    assert pack["state"] == "ready", pack
    assert pack["counts"]["styles"] == 1000


@pytest.mark.parametrize("content", ["lists", "texts", "nulls"])
async def test_a_large_upload_of_many_parts_is_rejected_while_others_are_served(
    pmc: Catalogue, content: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "INLINE_BYTES_MAX", 1)
    member = bodies(4 * MIB)[content]
    data = b'{"taxonomy":%b,"format":"retailstack.pack/1","styles":[{"tags":%b}]}' % (
        member,
        bodies(MIB - 100)[content],
    )

    async with held_at_most(CALLER_SECONDS):
        pack = await settled(pmc, await uploaded(pmc, data, "application/json"))

    assert pack["state"] == "rejected", pack
    assert {"taxonomy", "styles.0"} <= {each["path"] for each in pack["problems"]}


@pytest.mark.parametrize("begin", [b'{"name":', b'{"styles":[{"title":', b'{"styles":[], "x" : '])
def test_an_upload_with_a_text_without_end_is_rejected(begin: bytes) -> None:
    intake = intake_for("application/json", http_urls=False)
    found = [intake.feed(piece) for piece in [begin + b'"', *[b"x" * MIB] * 3]]

    assert found == [[]] * 4
    assert [each.message for each in intake.problems.kept] == [f"has a text of more than {MIB} bytes"]

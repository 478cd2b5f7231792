"""Mutated packs: every answer is one of the contract, no version is stored by half, and the forms agree.

`PMC_FUZZED=10000` puts so many documents to each pure test, and so many through the service in all, some at a time.
"""

import asyncio
import gzip
import hashlib
import os
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chassis.decoding.json_text import Malformed, read
from services.pmc.content import canonical
from services.pmc.pack import uploads
from services.pmc.pack.build import build_content, names_of
from services.pmc.pack.document import PackStyle
from services.pmc.pack.intake import PlacedStyle, Unpacker, intake_for
from services.pmc.pack.problems import PROBLEMS_MAX, Problems
from services.pmc.pack.scanning import BadOutline
from services.pmc.pack.validate import StyleText, Validated, validate_json
from services.pmc.run.domain import STEP_CONTENT_BYTES_MAX
from tests.pmc.given import Catalogue
from tests.pmc.pack.mutations import as_lines, bodies, documents, encoded
from tests.pmc.pack.test_faults import ROWS, settled, stored
from tests.pmc.pack.test_upload import send
from tests.running import in_new_org

# The service runs in this process, in a thread of its own, and may draw random numbers while a document is made.
pytestmark = pytest.mark.filterwarnings("ignore:Do not use the `random` module inside strategies")

DOCUMENTS = int(os.environ.get("PMC_FUZZED", "0"))
PURE = settings(max_examples=DOCUMENTS or 150)
IN_FLIGHT = 8 if DOCUMENTS else 1
"""Documents that are put through the service at a time, each in an org of its own."""

SERVED = settings(max_examples=DOCUMENTS // 4 // IN_FLIGHT or 20)

JSON, LINES = "application/json", "application/x-ndjson"


class Streamed(Validated):
    """What the validation of a stream has found, with the positions of the styles."""

    places: Sequence[int] = ()


def streamed(text: bytes, form: str, size: int) -> Streamed:
    """Validate a text that comes in pieces."""
    intake = intake_for(form, http_urls=False)
    found: list[PlacedStyle] = []
    try:
        for _ in range(intake.passes):
            for start in range(0, len(text), size):
                found += intake.feed(text[start : start + size])
            found += intake.end()
    except BadOutline as failure:
        intake.problems.add(failure.path, "malformed", str(failure))
    problems: Problems = intake.problems
    return Streamed(
        problem_count=problems.count,
        problems=problems.kept,
        header=intake.header,
        styles=[each.style for each in found],
        places=[each.place for each in found],
    )


def noted(found: Validated) -> set[tuple[str, str]]:
    """Path and code of every problem."""
    return {(each.path, each.code) for each in found.problems}


def check_contents(found: Validated) -> None:
    """Every item of a sound document has a content."""
    assert found.header is not None
    names = names_of(found.header)
    for text in found.styles:
        style = _style_of(text)
        for variant in style.variants:
            for offered in variant.channels:
                content = canonical(build_content(style, variant, offered.channel_code, names))
                assert 0 < content.bytes < STEP_CONTENT_BYTES_MAX


def _style_of(text: StyleText) -> PackStyle:
    return msgspec.json.decode(text.text, type=PackStyle)


@PURE
@given(documents(), st.integers(1, 3_000))
def test_all_forms_of_a_document_have_the_same_problems_or_the_same_styles(document: Any, size: int) -> None:
    whole = validate_json(encoded(document), "")
    forms = [streamed(encoded(document), JSON, size)]
    if (text := as_lines(document)) is not None:
        forms.append(streamed(text, LINES, size))

    for found in forms:
        assert bool(found.problem_count) == bool(whole.problem_count), (noted(found), noted(whole))
        if whole.problem_count == 0:
            assert (found.header, found.styles) == (whole.header, whole.styles)
            assert found.places == list(range(len(whole.styles)))
        elif isinstance(document, dict) and max(found.problem_count, whole.problem_count) <= PROBLEMS_MAX:
            if not document.get("styles"):
                continue  # Lines have no list that might be empty.
            assert noted(found) == noted(whole)
    if not whole.problem_count:
        check_contents(whole)


@PURE
@given(bodies(), st.integers(1, 3_000))
def test_what_is_no_json_is_refused_in_pieces_as_it_is_whole(text: bytes, size: int) -> None:
    whole, found = validate_json(text, ""), streamed(text, JSON, size)

    assert bool(found.problem_count) == bool(whole.problem_count), (noted(found), noted(whole))
    assert found.styles == whole.styles or whole.problem_count


@PURE
@given(bodies(lines=True), st.integers(1, 3_000), st.integers(1, 3_000))
def test_lines_have_the_same_problems_however_they_are_cut(text: bytes, size: int, other: int) -> None:
    found, again = streamed(text, LINES, size), streamed(text, LINES, other)

    assert found == again
    assert all(each.line is None or 1 <= each.line <= text.count(b"\n") + 1 for each in found.problems)


@PURE
@given(bodies(lines=True), st.integers(0, 2_000), st.integers(1, 300), st.binary(max_size=3), st.booleans())
def test_a_packed_text_unpacks_to_itself_or_is_refused(
    text: bytes, cut: int, size: int, broken: bytes, is_broken: bool
) -> None:
    packed = gzip.compress(text[:cut]) + gzip.compress(text[cut:]) + bytes(size % 3)
    if is_broken:
        packed = packed[:cut] + broken + packed[cut + 1 :]
    unpacker = Unpacker("gzip")
    found = b""
    try:
        for start in range(0, len(packed), size):
            found += b"".join(unpacker.feed(packed[start : start + size]))
        unpacker.end()
    except BadOutline:
        assert is_broken
    else:
        assert found == text or is_broken


class Fuzzer:
    """Sends documents to a service as a caller of one org."""

    def __init__(self, pmc: Catalogue, clock: Any) -> None:
        self.pmc = pmc
        self.clock = clock
        self.ready = 0

    async def put(self, text: bytes, form: str) -> None:
        """Upload a document, and store it by a call of its own if it is in JSON form."""
        uploaded = await self.upload(text, form) if text else False
        if form == JSON:
            is_inline = await self.inline(text)
            assert is_inline == uploaded or not is_json(text), text

    async def inline(self, text: bytes) -> bool:
        """Store a document by a call of its own; whether it was taken."""
        headers = {"Content-Type": "application/json"}
        answer = await self.pmc.client.send("POST", "/pack/create", b'{"document":' + text + b"}", headers)
        assert answer.status in {200, 400}, (answer, text)
        if answer.status == 400:
            assert answer.tag == "invalid-input", answer
            return False
        await self.check(answer.data["pack"])
        return True

    async def upload(self, text: bytes, form: str) -> bool:
        """Upload a document and have it validated; whether it became ready."""
        sha256 = hashlib.sha256(text).hexdigest()
        upload = {"content_type": form, "size_bytes": len(text), "sha256": sha256}
        created = await self.pmc.good(await self.pmc.post("/pack/create", upload=upload))
        assert (await send(self.pmc, "PUT", created["upload"]["url"], text))[0] == 200
        pack = await settled(self.pmc, self.clock, created["pack"])
        await self.check(pack)
        return bool(pack["state"] == "ready")

    async def check(self, pack: Any) -> None:
        """A version is stored whole, or with nothing but its problems."""
        rows = await stored(self.pmc, pack)
        sizes = [len(rows[name]) for name in ROWS]
        if pack["state"] != "ready":
            assert (pack["state"], sizes) == ("rejected", [0, 0, 0, 0]), pack
            assert 0 < len(pack["problems"]) <= min(PROBLEMS_MAX, pack["problem_count"])
            return
        counts = pack["counts"]
        assert sizes == [1, counts["styles"], counts["styles"], counts["items"]]
        assert [row["n"] for row in rows["pmc_pack_items"]] == list(range(1, counts["items"] + 1))
        run = await self.pmc.run(pack_id=pack["pack_id"], channel_codes=["STORE", "WEB"], dry_run=True)
        assert (run["status"], run["processed"]) == ("completed", counts["items"])
        self.ready += 1


async def fuzzed(pmc: Catalogue, clock: Any, strategy: st.SearchStrategy[bytes], form: str) -> int:
    """Put texts through the service, which hypothesis draws in a thread of its own; how many versions became ready."""
    fuzzers = [Fuzzer(Catalogue(in_new_org(pmc.client)), clock) for _ in range(IN_FLIGHT)]
    for fuzzer in fuzzers:
        await fuzzer.pmc.scenario_profiles()
    loop = asyncio.get_running_loop()

    async def put_all(texts: Sequence[bytes]) -> None:
        async with asyncio.TaskGroup() as tasks:
            for fuzzer, text in zip(fuzzers, texts, strict=True):
                tasks.create_task(fuzzer.put(text, form))

    @SERVED
    @given(st.lists(strategy, min_size=IN_FLIGHT, max_size=IN_FLIGHT))
    def put(texts: list[bytes]) -> None:
        asyncio.run_coroutine_threadsafe(put_all(texts), loop).result()

    await asyncio.to_thread(put)
    return sum(each.ready for each in fuzzers)


def is_json(text: bytes) -> bool:
    """Whether a text is one JSON value, so that it is the whole document of an inline call, too."""
    try:
        read(text)
    except Malformed:
        return False
    return True


@pytest.mark.parametrize("in_call", [True, False])
async def test_a_document_with_mistakes_is_stored_whole_or_refused(
    pmc: Catalogue, clock: Any, in_call: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not in_call:
        monkeypatch.setattr(uploads, "INLINE_BYTES_MAX", 1)
    assert await fuzzed(pmc, clock, documents().map(encoded), JSON)


async def test_a_text_with_broken_bytes_is_stored_whole_or_refused(pmc: Catalogue, clock: Any) -> None:
    await fuzzed(pmc, clock, bodies(), JSON)


async def test_lines_with_broken_bytes_are_stored_whole_or_refused(
    pmc: Catalogue, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "INLINE_BYTES_MAX", 1)
    await fuzzed(pmc, clock, bodies(lines=True), LINES)

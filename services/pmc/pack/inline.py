"""Creating pack versions: what is prepared outside the change, and what the change itself does."""

from collections.abc import Sequence
from typing import Literal

from msgspec.structs import replace

from chassis.caller import Call
from chassis.clock import later
from chassis.cpu_pool import CpuPool
from chassis.entity import Value
from chassis.errors import Invalid, NotFound
from chassis.ids import new_id
from chassis.unit import Change, Units, View
from services.pmc.pack.domain import (
    UPLOAD_SECONDS,
    PackSeries,
    PackVersion,
    ready,
    version_id_of,
)
from services.pmc.pack.problems import PackProblem, ProblemCode
from services.pmc.pack.rows import Place
from services.pmc.pack.store import PACKS, SERIES, forget_draft
from services.pmc.pack.validating import validate_inline
from services.pmc.pack.writing import Contents, insert_rows, write_ahead
from services.pmc.rollup.store import add_to_org


class DocumentProblem(Value):
    """A problem of an inline document, as the refusal shows it."""

    path: str
    problem: str
    code: ProblemCode


class Sound(Value):
    """A validated document, ready to be stored as a version. `written`: its rows are stored already."""

    contents: Contents
    written: bool


async def prepare_document(
    units: Units, cpu: CpuPool, call: Call, pack_id: str | None, text: bytes, http_urls: bool
) -> Sound:
    """Validate an inline document and write ahead what does not fit one transaction. Raises `Invalid`, `NotFound`."""
    found = await validate_inline(cpu, call.orgcode, text, http_urls)
    if found.document is None:
        raise invalid_document(found.problem_count, found.problems)
    now = call.started_utc
    rev = await _next_rev(units, call, pack_id)
    place = Place(store_id=new_id(now), pack_id=pack_id or new_id(now), pack_rev=rev)
    contents = Contents(place=place, document=found.document)
    if not contents.fits:
        await write_ahead(units, call, contents)
    return Sound(contents=contents, written=not contents.fits)


async def _next_rev(units: Units, call: Call, pack_id: str | None) -> int:
    if pack_id is None:
        return 1

    async def look(view: View) -> int:
        series = await view.get(SERIES, pack_id)
        if series is None:
            raise NotFound("there is no such pack")
        return series.newest_rev + 1

    return await units.view(call, look)


async def create_inline(change: Change, sound: Sound, name: str | None, pack_id: str | None) -> PackVersion:
    """Store a sound document as the pack's next version."""
    document = sound.contents.document
    series = await _series(change, pack_id, sound.contents.place.pack_id)
    place = replace(sound.contents.place, pack_rev=series.newest_rev + 1)
    draft = _version(place, "inline", "application/json", document.sha256, document.bytes, name)
    version = await change.insert(PACKS, ready(draft, document.ranges, document.counts, document.name, change.now))
    if sound.written:
        await forget_draft(change, place.store_id)
    else:
        await insert_rows(change, replace(sound.contents, place=place).rows())
    await _keep_series(change, series, place.pack_rev, is_ready=True)
    await add_to_org(change, packs=int(place.pack_rev == 1), pack_versions=1)
    return version


async def create_awaiting(
    change: Change,
    pack_id: str | None,
    name: str | None,
    content_type: str,
    content_encoding: str | None,
    size: int,
    sha256: str,
) -> PackVersion:
    """Make the pack's next version, which waits for its upload."""
    series = await _series(change, pack_id, None)
    place = Place(store_id=change.new_id(), pack_id=series.pack_id, pack_rev=series.newest_rev + 1)
    draft = _version(place, "upload", content_type, sha256, size, name)
    draft = replace(draft, content_encoding=content_encoding, upload_expires_utc=later(change.now, UPLOAD_SECONDS))
    version = await change.insert(PACKS, draft)
    await _keep_series(change, series, place.pack_rev, is_ready=False)
    await add_to_org(change, packs=int(place.pack_rev == 1), pack_versions=1)
    return version


def _version(
    place: Place, origin: Literal["inline", "upload"], content_type: str, sha256: str, size: int, name: str | None
) -> PackVersion:
    return PackVersion(
        version_id=version_id_of(place.pack_id, place.pack_rev),
        store_id=place.store_id,
        pack_id=place.pack_id,
        pack_rev=place.pack_rev,
        name=name,
        origin=origin,
        state="awaiting_upload",
        content_type=content_type,
        content_sha256=sha256,
        size_bytes=size,
        channels=[],
        problem_count=0,
        problems=[],
        ranges={},
    )


async def _series(change: Change, pack_id: str | None, new_pack_id: str | None) -> PackSeries:
    if pack_id is None:
        return PackSeries(pack_id=new_pack_id or change.new_id(), newest_rev=0)
    series = await change.get(SERIES, pack_id)
    if series is None:
        raise NotFound("there is no such pack")
    return series


async def _keep_series(change: Change, series: PackSeries, rev: int, *, is_ready: bool) -> None:
    after = replace(series, newest_rev=rev, newest_ready_rev=rev if is_ready else series.newest_ready_rev)
    await (change.insert if series.newest_rev == 0 else change.update)(SERIES, after)


def invalid_document(count: int, problems: Sequence[PackProblem]) -> Invalid:
    """The refusal of a document, with its first problems."""
    fields = [DocumentProblem(path=each.path, problem=each.message, code=each.code) for each in problems]
    first = problems[0]
    more = f" (and {count - 1} more)" if count > 1 else ""
    refusal = Invalid(f"{first.path}: {first.message}{more}", problem_count=count)
    refusal.details["fields"] = fields
    return refusal

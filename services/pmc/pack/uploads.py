"""Completing an upload: checks the object, and validates it if it is small; a worker validates large ones."""

import hashlib

from msgspec.structs import replace

from chassis.caller import Call
from chassis.clock import Clock
from chassis.cpu_pool import CpuPool
from chassis.errors import Invalid, InvalidState
from chassis.ids import new_id
from chassis.unit import Change, Units, View
from chassis.work.store import enqueue
from services.pmc.objects.port import ObjectStore, pack_key
from services.pmc.pack.domain import INLINE_BYTES_MAX, PackVersion, check_completable, ready, rejected, to_answer
from services.pmc.pack.problems import Problems
from services.pmc.pack.rows import Place
from services.pmc.pack.sound import SoundDocument
from services.pmc.pack.store import PACKS, SERIES, TO_VALIDATE, forget_draft, load_version
from services.pmc.pack.validating import ValidationResult, validate_upload
from services.pmc.pack.writing import Contents, insert_rows, write_ahead

EVENTS_OF_VALIDATION = ("pmc.pack.ready", "pmc.pack.rejected")


async def complete(
    units: Units,
    call: Call,
    store: ObjectStore,
    clock: Clock,
    cpu: CpuPool,
    pack_id: str,
    pack_rev: int,
    sha256: str | None,
    http_urls: bool,
) -> PackVersion:
    """The version after its upload: ready, rejected or validating. Raises `Invalid`, `InvalidState`, `StoreDown`."""

    async def look(view: View) -> PackVersion:
        return await load_version(view, pack_id, pack_rev)

    version = await units.view(call, look)
    if version.state in {"validating", "ready", "rejected"}:
        return version
    check_completable(version, clock.now())
    data = await _checked(store, version, sha256)
    if data is None:
        return await _hand_over(units, call, version)
    found = await validate_upload(cpu, call.orgcode, data, version.content_type, version.content_encoding, http_urls)
    if found is None:
        return await _hand_over(units, call, version)
    return await _settle(units, call, version, found)


async def _checked(store: ObjectStore, version: PackVersion, sha256: str | None) -> bytes | None:
    """The object, held against what was announced; None where it is too large to be kept in memory."""
    key = pack_key(version.orgcode, version.pack_id, version.pack_rev)
    info = await store.info(key)
    if info is None:
        raise InvalidState("nothing was uploaded", state=version.state)
    if info.size != version.size_bytes:
        raise _differs("size", version.size_bytes, info.size)
    if sha256 is not None and sha256 != version.content_sha256:
        raise _differs("SHA-256", version.content_sha256, sha256)
    digest = hashlib.sha256()
    kept: list[bytes] = []
    async for piece in store.stream(key):
        digest.update(piece)
        if version.size_bytes <= INLINE_BYTES_MAX:
            kept.append(piece)
    if digest.hexdigest() != version.content_sha256:
        raise _differs("SHA-256", version.content_sha256, digest.hexdigest())
    return b"".join(kept) if version.size_bytes <= INLINE_BYTES_MAX else None


def _differs(what: str, expected: object, found: object) -> Invalid:
    return Invalid(f"the {what} differs from what was announced", expected=expected, found=found)


async def _settle(units: Units, call: Call, version: PackVersion, found: ValidationResult) -> PackVersion:
    contents: Contents | None = None
    if found.document is not None:
        place = Place(store_id=version.store_id, pack_id=version.pack_id, pack_rev=version.pack_rev)
        contents = Contents(place=place, document=found.document)
        if not contents.fits:
            # Two completions at once would both write ahead: a store of its own keeps them apart.
            contents = replace(contents, place=replace(place, store_id=new_id(call.started_utc)))
            await write_ahead(units, call, contents)

    async def write(change: Change) -> PackVersion:
        current = await change.load(PACKS, version.version_id)
        if current.state != "awaiting_upload":
            return current
        if contents is None:
            problems = Problems(count=found.problem_count, kept=found.problems)
            kept = await change.update(PACKS, rejected(current, problems))
            change.emit("pmc.pack.rejected", kept.pack_id, pack=to_answer(kept))
            return kept
        if contents.fits:
            await insert_rows(change, contents.rows())
        else:
            await forget_draft(change, contents.place.store_id)
        return await make_ready(change, replace(current, store_id=contents.place.store_id), contents.document)

    return await units.change(call, write, emits=EVENTS_OF_VALIDATION)


async def make_ready(change: Change, version: PackVersion, document: SoundDocument) -> PackVersion:
    """The version, ready; it is the pack's newest ready one unless a later one is."""
    return await keep_ready(change, ready(version, document.ranges, document.counts, document.name, change.now))


async def keep_ready(change: Change, version: PackVersion) -> PackVersion:
    """Store a version that is ready, and emit the event."""
    kept = await change.update(PACKS, version)
    series = await change.load(SERIES, kept.pack_id)
    if series.newest_ready_rev is None or series.newest_ready_rev < kept.pack_rev:
        await change.update(SERIES, replace(series, newest_ready_rev=kept.pack_rev))
    change.emit("pmc.pack.ready", kept.pack_id, pack=to_answer(kept))
    return kept


async def _hand_over(units: Units, call: Call, version: PackVersion) -> PackVersion:
    async def write(change: Change) -> PackVersion:
        current = await change.load(PACKS, version.version_id)
        if current.state != "awaiting_upload":
            return current
        await enqueue(change, TO_VALIDATE, current.version_id)
        return await change.update(PACKS, replace(current, state="validating"))

    return await units.change(call, write, emits=())

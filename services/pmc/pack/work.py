"""Validates large uploads as leased work: styles are stored while they stream by, then given their item numbers.

Every batch is committed together with the progress, so another worker continues where the last one stopped: what is
stored already is read and checked again, but not written again.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping

import msgspec
from msgspec.structs import replace

from chassis.decoding.pace import Pace
from chassis.telemetry.log import get_logger
from chassis.unit import Change, Units, View, between
from chassis.work.handle import Work
from chassis.work.queue import Continue, NoPayload, Workers
from services.pmc.objects.port import ObjectStore, pack_key
from services.pmc.pack.document import PackHeader, PackStyle
from services.pmc.pack.domain import (
    ItemRange,
    ItemRow,
    PackCounts,
    PackHeaderDocument,
    PackVersion,
    StyleBody,
    StyleRow,
    ready,
    rejected,
    to_answer,
)
from services.pmc.pack.dropping import drop_rows
from services.pmc.pack.intake import JsonIntake, LinesIntake, PlacedStyle, Unpacker, intake_for
from services.pmc.pack.problems import Problems
from services.pmc.pack.progress import Numbered, Validation
from services.pmc.pack.rows import Numbering, Place, item_rows, style_rows
from services.pmc.pack.scanning import BadOutline
from services.pmc.pack.sound import header_text
from services.pmc.pack.store import BODIES, HEADERS, ITEMS, PACKS, STYLES, TO_VALIDATE, style_key_of
from services.pmc.pack.uploads import EVENTS_OF_VALIDATION, keep_ready
from services.pmc.pack.validate import StyleText, offers_of, ranges_of
from services.pmc.pack.writing import BYTES_AT_ONCE_MAX, ROWS_AT_ONCE_MAX, header_row
from services.pmc.settings import PmcSettings

workers = Workers("pmc")

STYLES_AT_ONCE = 20
RUN_SECONDS_MAX = 3600.0

log = get_logger("services.pmc.pack")


@workers.on(TO_VALIDATE, concurrency=1, run_seconds_max=RUN_SECONDS_MAX)
async def validate(units: Units, work: Work[NoPayload], store: ObjectStore, settings: PmcSettings) -> Continue | None:
    """Validate an uploaded pack, and store its styles and items."""
    version = await _load(units, work)
    if version is None or version.state != "validating":
        return None
    try:
        await _validate(units, work, store, settings, version)
    except Exception:
        # Where the lease is lost, the first change below raises that again.
        if work.attempts < TO_VALIDATE.attempts_max:
            raise
        log.exception("a pack could not be validated", pack_id=version.pack_id, pack_rev=version.pack_rev)
        problems = Problems()
        problems.add("document", "malformed", f"could not be validated in {work.attempts} attempts")
        await drop_rows(units, work.call, version.store_id, work.checkpoint)
        await _reject(units, work, version, problems)
    return None


async def _validate(
    units: Units, work: Work[NoPayload], store: ObjectStore, settings: PmcSettings, version: PackVersion
) -> None:
    progress: Validation = work.progress or Validation()
    if not progress.stored:
        intake, progress = await _store_styles(units, work, store, settings, version, progress)
        if intake.problems.count or intake.header is None:
            await drop_rows(units, work.call, version.store_id, work.checkpoint)
            await _reject(units, work, version, intake.problems)
            return
    await _number_items(units, work, version, progress)


async def _load(units: Units, work: Work[NoPayload]) -> PackVersion | None:
    async def look(view: View) -> PackVersion | None:
        return await view.get(PACKS, work.key)

    return await units.view(work.call, look)


async def _store_styles(
    units: Units,
    work: Work[NoPayload],
    store: ObjectStore,
    settings: PmcSettings,
    version: PackVersion,
    progress: Validation,
) -> tuple[LinesIntake | JsonIntake, Validation]:
    """Validate the whole document, and store the styles that are not stored yet."""
    intake = intake_for(version.content_type, http_urls=settings.pmc_http_media, pace=Pace())
    waiting: list[PlacedStyle] = []
    size = 0
    try:
        for _ in range(intake.passes):
            async for piece in _pieces(store, version):
                found = await asyncio.to_thread(intake.feed, piece)
                fresh = [each for each in found if each.place >= progress.styles]
                waiting += fresh
                size += sum(len(each.style.text) for each in fresh)
                if intake.problems.count:
                    # Nothing of the version will be kept: what follows is only checked.
                    waiting, size = [], 0
                elif len(waiting) >= ROWS_AT_ONCE_MAX or size >= BYTES_AT_ONCE_MAX:
                    progress = await _write_styles(units, work, version, waiting, progress)
                    waiting, size = [], 0
            waiting += [each for each in intake.end() if each.place >= progress.styles]
    except BadOutline as failure:
        intake.problems.add(failure.path, "malformed", str(failure))
    if intake.problems.count or intake.header is None:
        return intake, progress
    progress = await _write_styles(units, work, version, waiting, progress)
    return intake, await _finish_styles(units, work, version, intake.header, progress)


async def _pieces(store: ObjectStore, version: PackVersion) -> AsyncIterator[bytes]:
    """The document's bytes, unpacked."""
    unpacker = Unpacker(version.content_encoding)
    async for packed in store.stream(pack_key(version.orgcode, version.pack_id, version.pack_rev)):
        for piece in unpacker.feed(packed):
            yield piece
    unpacker.end()


async def _write_styles(
    units: Units, work: Work[NoPayload], version: PackVersion, styles: list[PlacedStyle], progress: Validation
) -> Validation:
    if not styles:
        return progress
    offered = Counter(progress.offered)
    for each in styles:
        offered.update({code: len(ids) for code, ids in each.style.offers.items()})
    after = replace(
        progress,
        styles=styles[-1].place + 1,
        variants=progress.variants + sum(each.style.variants for each in styles),
        offered=dict(offered),
    )

    async def write(change: Change) -> None:
        await work.checkpoint(change, after)
        for each in styles:
            key = style_key_of(version.store_id, each.style.style_id)
            await change.insert(BODIES, StyleBody(style_key=key, store_id=version.store_id, text=each.style.text))

    await units.change(work.call, write, emits=())
    return after


async def _finish_styles(
    units: Units, work: Work[NoPayload], version: PackVersion, header: PackHeader, progress: Validation
) -> Validation:
    """Store the header, and note that all styles are stored and sound."""
    ranges = ranges_of(header, progress.offered)
    after = replace(progress, stored=True, numbered=Numbered(ranges=ranges))
    entity, row, _ = header_row(_place(version), header_text(header))

    async def write(change: Change) -> None:
        await work.checkpoint(change, after)
        await change.insert(entity, row)

    await units.change(work.call, write, emits=())
    return after


async def _number_items(units: Units, work: Work[NoPayload], version: PackVersion, progress: Validation) -> None:
    """Give the items of all styles their numbers, style by style in order, and make the version ready."""
    while True:
        bodies = await _next_bodies(units, work, version, progress.numbered.after)
        if not bodies:
            break
        progress = await _number(units, work, version, bodies, progress)

    async def write(change: Change) -> None:
        await work.checkpoint(change)
        current = await change.load(PACKS, version.version_id)
        header = await change.load(HEADERS, version.store_id)
        await keep_ready(change, _ready(current, header, progress, change))

    await units.change(work.call, write, emits=EVENTS_OF_VALIDATION)


def _ready(version: PackVersion, header: PackHeaderDocument, progress: Validation, change: Change) -> PackVersion:
    known = msgspec.json.decode(header.text, type=PackHeader)
    counts = PackCounts(
        channels=len(known.channels),
        styles=progress.styles,
        variants=progress.variants,
        items=sum(progress.offered.values()),
    )
    return ready(version, progress.numbered.ranges, counts, known.name, change.now)


async def _next_bodies(units: Units, work: Work[NoPayload], version: PackVersion, after: str) -> list[StyleBody]:
    async def look(view: View) -> list[StyleBody]:
        where = {"store_id": version.store_id, "style_key": between(above=after)}
        return await view.find(BODIES, where, order=("style_key",), limit=STYLES_AT_ONCE)

    return await units.view(work.call, look)


async def _number(
    units: Units, work: Work[NoPayload], version: PackVersion, bodies: list[StyleBody], progress: Validation
) -> Validation:
    numbered = progress.numbered
    numbering = Numbering(numbered.next or numbered.ranges)
    place = _place(version)
    rows: list[StyleRow] = []
    items: list[ItemRow] = []
    for body in bodies:
        style = _style_text(body)
        ranges = numbering.take(style.offers)
        rows.append(style_rows(place, style, ranges)[0])
        items += item_rows(place, style, ranges)
    after = replace(
        progress, numbered=replace(numbered, after=bodies[-1].style_key, next=_next(numbering, numbered.ranges))
    )
    # Another worker may write all but the last batch again: an item's id is its number, so existing ones are skipped.
    *early, last = [items[start : start + ROWS_AT_ONCE_MAX] for start in range(0, len(items), ROWS_AT_ONCE_MAX)]
    for some in early:
        await _write_items(units, work, some, [], progress)
    await _write_items(units, work, last, rows, after)
    return after


async def _write_items(
    units: Units, work: Work[NoPayload], items: list[ItemRow], rows: list[StyleRow], progress: Validation
) -> None:
    async def write(change: Change) -> None:
        await work.checkpoint(change, progress)
        known = await change.get_many(ITEMS, [item.item_key for item in items])
        for item in items:
            if item.item_key not in known:
                await change.insert(ITEMS, item)
        for row in rows:
            await change.insert(STYLES, row)

    await units.change(work.call, write, emits=())


def _next(numbering: Numbering, ranges: Mapping[str, ItemRange]) -> dict[str, ItemRange]:
    return {code: ItemRange(first=numbering.next_of(code), count=0) for code in ranges}


def _style_text(body: StyleBody) -> StyleText:
    style = msgspec.json.decode(body.text, type=PackStyle)
    return StyleText(style_id=style.style_id, text=body.text, variants=len(style.variants), offers=offers_of(style))


async def _reject(units: Units, work: Work[NoPayload], version: PackVersion, problems: Problems) -> None:
    async def write(change: Change) -> None:
        await work.checkpoint(change)
        current = await change.load(PACKS, version.version_id)
        kept = await change.update(PACKS, rejected(current, problems))
        change.emit("pmc.pack.rejected", kept.pack_id, pack=to_answer(kept))

    await units.change(work.call, write, emits=EVENTS_OF_VALIDATION)


def _place(version: PackVersion) -> Place:
    return Place(store_id=version.store_id, pack_id=version.pack_id, pack_rev=version.pack_rev)

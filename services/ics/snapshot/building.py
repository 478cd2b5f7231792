"""Making a snapshot: its parts are kept as they are filled, so that another replica can go on where one stopped.

begin      what there was, cut at one moment; nothing but a note that a snapshot is being made
fill_all   parts, up to so many rows at once; what is left is kept as it was cut
complete   the accounts outside added up, and the directory
"""

import asyncio
import heapq
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby
from time import monotonic
from typing import NamedTuple

from chassis.caller import Call
from chassis.clock import Utc
from chassis.unit import Change, Units, View
from services.ics.snapshot.domain import (
    EXTERNALS,
    Build,
    Directory,
    Entry,
    Outside,
    Part,
    cuts_of,
    described,
    pack,
    part_id,
    shares_of,
)
from services.ics.snapshot.reading import Slice, cut, fill
from services.ics.snapshot.store import BUILDS, PARTS
from services.ics.words import External

ROWS_AT_ONCE = 100_000
"""A snapshot with so many rows is ready when it is answered; one with more is built behind the answer."""

AT_ONCE_SECONDS = 15.0
"""Whoever asked is not kept waiting longer: what is left then is built behind the answer, few rows or many."""

OUTSIDE_ROWS = 1000
"""Rows of accounts outside in a part."""


ROWS_BETWEEN_PAUSES = 200
"""Rows of accounts outside added up before others have a turn."""


class Head(NamedTuple):
    """What of a part is needed to complete a snapshot; the shares in accounts outside stay packed."""

    logical_guid: str
    entry: Entry | None
    outside: bytes


class Taken(NamedTuple):
    """A snapshot whose moment has been cut. `directory` is None while parts are still to be filled."""

    snapshot_id: str
    taken_utc: Utc
    directory: Directory | None


async def take(units: Units, call: Call, logical_guid: str | None, variant_ids: Sequence[str]) -> Taken:
    """Cut the moment and keep its parts, filled as far as is done at once."""

    async def begin(change: Change) -> str:
        snapshot_id = change.new_id()
        await change.insert(BUILDS, Build(snapshot_id=snapshot_id, orgcode=call.orgcode, begun_utc=change.now))
        return snapshot_id

    snapshot_id = await units.change(call, begin)
    moment = await cut(units, call, logical_guid, variant_ids)
    row_count, until = 0, monotonic() + AT_ONCE_SECONDS
    heads: list[Head] = []
    for number, each in enumerate(moment.slices):
        part = _cut_part(call.orgcode, snapshot_id, number, each)
        if row_count <= ROWS_AT_ONCE and monotonic() < until:
            part = await _filled(units, call, part)
            row_count += part.entry.row_count if part.entry is not None else 0
            heads.append(_head(part))
        await _keep(units, call, part, new=True)
    if row_count > ROWS_AT_ONCE or len(heads) < len(moment.slices):
        return Taken(snapshot_id, moment.taken_utc, None)
    directory = await complete(units, call, snapshot_id, heads, whole=logical_guid is None)
    return Taken(snapshot_id, moment.taken_utc, directory)


async def go_on(units: Units, call: Call, build: Build, *, whole: bool) -> Directory:
    """Fill the parts that are still to be filled."""
    heads: list[Head] = []
    while (part := await _part(units, call, build.snapshot_id, len(heads))) is not None:
        if part.logical_guid is None:
            # Accounts outside, from a try that was cut off: they are made again.
            break
        if part.cuts is not None:
            part = await _filled(units, call, part)
            await _keep(units, call, part, new=False)
        heads.append(_head(part))
    return await complete(units, call, build.snapshot_id, heads, whole=whole)


async def complete(units: Units, call: Call, snapshot_id: str, heads: Sequence[Head], *, whole: bool) -> Directory:
    """The directory of all parts; those of accounts outside, which only a snapshot of all facilities has, are made."""
    entries = [head.entry for head in heads if head.entry is not None]
    if whole:
        facilities: dict[str, list[Head]] = {}
        for head in heads:
            facilities.setdefault(head.logical_guid, []).append(head)
        entries += await _keep_outside(units, call, snapshot_id, len(heads), list(facilities.values()))
    return Directory(snapshot_id=snapshot_id, orgcode=call.orgcode, entries=entries)


async def _keep_outside(
    units: Units, call: Call, snapshot_id: str, number: int, facilities: Sequence[Sequence[Head]]
) -> list[Entry]:
    """Keep the rows of accounts outside behind the stock parts, and say what the directory is to say of them."""
    entries: list[Entry] = []
    rows: list[Outside] = []

    async def keep_rows() -> None:
        place = number + len(entries)
        entry = Entry(
            number=place,
            logical_guid=None,
            first=rows[0].variant_id,
            last=rows[-1].variant_id,
            buckets=[],
            row_count=len(rows),
            on_hand=0,
        )
        part = Part(
            part_id=part_id(snapshot_id, place),
            orgcode=call.orgcode,
            snapshot_id=snapshot_id,
            number=place,
            logical_guid=None,
            outside=pack(rows),
            entry=entry,
        )
        # A build that was cut off may have kept it already: it is the same again.
        await _keep(units, call, part, new=await _part(units, call, snapshot_id, place) is None)
        entries.append(entry)
        rows.clear()

    for count, row in enumerate(_merged([_shares(heads) for heads in facilities]), 1):
        rows.append(row)
        if not count % ROWS_BETWEEN_PAUSES:
            await asyncio.sleep(0)
        if len(rows) == OUTSIDE_ROWS:
            await keep_rows()
    if rows:
        await keep_rows()
    return entries


def _shares(heads: Sequence[Head]) -> Iterator[Outside]:
    """A facility's shares in the accounts outside, by variant; one part unpacked at a time."""
    for head in heads:
        yield from shares_of(head.outside)


def _merged(facilities: Sequence[Iterator[Outside]]) -> Iterator[Outside]:
    """The shares of all facilities' items added up, by variant and account."""
    by_variant = groupby(heapq.merge(*facilities, key=lambda share: share.variant_id), lambda share: share.variant_id)
    for variant_id, shares in by_variant:
        total: Counter[External] = Counter()
        for share in shares:
            total[share.external] += share.quantity
        for external in EXTERNALS:
            if total[external]:
                yield Outside(variant_id, external, total[external])


def _cut_part(orgcode: str, snapshot_id: str, number: int, each: Slice) -> Part:
    return Part(
        part_id=part_id(snapshot_id, number),
        orgcode=orgcode,
        snapshot_id=snapshot_id,
        number=number,
        logical_guid=each.logical_guid,
        cuts=pack(each.cuts),
    )


def _head(part: Part) -> Head:
    assert part.logical_guid is not None, part.part_id
    return Head(part.logical_guid, part.entry, part.outside)


async def _filled(units: Units, call: Call, part: Part) -> Part:
    """A part with its rows."""
    assert part.logical_guid is not None, part.part_id
    found = await fill(units, call, Slice(part.logical_guid, cuts_of(part)))
    return Part(
        part_id=part.part_id,
        orgcode=part.orgcode,
        snapshot_id=part.snapshot_id,
        number=part.number,
        logical_guid=part.logical_guid,
        rows=pack(found.rows),
        outside=pack(found.outside),
        entry=described(part.number, part.logical_guid, found.rows),
    )


async def _part(units: Units, call: Call, snapshot_id: str, number: int) -> Part | None:
    async def read(view: View) -> Part | None:
        return await view.get(PARTS, part_id(snapshot_id, number))

    return await units.view(call, read)


async def _keep(units: Units, call: Call, part: Part, *, new: bool) -> None:
    async def write(change: Change) -> None:
        if new:
            await change.insert(PARTS, part)
            return
        await change.load(PARTS, part.part_id)
        await change.update(PARTS, part)

    await units.change(call, write)

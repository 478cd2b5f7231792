"""Builds a snapshot. Its parts are stored as they are filled, so that another replica can continue after a crash.

take       cuts all items at one moment, fills parts up to a limit of rows and seconds, and stores the rest unfilled
go_on      fills the parts that `take` left unfilled
complete   adds up the external accounts and makes the directory
"""

import asyncio
import heapq
from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from time import monotonic
from typing import NamedTuple

from chassis.caller import Call
from chassis.clock import Utc
from chassis.unit import Change, Units, View
from services.ics.snapshot.domain import (
    EXTERNALS,
    Directory,
    Entry,
    Outside,
    SnapshotBuild,
    SnapshotPart,
    pack,
    part_id,
    shares_of,
)
from services.ics.snapshot.reading import cut, fill
from services.ics.snapshot.store import BUILDS, PARTS
from services.ics.snapshot.throttle import Throttle
from services.ics.words import External

ROWS_AT_ONCE = 100_000
"""A snapshot up to this many rows is ready when the call returns; a larger one is built in the background."""

REST_WITHIN_SECONDS = 2.5
"""Pauses stop after this time, so that most snapshots up to `ROWS_AT_ONCE` are ready in time."""

AT_ONCE_SECONDS = 5.0
"""The caller waits no longer than this; a snapshot that is not ready by then is built in the background."""

PARTS_TOGETHER = 16
"""Parts stored in one change: a few hundred kilobytes at most."""

OUTSIDE_ROWS = 1000
"""Rows of external accounts in a part."""

ROWS_BETWEEN_PAUSES = 200
"""Rows of external accounts processed before yielding to other tasks."""


class Head(NamedTuple):
    """The data of a part needed to complete a snapshot. The shares of external accounts stay packed."""

    logical_guid: str
    entry: Entry | None
    outside: bytes


class Taken(NamedTuple):
    """A snapshot cut at `taken_utc`. `directory` is None while there are unfilled parts."""

    snapshot_id: str
    taken_utc: Utc
    directory: Directory | None


async def take(units: Units, call: Call, logical_guid: str | None, variant_ids: Sequence[str]) -> Taken:
    """Cut all items in scope at one moment and store the parts, filled as far as the limits allow."""

    async def begin(change: Change) -> str:
        snapshot_id = change.new_id()
        await change.insert(BUILDS, SnapshotBuild(snapshot_id=snapshot_id, orgcode=call.orgcode, begun_utc=change.now))
        return snapshot_id

    until, throttle = monotonic() + AT_ONCE_SECONDS, Throttle(REST_WITHIN_SECONDS)
    snapshot_id = await units.change(call, begin)
    moment = await cut(units, call, snapshot_id, logical_guid, variant_ids, throttle)
    row_count = 0
    heads: list[Head] = []
    for parts in _together(moment.parts):
        kept: list[SnapshotPart] = []
        for part in parts:
            at_once = row_count <= ROWS_AT_ONCE and monotonic() < until
            kept.append(await fill(units, call, part) if part.cuts is not None and at_once else part)
            row_count += _row_count(kept[-1])
        await _keep(units, call, kept)
        await throttle.pause()
        heads += [_head(part) for part in kept if part.cuts is None]
    if row_count > ROWS_AT_ONCE or len(heads) < len(moment.parts) or monotonic() >= until:
        return Taken(snapshot_id, moment.taken_utc, None)
    directory = await complete(units, call, snapshot_id, heads, whole=logical_guid is None)
    return Taken(snapshot_id, moment.taken_utc, directory)


def _together(parts: Sequence[SnapshotPart]) -> Iterator[Sequence[SnapshotPart]]:
    return (parts[start : start + PARTS_TOGETHER] for start in range(0, len(parts), PARTS_TOGETHER))


def _row_count(part: SnapshotPart) -> int:
    return part.entry.row_count if part.entry is not None else 0


async def go_on(units: Units, call: Call, build: SnapshotBuild, *, whole: bool) -> Directory:
    """Fill the remaining parts and complete the snapshot; `whole` says whether it covers all facilities."""
    heads: list[Head] = []
    while (part := await _part(units, call, build.snapshot_id, len(heads))) is not None:
        if part.logical_guid is None:
            # A part of external accounts, from an attempt that was interrupted: these parts are made again.
            break
        if part.cuts is not None:
            part = await fill(units, call, part)
            await _keep(units, call, [part])
        heads.append(_head(part))
    return await complete(units, call, build.snapshot_id, heads, whole=whole)


async def complete(units: Units, call: Call, snapshot_id: str, heads: Sequence[Head], *, whole: bool) -> Directory:
    """The directory of all parts. For a `whole` snapshot (all facilities), store the parts of external accounts."""
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
    """Store the rows of external accounts after the stock parts, and return their directory entries."""
    entries: list[Entry] = []
    parts: list[SnapshotPart] = []
    rows: list[Outside] = []

    def close() -> None:
        part = _outside_part(call.orgcode, snapshot_id, number + len(entries), rows)
        assert part.entry is not None, part.part_id
        entries.append(part.entry)
        parts.append(part)
        rows.clear()

    for count, row in enumerate(_merged([_shares(heads) for heads in facilities]), 1):
        rows.append(row)
        if not count % ROWS_BETWEEN_PAUSES:
            await asyncio.sleep(0)
        if len(rows) == OUTSIDE_ROWS:
            close()
        if len(parts) == PARTS_TOGETHER:
            await _keep(units, call, parts)
            parts.clear()
    if rows:
        close()
    if parts:
        await _keep(units, call, parts)
    return entries


def _outside_part(orgcode: str, snapshot_id: str, number: int, rows: Sequence[Outside]) -> SnapshotPart:
    entry = Entry(
        number=number,
        logical_guid=None,
        first=rows[0].variant_id,
        last=rows[-1].variant_id,
        buckets=[],
        row_count=len(rows),
        on_hand=0,
    )
    return SnapshotPart(
        part_id=part_id(snapshot_id, number),
        orgcode=orgcode,
        snapshot_id=snapshot_id,
        number=number,
        logical_guid=None,
        outside=pack(rows),
        entry=entry,
    )


def _shares(heads: Sequence[Head]) -> Iterator[Outside]:
    """A facility's shares of the external accounts, by variant. One part is unpacked at a time."""
    for head in heads:
        yield from shares_of(head.outside)


def _merged(facilities: Sequence[Iterator[Outside]]) -> Iterator[Outside]:
    """The shares of all facilities, added up by variant and account."""
    variant_of = itemgetter(0)
    for variant_id, shares in groupby(heapq.merge(*facilities, key=variant_of), variant_of):
        total: dict[External, int] = {}
        for _, external, quantity in shares:
            total[external] = total.get(external, 0) + quantity
        for external in EXTERNALS:
            if total.get(external):
                yield Outside(variant_id, external, total[external])


def _head(part: SnapshotPart) -> Head:
    assert part.logical_guid is not None, part.part_id
    return Head(part.logical_guid, part.entry, part.outside)


async def _part(units: Units, call: Call, snapshot_id: str, number: int) -> SnapshotPart | None:
    async def read(view: View) -> SnapshotPart | None:
        return await view.get(PARTS, part_id(snapshot_id, number))

    return await units.view(call, read)


async def _keep(units: Units, call: Call, parts: Sequence[SnapshotPart]) -> None:
    """Insert or update these parts: an interrupted build may have stored some of them already."""

    async def write(change: Change) -> None:
        known = await change.get_many(PARTS, [part.part_id for part in parts])
        for part in parts:
            if part.part_id in known:
                await change.update(PARTS, part)
            else:
                await change.insert(PARTS, part)

    await units.change(call, write)

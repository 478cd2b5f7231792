"""Making a snapshot: its parts are kept as they are filled, so that another replica can go on where one stopped.

begin      what there was, cut at one moment; nothing but a note that a snapshot is being made
fill_all   parts, up to so many rows at once; what is left is kept as it was cut
complete   the accounts outside added up, and the directory
"""

import heapq
from collections.abc import AsyncIterator, Sequence
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
    outside_of,
    pack,
    part_id,
    rows_of,
)
from services.ics.snapshot.reading import Slice, cut, fill
from services.ics.snapshot.store import BUILDS, PARTS
from services.ics.words import External

ROWS_AT_ONCE = 100_000
"""A snapshot with so many rows is ready when it is answered; one with more is built behind the answer."""

OUTSIDE_ROWS = 1000
"""Rows of accounts outside in a part."""


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
    row_count = 0
    for number, each in enumerate(moment.slices):
        part = _cut_part(call.orgcode, snapshot_id, number, each)
        if row_count <= ROWS_AT_ONCE:
            part, rows = await _filled(units, call, part)
            row_count += rows
        await _keep(units, call, part, new=True)
    if row_count > ROWS_AT_ONCE:
        return Taken(snapshot_id, moment.taken_utc, None)
    directory = await complete(units, call, snapshot_id, len(moment.slices), whole=logical_guid is None)
    return Taken(snapshot_id, moment.taken_utc, directory)


async def go_on(units: Units, call: Call, build: Build, *, whole: bool) -> Directory:
    """Fill the parts that are still to be filled."""
    number = 0
    while (part := await _part(units, call, build.snapshot_id, number)) is not None and part.logical_guid is not None:
        if part.cuts is not None:
            part, _ = await _filled(units, call, part)
            await _keep(units, call, part, new=False)
        number += 1
    return await complete(units, call, build.snapshot_id, number, whole=whole)


async def complete(units: Units, call: Call, snapshot_id: str, parts: int, *, whole: bool) -> Directory:
    """The directory of all parts; those of accounts outside, which only a snapshot of all facilities has, are made."""
    entries: list[Entry] = []
    starts: dict[str, list[int]] = {}
    for number in range(parts):
        part = await _part(units, call, snapshot_id, number)
        assert part is not None, (snapshot_id, number)
        assert part.logical_guid is not None, part.part_id
        starts.setdefault(part.logical_guid, []).append(number)
        if (entry := described(number, part.logical_guid, rows_of(part))) is not None:
            entries.append(entry)
    if whole:
        streams = [_shares(units, call, snapshot_id, numbers) for numbers in starts.values()]
        entries += await _keep_outside(units, call, snapshot_id, parts, streams)
    return Directory(snapshot_id=snapshot_id, orgcode=call.orgcode, entries=entries)


async def _keep_outside(
    units: Units, call: Call, snapshot_id: str, number: int, streams: Sequence[AsyncIterator[Outside]]
) -> list[Entry]:
    entries: list[Entry] = []
    rows: list[Outside] = []

    async def keep_rows() -> None:
        place = number + len(entries)
        part = Part(
            part_id=part_id(snapshot_id, place),
            orgcode=call.orgcode,
            snapshot_id=snapshot_id,
            number=place,
            logical_guid=None,
            outside=pack(rows),
        )
        # A build that was cut off may have kept it already: it is the same again.
        await _keep(units, call, part, new=await _part(units, call, snapshot_id, place) is None)
        entries.append(
            Entry(
                number=place,
                logical_guid=None,
                first=rows[0].variant_id,
                last=rows[-1].variant_id,
                buckets=[],
                row_count=len(rows),
                on_hand=0,
            )
        )
        rows.clear()

    async for row in _merged(streams):
        rows.append(row)
        if len(rows) == OUTSIDE_ROWS:
            await keep_rows()
    if rows:
        await keep_rows()
    return entries


async def _merged(streams: Sequence[AsyncIterator[Outside]]) -> AsyncIterator[Outside]:
    """The shares of all facilities' items added up, by variant and account; each facility's come by variant."""
    heads: list[tuple[str, int, Outside]] = []

    async def advance(place: int) -> None:
        share = await anext(streams[place], None)
        if share is not None:
            heapq.heappush(heads, (share.variant_id, place, share))

    for place in range(len(streams)):
        await advance(place)
    while heads:
        variant_id = heads[0][0]
        total: dict[External, int] = dict.fromkeys(EXTERNALS, 0)
        while heads and heads[0][0] == variant_id:
            _, place, share = heapq.heappop(heads)
            total[share.external] += share.quantity
            await advance(place)
        for external, quantity in total.items():
            if quantity:
                yield Outside(variant_id, external, quantity)


async def _shares(units: Units, call: Call, snapshot_id: str, numbers: Sequence[int]) -> AsyncIterator[Outside]:
    """A facility's shares in the accounts outside, one part in memory at a time."""
    for number in numbers:
        part = await _part(units, call, snapshot_id, number)
        assert part is not None, (snapshot_id, number)
        for share in outside_of(part):
            yield share


def _cut_part(orgcode: str, snapshot_id: str, number: int, each: Slice) -> Part:
    return Part(
        part_id=part_id(snapshot_id, number),
        orgcode=orgcode,
        snapshot_id=snapshot_id,
        number=number,
        logical_guid=each.logical_guid,
        cuts=pack(each.cuts),
    )


async def _filled(units: Units, call: Call, part: Part) -> tuple[Part, int]:
    """A part with its rows, and how many they are."""
    assert part.logical_guid is not None, part.part_id
    found = await fill(units, call, Slice(part.logical_guid, cuts_of(part)))
    full = Part(
        part_id=part.part_id,
        orgcode=part.orgcode,
        snapshot_id=part.snapshot_id,
        number=part.number,
        logical_guid=part.logical_guid,
        rows=pack(found.rows),
        outside=pack(found.outside),
    )
    return full, len(found.rows)


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

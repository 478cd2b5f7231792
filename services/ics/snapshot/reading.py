"""Reads the balances of a snapshot in two steps.

The first step (`cut`) reads the number of every item's last entry, all at one moment. The second (`fill`) reads each
item, later and in batches; entries posted since have higher numbers and are subtracted again. So the scan that must see
one moment is short, and the long one can be interrupted and continued. If there are few enough items, the first step
reads them whole, and items without holders need no second step.
"""

import asyncio
from collections.abc import Sequence
from typing import Any

from chassis.caller import Call
from chassis.unit import SnapshotReader, SnapshotReaders, Units, Where, between, one_of
from services.ics.bin.store import BINS
from services.ics.ledger.balance import item_id_of
from services.ics.ledger.holder import BUCKET_OF, HOLDER_KINDS
from services.ics.ledger.lookup import EVERYTHING, variant_key
from services.ics.ledger.promises import promises_of
from services.ics.ledger.store import ITEMS, entries_between
from services.ics.snapshot.accounts import Accounts, Codes, unheld
from services.ics.snapshot.domain import Cut, Filled, Outside, Row, SnapshotPart, cuts_of, filled_up
from services.ics.snapshot.partition import ItemPlace, Moment, Partitioner, in_order, place_of, ranges
from services.ics.snapshot.throttle import Throttle
from services.ics.zone.store import ZONES

WHOLE_ITEMS = 200_000
"""Up to this many items, `cut` reads them whole; of more, only the numbers, as a transaction ends after 60 s."""

ITEMS_IN_PLACE = 5_000
"""Up to this many items are read in this process; more are read in a child process, to keep the event loop free."""

ITEMS_BETWEEN_PAUSES = 50
"""Items processed before yielding to other tasks: a fraction of a millisecond."""

ITEMS_AT_ONCE = 1000
"""Items that the database sends in one batch: decoding them takes a few milliseconds."""

PLACES_AT_ONCE = 2 * ITEMS_AT_ONCE
PLACE_FIELDS = ("logical_guid", "variant_id")
CUT_FIELDS = ("logical_guid", "variant_id", "seq", "recorded_utc")
FIELDS = ("variant_id", "seq", "in_transit", "externals", "cells")
WHOLE: tuple[str, ...] = ()
"""All fields: where the database runs on our own cores, projecting costs more than sending whole documents."""

ENTRIES_AT_ONCE = 1000


async def cut(
    units: Units, call: Call, snapshot_id: str, logical_guid: str | None, variant_ids: Sequence[str], throttle: Throttle
) -> Moment:
    """The last entry number of every item in scope, read at one moment, and the rows of items without holders."""
    if variant_ids:
        async with units.snapshot_reader(call) as reader:
            return await _named(reader, snapshot_id, logical_guid, variant_ids)
    places, count = await _survey(units, call, logical_guid)
    parts = ranges(places, logical_guid)
    whole = count <= WHOLE_ITEMS
    if count <= ITEMS_IN_PLACE:
        return await _everything(units, call, snapshot_id, parts, throttle, whole)
    return await units.run_in_process(call, _everything, snapshot_id, parts, throttle, whole)


async def _survey(units: Units, call: Call, logical_guid: str | None) -> tuple[list[ItemPlace], int]:
    """Every `ITEMS_AT_ONCE`-th item, and the number of items. Index: spots, logical_guid, variant_id."""
    # Not at one moment: the result only serves to divide the scan into ranges of similar length.
    where: dict[str, Any] = {"spots": EVERYTHING}
    where |= {"logical_guid": logical_guid} if logical_guid is not None else {}
    places: list[ItemPlace] = []
    count = 0
    async with units.snapshot_reader(call, moment=False) as reader:
        async for documents in reader.parts(ITEMS, where, fields=PLACE_FIELDS, size=PLACES_AT_ONCE):
            places += [place_of(document) for document in documents[::ITEMS_AT_ONCE]]
            count += len(documents)
    return sorted(places), count


async def _everything(
    readers: SnapshotReaders, call: Call, snapshot_id: str, parts: Sequence[Where], throttle: Throttle, whole: bool
) -> Moment:
    """All items, read range by range; with `whole`, including the rows of items without holders.

    Index: spots, logical_guid, variant_id.
    """
    # Short ranges: other transactions may have to wait for one query.
    fields = WHOLE if whole else CUT_FIELDS
    async with readers.snapshot_reader(call) as reader:
        partitioner = Partitioner(call.orgcode, snapshot_id, reader.now)
        for where in parts:
            found: list[dict[str, Any]] = []
            async for documents in reader.parts(ITEMS, where, fields=fields, size=2 * ITEMS_AT_ONCE):
                found += documents
            for document in in_order(found):
                partitioner.add(document, unheld(document) if whole else None)
            if len(found) >= ITEMS_AT_ONCE // 2:
                await throttle.pause()
    return partitioner.moment()


async def _named(
    reader: SnapshotReader, snapshot_id: str, logical_guid: str | None, variant_ids: Sequence[str]
) -> Moment:
    """The items of these variants. By id for one facility; index spots for all."""
    if logical_guid is not None:
        where = {"item_id": one_of(item_id_of(reader.call.orgcode, logical_guid, each) for each in variant_ids)}
    else:
        where = {"spots": one_of(variant_key(each) for each in variant_ids)}
    found: list[dict[str, Any]] = []
    async for documents in reader.parts(ITEMS, where, fields=CUT_FIELDS, size=PLACES_AT_ONCE):
        found += documents
    partitioner = Partitioner(reader.call.orgcode, snapshot_id, reader.now)
    for document in in_order(found):
        partitioner.add(document, None)
    return partitioner.moment()


async def fill(units: Units, call: Call, part: SnapshotPart) -> SnapshotPart:
    """The part, completed with the rows of its unread items, each as of the entry number in its cut."""
    assert part.logical_guid is not None, part.part_id
    return filled_up(part, await _read(units, call, part.logical_guid, cuts_of(part)))


async def _read(units: Units, call: Call, facility: str, cuts: Sequence[Cut]) -> Filled:
    """Read items of a facility with their holders now, and undo the entries posted after the cut."""
    ids = [item_id_of(call.orgcode, facility, variant_id) for variant_id, _ in cuts]
    read: dict[str, Accounts] = {}
    rows: list[Row] = []
    outside: list[Outside] = []
    async with units.snapshot_reader(call) as reader:
        async for documents in reader.parts(ITEMS, {"item_id": one_of(ids)}, fields=FIELDS, size=ITEMS_AT_ONCE):
            read.update({document["variant_id"]: Accounts(document) for document in documents})
            await asyncio.sleep(0)
        for number, (variant_id, seq) in enumerate(cuts, 1):
            item = read[variant_id]
            if item.held:
                await _hold(reader, facility, item)
            if item.seq > seq:
                await _take_back(reader, facility, item, seq)
            rows += item.rows(seq, await _codes(reader, item))
            outside += item.shares()
            if not number % ITEMS_BETWEEN_PAUSES:
                await asyncio.sleep(0)
    return Filled(rows, outside)


async def _hold(reader: SnapshotReader, facility: str, item: Accounts) -> None:
    """Add the units of all holders of an item. Only holder types whose bucket has held units are read."""
    if item.held & {"reserved", "committed"}:
        for promise in await promises_of(reader, facility, item.variant_id):
            item.hold_positions(promise.kind, promise.promise_id, promise.positions)
    for kind in HOLDER_KINDS.values():
        if kind.find is None or BUCKET_OF[kind.type] not in item.held:
            continue
        for record in await kind.find(reader, facility, item.variant_id):
            item.hold_parts(kind.type, kind.entity.id_of(record), kind.parts(record, item.variant_id))


async def _take_back(reader: SnapshotReader, facility: str, item: Accounts, seq: int) -> None:
    for start in range(seq, item.seq, ENTRIES_AT_ONCE):
        numbers = between(above=start, at_most=min(start + ENTRIES_AT_ONCE, item.seq))
        item.take_back(await entries_between(reader, facility, item.variant_id, numbers), facility)


async def _codes(reader: SnapshotReader, item: Accounts) -> Codes:
    """Codes of the places in an item's accounts. Places that the item has left since are looked up."""
    if len(item.stock) < 2:
        return {}
    codes = item.codes()
    places = item.places()
    zones = [zone_id for zone_id, _ in places if zone_id not in codes]
    bins = [bin_id for _, bin_id in places if bin_id is not None and bin_id not in codes]
    codes |= {zone_id: zone.code for zone_id, zone in (await reader.get_many(ZONES, zones)).items()}
    codes |= {bin_id: place.code for bin_id, place in (await reader.get_many(BINS, bins)).items()}
    return codes

"""Reading a snapshot's moment: first the number of every item's last entry, all at once; then each item, at leisure.

Whatever is posted in between has a higher number, and is taken off again. So the one reading that must be of one moment
is short, and the long one may be broken off and taken up.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, NamedTuple

from chassis.caller import Call
from chassis.clock import Utc
from chassis.unit import Still, Units, between, one_of
from services.ics.bin.store import BINS
from services.ics.ledger.balance import item_id_of
from services.ics.ledger.holder import BUCKET_OF, HOLDER_KINDS
from services.ics.ledger.store import EVERYTHING, ITEMS, entries_between, promises_of, variant_key
from services.ics.snapshot.accounts import Accounts, Codes
from services.ics.snapshot.domain import Cut, Outside, Row
from services.ics.zone.store import ZONES

PART_ITEMS = 1000
"""Items in a part."""

ITEMS_BETWEEN_PAUSES = 50
"""Items worked on before others have a turn: a fraction of a millisecond."""

ITEMS_AT_ONCE = 250
"""Items the database sends at a time."""

CUT_FIELDS = ("logical_guid", "variant_id", "seq", "recorded_utc")
FIELDS = ("variant_id", "seq", "in_transit", "externals", "cells")
ENTRIES_AT_ONCE = 1000


class Slice(NamedTuple):
    """Items of one facility, by variant, that make a part."""

    logical_guid: str
    cuts: list[Cut]


class Moment(NamedTuple):
    """What there was at one moment."""

    taken_utc: Utc
    slices: list[Slice]


class Filled(NamedTuple):
    """What a part holds."""

    rows: list[Row]
    outside: list[Outside]


async def cut(units: Units, call: Call, logical_guid: str | None, variant_ids: Sequence[str]) -> Moment:
    """The last entry of every item in scope, read at one moment."""
    slices: list[Slice] = []
    async with units.still(call) as still:
        taken = still.now
        async for documents in _items(still, logical_guid, variant_ids):
            for document in documents:
                if document["seq"]:
                    _add(slices, document)
                    taken = max(taken, Utc(document["recorded_utc"]))
            await asyncio.sleep(0)
    return Moment(taken, slices)


def _add(slices: list[Slice], document: Mapping[str, Any]) -> None:
    if not slices or slices[-1].logical_guid != document["logical_guid"] or len(slices[-1].cuts) >= PART_ITEMS:
        slices.append(Slice(document["logical_guid"], []))
    slices[-1].cuts.append(Cut(document["variant_id"], document["seq"]))


async def _items(
    still: Still, logical_guid: str | None, variant_ids: Sequence[str]
) -> AsyncIterator[list[dict[str, Any]]]:
    """Items by facility and variant. By id; or index: spots, logical_guid, variant_id."""
    if not variant_ids:
        where: dict[str, Any] = {"spots": EVERYTHING}
        where |= {"logical_guid": logical_guid} if logical_guid is not None else {}
        order = ("logical_guid", "variant_id")
        async for documents in still.parts(ITEMS, where, fields=CUT_FIELDS, order=order):
            yield documents
        return
    if logical_guid is not None:
        where = {"item_id": one_of(item_id_of(still.call.orgcode, logical_guid, each) for each in variant_ids)}
    else:
        where = {"spots": one_of(variant_key(each) for each in variant_ids)}
    found: list[dict[str, Any]] = []
    async for documents in still.parts(ITEMS, where, fields=CUT_FIELDS):
        found += documents
    yield sorted(found, key=lambda document: (document["logical_guid"], document["variant_id"]))


async def fill(units: Units, call: Call, wanted: Slice) -> Filled:
    """The accounts of these items, each as of its own entry."""
    facility = wanted.logical_guid
    ids = [item_id_of(call.orgcode, facility, item.variant_id) for item in wanted.cuts]
    rows: list[Row] = []
    outside: list[Outside] = []
    async with units.still(call) as still:
        found: dict[str, Accounts] = {}
        async for documents in still.parts(ITEMS, {"item_id": one_of(ids)}, fields=FIELDS, size=ITEMS_AT_ONCE):
            found.update({document["variant_id"]: Accounts(document) for document in documents})
            await asyncio.sleep(0)
        for number, (variant_id, seq) in enumerate(wanted.cuts, 1):
            item = found[variant_id]
            if item.held:
                await _hold(still, facility, item)
            if item.seq > seq:
                await _take_back(still, facility, item, seq)
            rows += item.rows(seq, await _codes(still, item))
            outside += item.shares()
            if not number % ITEMS_BETWEEN_PAUSES:
                await asyncio.sleep(0)
    return Filled(rows, outside)


async def _hold(still: Still, facility: str, item: Accounts) -> None:
    """Add what everybody holds of an item; nobody is asked who cannot have any."""
    if item.held & {"reserved", "committed"}:
        for promise in await promises_of(still, facility, item.variant_id):
            item.hold_positions(promise.kind, promise.promise_id, promise.positions)
    for kind in HOLDER_KINDS.values():
        if kind.find is None or BUCKET_OF[kind.type] not in item.held:
            continue
        for record in await kind.find(still, facility, item.variant_id):
            item.hold_parts(kind.type, kind.entity.id_of(record), kind.parts(record, item.variant_id))


async def _take_back(still: Still, facility: str, item: Accounts, seq: int) -> None:
    for start in range(seq, item.seq, ENTRIES_AT_ONCE):
        numbers = between(above=start, at_most=min(start + ENTRIES_AT_ONCE, item.seq))
        item.take_back(await entries_between(still, facility, item.variant_id, numbers), facility)


async def _codes(still: Still, item: Accounts) -> Codes:
    """Codes of the places of an item's accounts; those it has left since are looked up."""
    if len(item.stock) < 2:
        return {}
    codes = item.codes()
    places = item.places()
    zones = [zone_id for zone_id, _ in places if zone_id not in codes]
    bins = [bin_id for _, bin_id in places if bin_id is not None and bin_id not in codes]
    codes |= {zone_id: zone.code for zone_id, zone in (await still.get_many(ZONES, zones)).items()}
    codes |= {bin_id: place.code for bin_id, place in (await still.get_many(BINS, bins)).items()}
    return codes

"""Reading what an audit compares: the products of a channel in ranges, its roll-ups, and its totals."""

import asyncio
from collections.abc import Sequence
from itertools import pairwise

from chassis.caller import Call
from chassis.entity import Value
from chassis.unit import SnapshotReader, Units, Where, between
from services.pmc.audit.recount import PRODUCT_FIELDS, Difference, Recount
from services.pmc.product.store import PRODUCTS
from services.pmc.rollup.domain import ChannelSums, Rollup, RollupKey
from services.pmc.rollup.store import channel_rollups, tally_of

PRODUCTS_AT_ONCE = 500
"""Products that one query of the recount reads: other transactions may have to wait for one."""

PAUSE_SECONDS = 0.005
"""Pause between two such queries."""

SNAPSHOT_PRODUCTS_MAX = 60_000
"""Products of a channel that are counted as of one moment. A snapshot may last a minute: counting 180,000 fills it."""


class ChannelAudit(Value):
    """A channel's totals as they are stored, and what is missing from its roll-ups and totals.

    unsettled   roll-ups that changed while a large channel was counted; whether they differ is not known
    """

    sums: ChannelSums
    products: int
    differences: list[Difference]
    missing_totals: dict[str, int]
    unsettled: int = 0

    @property
    def mismatches(self) -> int:
        """Roll-ups and totals that differ."""
        return len(self.differences) + len(self.missing_totals)


class Stored(Value):
    """The totals and roll-ups of a channel as of one moment."""

    sums: ChannelSums
    rollups: list[Rollup]


class Ranges(Value):
    """Conditions that divide the products of a channel, and how many products there were."""

    where: Sequence[Where]
    products: int


async def recounted(units: Units, call: Call, channel_guid: str) -> ChannelAudit:
    """Products of a channel, counted and compared with its roll-ups and totals. Index: channel_guid, by_value, id.

    A channel of up to `SNAPSHOT_PRODUCTS_MAX` products is read as of one moment. A larger one is read range by range;
    then only those roll-ups and totals are compared that no change has touched meanwhile.
    """
    ranges = await ranges_of(units, call, channel_guid)
    recount = Recount(channel_guid)
    if ranges.products <= SNAPSHOT_PRODUCTS_MAX:
        async with units.snapshot_reader(call) as reader:
            stored = await _stored(reader, channel_guid)
            await _count(reader, ranges, recount)
        return ChannelAudit(
            sums=stored.sums,
            products=recount.totals["products"],
            differences=recount.differences(stored.rollups),
            missing_totals=recount.missing_totals(stored.sums),
        )
    async with units.snapshot_reader(call) as reader:
        before = await _stored(reader, channel_guid)
    async with units.snapshot_reader(call, moment=False) as reader:
        await _count(reader, ranges, recount)
    async with units.snapshot_reader(call) as reader:
        after = await _stored(reader, channel_guid)
    return settled(recount, before, after)


def settled(recount: Recount, before: Stored, after: Stored) -> ChannelAudit:
    """What differs, of the roll-ups and totals that no change has touched between the two moments."""
    earlier = {key_of(each): each.moves for each in before.rollups}
    later = {key_of(each): each.moves for each in after.rollups}
    moved = {key for key in earlier.keys() | later.keys() if earlier.get(key) != later.get(key)}
    quiet = before.sums.moves == after.sums.moves
    return ChannelAudit(
        sums=after.sums,
        products=recount.totals["products"],
        differences=[each for each in recount.differences(after.rollups) if each.key not in moved],
        missing_totals=recount.missing_totals(after.sums) if quiet else {},
        unsettled=len(moved),
    )


def key_of(rollup: Rollup) -> RollupKey:
    """What a roll-up counts."""
    return RollupKey(channel_guid=rollup.channel_guid, dimension=rollup.dimension, value=rollup.value)


async def ranges_of(units: Units, call: Call, channel_guid: str) -> Ranges:
    """Conditions that divide the products of a channel into ranges of about `PRODUCTS_AT_ONCE`. Index: channel_guid.

    Together they hold every product, whatever is created meanwhile: the first and the last range are open.
    """
    last_ids: list[str] = []
    count = 0
    where: Where = {"channel_guid": channel_guid}
    # Outside a transaction: the result only serves to divide the scan.
    async with units.snapshot_reader(call, moment=False) as reader:
        async for documents in reader.parts(PRODUCTS, where, fields=["product_id"], order=("product_id",)):
            for document in documents:
                count += 1
                if not count % PRODUCTS_AT_ONCE:
                    last_ids.append(document["_id"])
    if not last_ids:
        return Ranges(where=[where], products=count)
    bounds = [None, *last_ids, None]
    return Ranges(
        where=[
            {"channel_guid": channel_guid, "product_id": between(above=above, at_most=at_most)}
            for above, at_most in pairwise(bounds)
        ],
        products=count,
    )


async def _stored(reader: SnapshotReader, channel_guid: str) -> Stored:
    return Stored(sums=await tally_of(reader, channel_guid), rollups=await channel_rollups(reader, channel_guid))


async def _count(reader: SnapshotReader, ranges: Ranges, recount: Recount) -> None:
    for where in ranges.where:
        async for documents in reader.parts(PRODUCTS, where, fields=PRODUCT_FIELDS, size=2 * PRODUCTS_AT_ONCE):
            for document in documents:
                recount.add(document)
        await asyncio.sleep(PAUSE_SECONDS)

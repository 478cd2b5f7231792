"""Recounting roll-ups from products: one channel a turn, corrected where they differ."""

from collections.abc import Iterable

from chassis.entity import Value
from services.pmc.product.domain import StoredProduct, counted
from services.pmc.rollup.domain import ChannelSums, Deltas, Rollup, RollupKey


class Recount(Value):
    """What the products of a channel come to."""

    rollups: dict[RollupKey, tuple[int, int]]
    products: int
    online: int
    publishable: int
    pinned: int


def recount(products: Iterable[StoredProduct], channel_guid: str) -> Recount:
    """Count the products of one channel."""
    deltas = Deltas()
    for product in products:
        deltas.move(None, counted(product))
    sums = deltas.sums.get(channel_guid, {})
    return Recount(
        rollups={
            key: (online, offline)
            for key, (online, offline) in deltas.rollups.items()
            if key.channel_guid == channel_guid
        },
        products=sums.get("products", 0),
        online=sums.get("online", 0),
        publishable=sums.get("publishable", 0),
        pinned=sums.get("pinned", 0),
    )


def differences(found: Recount, rollups: Iterable[Rollup], sums: ChannelSums) -> int:
    """How many roll-ups and totals differ from what the products come to."""
    stored = {
        RollupKey(channel_guid=each.channel_guid, dimension=each.dimension, value=each.value): (
            each.online,
            each.offline,
        )
        for each in rollups
    }
    nothing = (0, 0)
    keys = stored.keys() | found.rollups.keys()
    wrong = sum(stored.get(key, nothing) != found.rollups.get(key, nothing) for key in keys)
    totals = ("products", "online", "publishable", "pinned")
    return wrong + sum(bool(getattr(found, name) != getattr(sums, name)) for name in totals)

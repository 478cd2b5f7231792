"""Which relay shards this replica serves: leased, and divided evenly among the replicas.

Each replica holds a lease of its own name as well, by which the others count it. One that holds more than its share of
shards releases the surplus, and the others take what is free; the shards of a replica that dies are free as soon as its
leases expire.
"""

from collections.abc import Iterable
from math import ceil
from time import monotonic

from chassis.event import SHARDS
from chassis.mongo.leases import Leases

REPLICAS = "relay-of/"
"""What the leases begin with that the replicas hold of their own names."""

RENEW_AFTER = 0.6
"""The share of a lease's time after which it is renewed."""


class ShardLeases:
    """The shards this replica holds, and until when. Call `renew` often: it reads the database only when due."""

    def __init__(self, leases: Leases, seconds: float) -> None:
        self._leases = leases
        self._seconds = seconds
        # The name that leases are held under: a process that takes the place of a killed one counts as the same.
        self._me = REPLICAS + leases.holder
        self._held: dict[int, float] = {}
        self._renew_at = 0.0
        self._replicas = 1

    @property
    def shared(self) -> bool:
        """Whether other replicas may leave events in this one's shards."""
        return self._replicas > 1

    def held(self, seconds: float) -> list[int]:
        """The shards held for at least `seconds` more seconds."""
        enough = monotonic() + seconds
        return sorted(shard for shard, until in self._held.items() if until > enough)

    async def renew(self) -> None:
        """Renew what is held and take what is free, up to this replica's share."""
        began = monotonic()
        if began < self._renew_at:
            return
        kept = self.held(0)
        is_renewed = bool(kept) and await self._leases.renew([self._me, *_names(kept)], self._seconds)
        if not is_renewed:
            await self._leases.take([self._me], self._seconds)
        self._replicas = max(1, len(await self._leases.held_below(REPLICAS)))
        share = ceil(SHARDS / self._replicas)
        if is_renewed and len(kept) == len(self._held) == share:
            self._held = dict.fromkeys(kept, began + self._seconds)
            self._renew_at = began + self._seconds * RENEW_AFTER
            return
        kept = kept[:share]
        wanted = range(SHARDS) if len(kept) < share else kept
        taken = await self._leases.take(_names(wanted), self._seconds)
        mine = [shard for shard in _kept_first(kept) if _name(shard) in taken]
        surplus = taken - set(_names(mine[:share])) | set(_names(set(self._held) - set(kept)))
        self._held = dict.fromkeys(mine[:share], began + self._seconds)
        if surplus:
            await self._leases.give_back(sorted(surplus))
        self._renew_at = began + self._seconds * RENEW_AFTER

    async def give_back(self) -> None:
        """Release all shards and unregister."""
        held, self._held, self._renew_at = sorted(self._held), {}, 0.0
        await self._leases.give_back(_names(held))
        await self._leases.remove([self._me])


def _kept_first(kept: Iterable[int]) -> list[int]:
    """All shards, those held first: a shard should change hands only if it must."""
    return [*kept, *(shard for shard in range(SHARDS) if shard not in set(kept))]


def _names(shards: Iterable[int]) -> list[str]:
    return [_name(shard) for shard in shards]


def _name(shard: int) -> str:
    return f"relay/{shard}"

"""Leases: which replica may do what only one may do, and until when. One operation takes and renews them.

A lease ends by the replicas' clocks, which differ, so it is no lock: two replicas may hold it for a moment, and work
done under it must be safe to do twice.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from chassis.clock import Clock, Utc, later
from chassis.entity import ONE_SHARD, Document, Entity
from chassis.mongo.client import Database
from chassis.mongo.errors import Duplicate

ENDED_SECONDS = 60.0
"""Age of the end of a lease from which on its holder is taken for gone."""


class Lease(Document):
    """The holder of a name and the end of the lease. An empty holder or a past end leaves it free."""

    name: str
    holder: str
    until_utc: Utc


LEASES: Entity[Lease] = Entity(
    "lease", Lease, collection="leases", id="name", shard_key=ONE_SHARD, org_scoped=False, history=False, technical=True
)


class Leases:
    """The leases of one holder, whose name no other process has."""

    def __init__(self, database: Database, clock: Clock, holder: str) -> None:
        self._collection = database.collection(LEASES.collection)
        self._clock = clock
        self.holder = holder

    async def take(self, names: Iterable[str], seconds: float) -> set[str]:
        """Take the free ones and renew our own; the names that we hold now."""
        wanted = list(dict.fromkeys(names))
        if not wanted:
            return set()
        now = self._clock.now()
        known = {each["_id"]: each for each in await self._collection.find({"_id": {"$in": wanted}})}
        await self._make([name for name in wanted if name not in known])
        takeable = [name for name in wanted if self._is_takeable(known.get(name), now)]
        if not takeable:
            return set()
        await self._collection.update_many({"_id": {"$in": takeable}}, self._grab(now, later(now, seconds)))
        found = await self._collection.find({"_id": {"$in": takeable}})
        return {each["_id"] for each in found if each["holder"] == self.holder and each["until_utc"] > now}

    async def renew(self, names: Iterable[str], seconds: float) -> bool:
        """Renew leases that we hold; False if one of them is not ours any more. Cheaper than to take them again."""
        wanted, now = list(names), self._clock.now()
        held = {"$and": [self._ours(), {"$gt": ["$until_utc", now]}]}
        longer = {"$set": {"until_utc": {"$cond": [held, later(now, seconds), "$until_utc"]}}}
        _, renewed = await self._collection.update_many({"_id": {"$in": wanted}}, [longer])
        return renewed == len(wanted)

    async def give_back(self, names: Iterable[str]) -> None:
        """Release those of the names that are ours."""
        wanted = list(names)
        if wanted:
            free = {"$set": {"until_utc": {"$cond": [self._ours(), "", "$until_utc"]}}}
            await self._collection.update_many({"_id": {"$in": wanted}}, [free])

    async def holders(self, names: Iterable[str]) -> dict[str, str]:
        """Name -> its holder now."""
        now = self._clock.now()
        found = await self._collection.find({"_id": {"$in": list(names)}})
        return {each["_id"]: each["holder"] for each in found if each["until_utc"] > now}

    async def held_below(self, prefix: str) -> list[str]:
        """The names with this prefix that are held now. Those whose lease ended a while ago are removed."""
        now = self._clock.now()
        long_ago = later(now, -ENDED_SECONDS)
        behind = prefix[:-1] + chr(ord(prefix[-1]) + 1)
        found = await self._collection.find({"_id": {"$gte": prefix, "$lt": behind}})
        # One without an end has just been made, and is about to be taken.
        if ended := [each["_id"] for each in found if "" < each["until_utc"] <= long_ago]:
            await self._collection.remove_many(ended)
        return [each["_id"] for each in found if each["until_utc"] > now]

    async def remove(self, names: Iterable[str]) -> None:
        """Delete leases of names that only this holder uses."""
        await self._collection.remove_many(list(names))

    async def _make(self, names: Sequence[str]) -> None:
        """Create the leases that do not exist; another replica may do so at the same time."""
        for name in names:
            try:
                await self._collection.insert_many([{"_id": name, "holder": "", "until_utc": ""}])
            except Duplicate:
                continue

    def _is_takeable(self, known: dict[str, Any] | None, now: Utc) -> bool:
        return known is None or known["holder"] == self.holder or known["until_utc"] <= now

    def _ours(self) -> dict[str, Any]:
        return {"$eq": ["$holder", self.holder]}

    def _grab(self, now: Utc, until: Utc) -> list[dict[str, Any]]:
        """The update that takes a free or own lease and leaves others alone: decided by the database, per document."""
        free = {"$or": [self._ours(), {"$lte": ["$until_utc", now]}]}
        return [
            {
                "$set": {
                    "until_utc": {"$cond": [free, until, "$until_utc"]},
                    "holder": {"$cond": [free, self.holder, "$holder"]},
                }
            }
        ]

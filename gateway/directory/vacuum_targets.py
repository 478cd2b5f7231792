"""Records of an org that do not name it: the sessions of users who belong to this org only.

The users themselves are kept: they come from the account service and may join other orgs.
"""

from collections.abc import AsyncIterator
from typing import Any

from chassis.mongo.client import Database
from chassis.mongo.erasure import BATCH_DOCUMENTS, unreachable_as_unavailable
from gateway.directory.association import ASSOCIATIONS
from gateway.directory.session import SESSIONS


class MemberSessions:
    """Sessions of an org's members. Erased before the collections, because it reads the associations."""

    name = SESSIONS.collection
    last = False

    def __init__(self, database: Database) -> None:
        self._associations = database.collection(ASSOCIATIONS.collection)
        self._sessions = database.collection(SESSIONS.collection)

    async def count(self, orgcode: str | None) -> int:
        """How many sessions would be deleted; 0 without an org, because then the whole collection is erased."""
        return sum([len(ids) async for ids in self._found(orgcode)])

    async def erase(self, orgcode: str | None) -> AsyncIterator[int]:
        """Delete them, those of a few members at a time."""
        async for ids in self._found(orgcode):
            with unreachable_as_unavailable():
                await self._sessions.remove_many(ids)
            yield len(ids)

    async def _found(self, orgcode: str | None) -> AsyncIterator[list[Any]]:
        """Ids of the sessions of a few members at a time. Indexes: org and user, user, user."""
        if orgcode is None:
            return
        with unreachable_as_unavailable():
            members = await self._associations.find({"orgcode": orgcode}, projection={"user_id": 1})
        users = [member["user_id"] for member in members]
        for start in range(0, len(users), BATCH_DOCUMENTS):
            some = {"user_id": {"$in": users[start : start + BATCH_DOCUMENTS]}}
            with unreachable_as_unavailable():
                parts = await self._associations.find(some, projection={"user_id": 1, "orgcode": 1})
                elsewhere = {part["user_id"] for part in parts if part["orgcode"] != orgcode}
                alone = [user for user in some["user_id"]["$in"] if user not in elsewhere]
                sessions = await self._sessions.find({"user_id": {"$in": alone}}, projection={"_id": 1})
            if sessions:
                yield [session["_id"] for session in sessions]


vacuum_targets = [MemberSessions]

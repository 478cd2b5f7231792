"""Records of an org that do not name it: the sessions of users who belong to this org only.

The users themselves are kept: they come from the account service and may join other orgs.
"""

from collections.abc import AsyncIterator

from chassis.vacuum import BATCH_RECORDS, StoredRecords
from gateway.directory.association import ASSOCIATIONS
from gateway.directory.session import SESSIONS


class MemberSessions:
    """Sessions of an org's members. Erased before the collections, because it reads the associations."""

    name = SESSIONS.collection
    last = False

    def __init__(self, records: StoredRecords) -> None:
        self._records = records

    async def count(self, orgcode: str | None) -> int:
        """How many sessions would be deleted; 0 without an org, because then the whole collection is erased."""
        return sum([len(ids) async for ids in self._found(orgcode)])

    async def erase(self, orgcode: str | None) -> AsyncIterator[int]:
        """Delete them, those of a few members at a time."""
        async for ids in self._found(orgcode):
            await self._records.erase(SESSIONS, ids)
            yield len(ids)

    async def _found(self, orgcode: str | None) -> AsyncIterator[list[str]]:
        """Ids of the sessions of a few members at a time. Indexes: org and user, user, user."""
        if orgcode is None:
            return
        members = await self._records.find(ASSOCIATIONS, {"orgcode": orgcode}, ["user_id"])
        users = [member["user_id"] for member in members]
        for start in range(0, len(users), BATCH_RECORDS):
            some = users[start : start + BATCH_RECORDS]
            parts = await self._records.find(ASSOCIATIONS, {"user_id": some}, ["user_id", "orgcode"])
            elsewhere = {part["user_id"] for part in parts if part["orgcode"] != orgcode}
            alone = [user for user in some if user not in elsewhere]
            sessions = await self._records.find(SESSIONS, {"user_id": alone}, [])
            if sessions:
                yield [session["session_id"] for session in sessions]


vacuum_targets = [MemberSessions]

"""Requests of operators about vacuums. Each method is one unit of work."""

from chassis.caller import Call
from chassis.errors import Conflict, NotFound
from chassis.unit import Change, Units, View
from services.ops.vacuum.domain import VacuumRun, cancelled, check_phrase, counted, requested
from services.ops.vacuum.peers import Peers
from services.ops.vacuum.store import VACUUMS, in_the_way, newest, take_turn, was_vacuumed


class VacuumRequests:
    """Requests, counts and cancels vacuums."""

    def __init__(self, units: Units, peers: Peers, delay_seconds: float) -> None:
        self._units = units
        self._peers = peers
        self._delay_seconds = delay_seconds

    async def request(self, call: Call, orgcode: str | None, phrase: str, reason: str) -> VacuumRun:
        """Request a vacuum of the org (None: of everything), which starts after a delay.

        Raises `Invalid` for a wrong phrase, `NotFound` for an unknown org, and `Conflict` if a vacuum of the same
        records has not ended.
        """
        await self._check(call, orgcode, phrase)

        async def write(change: Change) -> VacuumRun:
            await take_turn(change)
            if (other := await in_the_way(change, orgcode)) is not None:
                raise Conflict(f"a vacuum that covers it is {other.state}", vacuum_id=other.vacuum_id)
            return await change.insert(
                VACUUMS, requested(change.new_id(), orgcode, reason, change.now, self._delay_seconds)
            )

        return await self._units.change(call, write)

    async def count(self, call: Call, orgcode: str | None, phrase: str, reason: str) -> VacuumRun:
        """A dry run: what a vacuum would delete now. It never conflicts, because it deletes nothing."""
        await self._check(call, orgcode, phrase)
        found = await self._peers.count(orgcode)

        async def write(change: Change) -> VacuumRun:
            return await change.insert(VACUUMS, counted(change.new_id(), orgcode, reason, change.now, found))

        return await self._units.change(call, write)

    async def cancel(self, call: Call, vacuum_id: str) -> VacuumRun:
        """Cancel a vacuum before its start. Raises `NotFound`, `InvalidState`."""

        async def write(change: Change) -> VacuumRun:
            run = await change.load(VACUUMS, vacuum_id)
            return await change.update(VACUUMS, cancelled(run, change.now))

        return await self._units.change(call, write)

    async def status(self, call: Call, vacuum_id: str | None) -> VacuumRun:
        """A vacuum, by default the newest. Raises `NotFound`."""

        async def look(view: View) -> VacuumRun:
            found = await newest(view) if vacuum_id is None else await view.get(VACUUMS, vacuum_id)
            if found is None:
                raise NotFound("there is no such vacuum" if vacuum_id else "there has been no vacuum yet")
            return found

        return await self._units.view(call, look)

    async def _check(self, call: Call, orgcode: str | None, phrase: str) -> None:
        check_phrase(phrase, orgcode)
        if orgcode is None or await self._peers.has_org(orgcode):
            return

        async def look(view: View) -> bool:
            return await was_vacuumed(view, orgcode)

        # An org that was erased may be counted and vacuumed again, to verify that nothing is left.
        if not await self._units.view(call, look):
            raise NotFound("there is no such organisation")

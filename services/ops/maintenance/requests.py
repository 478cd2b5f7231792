"""Changes of maintenance windows by operators and by the sweep. Each method is one unit of work."""

from chassis.caller import Call
from chassis.clock import Utc
from chassis.unit import Change, Units
from services.ops.maintenance import events
from services.ops.maintenance.domain import (
    Maintenance,
    MaintenanceRecord,
    ProgressReport,
    cancelled,
    check_alone,
    check_room,
    ended,
    scheduled,
    started,
    to_answer,
    updated,
)
from services.ops.maintenance.store import MAINTENANCE, active_window, due_window, neighbours_of, take_turn


class MaintenanceRequests:
    """Changes maintenance windows. `expected_revision` None: the caller gave none."""

    def __init__(self, units: Units) -> None:
        self._units = units

    async def schedule(self, call: Call, description: str, start: Utc, minutes: int) -> Maintenance:
        """Schedule a window. Raises `Invalid` if its start has passed, `Conflict` if it overlaps another."""

        async def write(change: Change) -> Maintenance:
            window = scheduled(change.new_id(), description, start, minutes, change.now)
            await take_turn(change)
            check_room(window, await neighbours_of(change, window))
            return _tell(change, events.SCHEDULED, await change.insert(MAINTENANCE, window))

        return await self._units.change(call, write)

    async def cancel(self, call: Call, maintenance_id: str, expected_revision: int | None, reason: str) -> Maintenance:
        """Cancel a window. Raises `InvalidState` unless it is scheduled."""

        async def write(change: Change) -> Maintenance:
            window = await change.load(MAINTENANCE, maintenance_id, expected_revision)
            window = await change.update(MAINTENANCE, cancelled(window, reason, change.now), reason)
            return _tell(change, events.CANCELLED, window)

        return await self._units.change(call, write)

    async def start(self, call: Call, maintenance_id: str, expected_revision: int | None) -> Maintenance:
        """Start a window now. Raises `InvalidState` unless it is scheduled and no other is active."""

        async def write(change: Change) -> Maintenance:
            window = await change.load(MAINTENANCE, maintenance_id, expected_revision)
            window = started(window, "operator", change.now)
            await take_turn(change)
            check_alone(await active_window(change))
            return _tell(change, events.STARTED, await change.update(MAINTENANCE, window))

        return await self._units.change(call, write)

    async def end(self, call: Call, maintenance_id: str, expected_revision: int | None) -> Maintenance:
        """End a window. Raises `InvalidState` unless it is active."""

        async def write(change: Change) -> Maintenance:
            window = await change.load(MAINTENANCE, maintenance_id, expected_revision)
            return _tell(change, events.ENDED, await change.update(MAINTENANCE, ended(window, change.now)))

        return await self._units.change(call, write)

    async def update(
        self, call: Call, maintenance_id: str, expected_revision: int | None, news: ProgressReport
    ) -> Maintenance:
        """Update a window.

        Raises `Invalid` if nothing is changed, `InvalidState` if it has ended, and `Conflict` if its new duration
        overlaps another.
        """
        news.check()

        async def write(change: Change) -> Maintenance:
            before = await change.load(MAINTENANCE, maintenance_id, expected_revision)
            window = updated(before, news, change.now)
            if window.expected_end_utc > before.expected_end_utc:
                await take_turn(change)
                check_room(window, await neighbours_of(change, window))
            return _tell(change, events.UPDATED, await change.update(MAINTENANCE, window))

        return await self._units.change(call, write)

    async def start_due(self, call: Call) -> Maintenance | None:
        """Start the first window whose start has passed; None if none is due or another is still active."""

        async def write(change: Change) -> Maintenance | None:
            window = await due_window(change)
            if window is None or await active_window(change) is not None:
                return None
            await take_turn(change)
            window = await change.update(MAINTENANCE, started(window, "sweep", change.now))
            return _tell(change, events.STARTED, window)

        return await self._units.change(call, write)


def _tell(change: Change, event_type: str, window: MaintenanceRecord) -> Maintenance:
    answer = to_answer(window, change.now)
    change.emit(event_type, window.maintenance_id, maintenance=answer)
    return answer

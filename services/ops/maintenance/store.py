"""Storage and queries of maintenance windows."""

from msgspec.structs import replace

from chassis.clock import Utc, later
from chassis.entity import ONE_SHARD, Entity, index
from chassis.page import Page, Paged
from chassis.unit import Change, View, between
from services.ops.maintenance.domain import (
    ANNOUNCED_SECONDS,
    Calendar,
    MaintenanceRecord,
    MaintenanceState,
    State,
    start_of,
    to_answer,
)

CALENDAR_ID = "maintenance"
MAINTENANCE = Entity(
    "maintenance",
    MaintenanceRecord,
    collection="maintenance",
    id="maintenance_id",
    shard_key=ONE_SHARD,
    keys=("STACK", "MAINTENANCE#{maintenance_id}"),
    indexes=[index("scheduled_start_utc"), index("state", "scheduled_start_utc")],
    org_scoped=False,
    label="description",
)
CALENDARS = Entity(
    "maintenance_calendar",
    Calendar,
    collection="maintenance_calendar",
    id="calendar_id",
    shard_key=ONE_SHARD,
    org_scoped=False,
    history=False,
    technical=True,
)


async def active_window(view: View) -> MaintenanceRecord | None:
    """The active window, or None. Index: state, scheduled_start_utc."""
    found = await view.find(MAINTENANCE, {"state": "active"}, order=["scheduled_start_utc"], limit=1)
    return found[0] if found else None


async def due_window(view: View) -> MaintenanceRecord | None:
    """The first scheduled window whose start has passed. Index: state, scheduled_start_utc."""
    where = {"state": "scheduled", "scheduled_start_utc": between(at_most=view.now)}
    found = await view.find(MAINTENANCE, where, order=["scheduled_start_utc"], limit=1)
    return found[0] if found else None


async def first_start(view: View) -> Utc | None:
    """When the first scheduled window starts, or should have. Index: state, scheduled_start_utc."""
    found = await view.find(MAINTENANCE, {"state": "scheduled"}, order=["scheduled_start_utc"], limit=1)
    return found[0].scheduled_start_utc if found else None


async def next_window(view: View, within_seconds: float | None = None) -> MaintenanceRecord | None:
    """The next scheduled window, starting within `seconds` if given, or None.

    One whose start has passed and that waits for the sweep is returned only if there is no later one.
    Index: state, scheduled_start_utc.
    """
    until = None if within_seconds is None else later(view.now, within_seconds)
    soon = {"state": "scheduled", "scheduled_start_utc": between(above=view.now, at_most=until)}
    found = await view.find(MAINTENANCE, soon, order=["scheduled_start_utc"], limit=1)
    return found[0] if found else await due_window(view)


async def state_of(view: View, within_seconds: float | None = ANNOUNCED_SECONDS) -> MaintenanceState:
    """The active window and the next one, by default within a day."""
    active, coming = await active_window(view), await next_window(view, within_seconds)
    return MaintenanceState(
        active=to_answer(active, view.now) if active else None, next=to_answer(coming, view.now) if coming else None
    )


async def neighbours_of(view: View, window: MaintenanceRecord) -> list[MaintenanceRecord]:
    """The windows that could overlap this one: the active one, the last before and the first after its start.

    Scheduled windows do not overlap each other, so no others can. Index: state, scheduled_start_utc.
    """
    start = start_of(window)
    found = await view.find(MAINTENANCE, {"state": "active"}, order=["scheduled_start_utc"], limit=1)
    for when, order in (
        (between(at_most=start), "-scheduled_start_utc"),
        (between(above=start), "scheduled_start_utc"),
    ):
        where = {"state": "scheduled", "scheduled_start_utc": when}
        # One more, because the query may find the window itself.
        found = [*found, *await view.find(MAINTENANCE, where, order=[order], limit=2)]
    return found


async def list_windows(view: View, state: State | None, page: Paged) -> Page[MaintenanceRecord]:
    """One page of windows, latest start first. Indexes: scheduled_start_utc; state, scheduled_start_utc."""
    where = {} if state is None else {"state": state}
    return await view.page(MAINTENANCE, where, page=page, order=["-scheduled_start_utc"])


async def take_turn(change: Change) -> None:
    """Write the calendar, so that of two changes at once the second is run again after the first."""
    calendar = await change.get(CALENDARS, CALENDAR_ID)
    if calendar is None:
        await change.insert(CALENDARS, Calendar(calendar_id=CALENDAR_ID, entries=1))
    else:
        await change.update(CALENDARS, replace(calendar, entries=calendar.entries + 1))

from collections.abc import AsyncIterator

import pytest
from msgspec.structs import replace

from chassis.caller import SYSTEM, Call
from chassis.clock import FixedClock, Utc, later
from chassis.ids import new_id
from chassis.mongo.unit import MongoUnits
from chassis.unit import Change
from services.ops.maintenance.domain import MaintenanceRecord, ProgressUpdate, State, to_answer
from services.ops.maintenance.rpc import maintenance_to_proto
from services.ops.maintenance.store import MAINTENANCE, state_of
from tests.ops.given import ops_units

NOON = Utc("2026-03-01T12:00:00.000Z")
CALL = Call(caller=SYSTEM, name="t", request_id="r", started_utc=NOON)


def a_window(state: State = "scheduled", start: Utc = NOON) -> MaintenanceRecord:
    return MaintenanceRecord(
        maintenance_id=new_id(NOON),
        state=state,
        description="a new index",
        scheduled_start_utc=start,
        duration_minutes=30,
        expected_end_utc=later(start, 1800),
        progress=[ProgressUpdate(at_utc=NOON, message="half", percent=50)],
    )


@pytest.fixture
async def units(mongodb_uri: str, database_name: str) -> AsyncIterator[MongoUnits]:
    async with ops_units(mongodb_uri, database_name, FixedClock(NOON)) as units:
        yield units


async def keep(units: MongoUnits, *windows: MaintenanceRecord) -> None:
    async def work(change: Change) -> None:
        for window in windows:
            await change.insert(MAINTENANCE, window)

    await units.change(CALL, work)


async def test_with_no_window_the_gate_is_open(units: MongoUnits) -> None:
    await keep(units, a_window("ended"), a_window(start=later(NOON, 25 * 3600)))
    state = await units.view(CALL, state_of)
    assert (state.active, state.next) == (None, None)


async def test_the_active_window_and_the_next_within_a_day_are_told(units: MongoUnits) -> None:
    soon, sooner = a_window(start=later(NOON, 7200)), a_window(start=later(NOON, 3600))
    now = replace(a_window("active"), started_utc=NOON, started_by="sweep")
    await keep(units, now, soon, sooner)
    state = await units.view(CALL, state_of)
    assert state.active is not None
    assert state.next is not None
    assert (state.active.maintenance_id, state.next.maintenance_id) == (now.maintenance_id, sooner.maintenance_id)


def test_a_window_is_told_field_by_field() -> None:
    stamps = {"created_utc": NOON, "updated_utc": NOON, "revision": 2}
    window = replace(a_window("active"), **stamps)
    told = to_answer(window, NOON)
    message = maintenance_to_proto(told)
    for field in told.__struct_fields__:
        if field != "progress":
            assert (getattr(message, field) or None) == (getattr(told, field) or None), field
    assert (message.progress[0].message, message.progress[0].percent) == ("half", 50)
    assert not message.HasField("started_utc")

"""Operators' changes of windows, and every refusal of the contract, over a real gRPC port."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from chassis.clock import Utc, later, seconds_between
from chassis.errors import (
    Conflict,
    ExpectedRevisionRequired,
    Invalid,
    InvalidState,
    NotFound,
    Refusal,
    StaleRevision,
    Throttled,
    Unauthorized,
)
from chassis.rpc.client import Channels
from retailstack.ops.v1 import maintenance_pb2 as pb
from retailstack.ops.v1.maintenance_pb2_grpc import MaintenanceStub
from services.ops.maintenance.domain import PROGRESS_MAX
from tests.ops.maintenance.given import CODE, NOBODYS_ID, Ops, from_now, seen


async def test_a_window_goes_from_its_schedule_to_its_end(ops: Ops) -> None:
    planned = await ops.schedule(3600)
    assert (planned.state, planned.revision, planned.duration_minutes, planned.overrun) == ("scheduled", 1, 30, False)
    assert seconds_between(Utc(planned.scheduled_start_utc), Utc(planned.expected_end_utc)) == 1800
    assert not planned.HasField("started_utc")

    active = await ops.start(planned)
    assert (active.state, active.started_by, active.revision) == ("active", "operator", 2)
    assert seconds_between(Utc(active.started_utc), Utc(active.expected_end_utc)) == 1800, "counted from its real start"

    told = await ops.update(active, progress={"message": "half", "percent": 50}, duration_minutes=45)
    assert [(said.message, said.percent) for said in told.progress] == [("half", 50)]
    assert seconds_between(Utc(told.started_utc), Utc(told.expected_end_utc)) == 2700

    ended = await ops.end(told)
    assert (ended.state, ended.revision, ended.overrun) == ("ended", 4, False)
    assert ended.ended_utc >= ended.started_utc
    assert await ops.get(ended) == ended
    own = planned.maintenance_id
    assert await ops.told() == [("scheduled", own), ("started", own), ("updated", own), ("ended", own)]


async def test_a_cancelled_window_keeps_the_reason(ops: Ops) -> None:
    cancelled = await ops.cancel(await ops.schedule(), "the index is there")
    assert (cancelled.state, cancelled.cancel_reason) == ("cancelled", "the index is there")
    assert cancelled.cancelled_utc
    assert [what for what, _ in await ops.told()] == ["scheduled", "cancelled"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("description", ""),
        ("description", "d" * 8193),
        ("duration_minutes", 0),
        ("duration_minutes", 10_081),
        ("scheduled_start_utc", ""),
        ("scheduled_start_utc", "tomorrow"),
        ("scheduled_start_utc", "2999-02-30T00:00:00Z"),
        ("scheduled_start_utc", "2024-01-31T12:00:00Z"),
        ("scheduled_start_utc", "9999-12-31T23:59:59Z"),
    ],
)
async def test_a_window_that_cannot_be_is_not_scheduled(ops: Ops, field: str, value: Any) -> None:
    with pytest.raises(Invalid) as refused:
        await ops.schedule(**{field: value})
    [problem] = refused.value.details["fields"]
    assert problem["path"] == field
    assert "`" not in problem["problem"], "told in words, not in a decoder's"
    assert await ops.told() == []


async def test_the_longest_window_there_may_be_and_the_shortest(ops: Ops) -> None:
    for minutes, seconds in ((1, 60), (10_080, 7200)):
        assert (await ops.schedule(seconds, duration_minutes=minutes)).duration_minutes == minutes


async def test_windows_never_overlap_but_may_touch(ops: Ops) -> None:
    start = from_now(7200)
    first = await ops.schedule(scheduled_start_utc=start)
    for begins, minutes in ((0, 30), (-600, 11), (1799, 1), (60, 5), (-3600, 10_080)):
        with pytest.raises(Conflict) as refused:
            await ops.schedule(scheduled_start_utc=later(start, begins), duration_minutes=minutes)
        assert refused.value.details["maintenance_id"] == first.maintenance_id
    before = await ops.schedule(scheduled_start_utc=later(start, -600), duration_minutes=10)
    after = await ops.schedule(scheduled_start_utc=later(start, 1800))

    with pytest.raises(Conflict) as refused:
        await ops.update(before, duration_minutes=11)
    assert refused.value.details["maintenance_id"] == first.maintenance_id, "nor by growing"
    await ops.cancel(first)
    assert (await ops.update(before, duration_minutes=11)).duration_minutes == 11
    with pytest.raises(Conflict) as refused:
        await ops.schedule(scheduled_start_utc=later(start, -5), duration_minutes=31)
    assert refused.value.details["maintenance_id"] in {before.maintenance_id, after.maintenance_id}


async def test_an_active_window_is_in_the_way_until_its_expected_end(ops: Ops) -> None:
    active = await ops.start(await ops.schedule(86_400))
    with pytest.raises(Conflict) as refused:
        await ops.schedule(1700)
    assert refused.value.details["maintenance_id"] == active.maintenance_id
    assert (await ops.schedule(1900)).state == "scheduled"


async def test_one_window_at_most_is_active(ops: Ops) -> None:
    first, second = await ops.schedule(3600), await ops.schedule(7200)
    first = await ops.start(first)
    with pytest.raises(InvalidState) as refused:
        await ops.start(second)
    assert refused.value.details["maintenance_id"] == first.maintenance_id
    await ops.end(first)
    assert (await ops.start(second)).state == "active"


async def test_each_state_refuses_what_does_not_fit(ops: Ops) -> None:
    scheduled = await ops.schedule()
    with pytest.raises(InvalidState):
        await ops.end(scheduled)
    active = await ops.start(scheduled)
    for refused_call in (ops.start(active), ops.cancel(active)):
        with pytest.raises(InvalidState) as refused:
            await refused_call
        assert refused.value.details["state"] == "active"
    ended, cancelled = await ops.end(active), await ops.cancel(await ops.schedule(7200))
    for over in (ended, cancelled):
        for refused_call in (ops.start(over), ops.end(over), ops.cancel(over), ops.update(over, description="more")):
            with pytest.raises(InvalidState) as refused:
                await refused_call
            assert (refused.value.status, refused.value.tag) == (409, "invalid-state")
            assert refused.value.details["state"] == over.state


def every_change(ops: Ops, **said: Any) -> Iterator[Any]:
    """The four calls that change a window, made one by one as the generator is read."""
    yield ops.stub.StartMaintenance(pb.StartMaintenanceRequest(**said))
    yield ops.stub.EndMaintenance(pb.EndMaintenanceRequest(**said))
    yield ops.stub.CancelMaintenance(pb.CancelMaintenanceRequest(**said, reason="r"))
    yield ops.stub.UpdateMaintenance(pb.UpdateMaintenanceRequest(**said, description="d"))


async def test_a_change_of_a_window_names_the_revision_it_has_seen(ops: Ops) -> None:
    window = await ops.update(await ops.schedule(), description="another")
    about = {"secret_code": CODE, "maintenance_id": window.maintenance_id}
    for missing in every_change(ops, **about):
        with pytest.raises(ExpectedRevisionRequired) as lacking:
            await missing
        assert (lacking.value.status, lacking.value.details) == (428, {"current_revision": 2})
    for stale in every_change(ops, **about, expected_revision=1):
        with pytest.raises(StaleRevision) as late:
            await stale
        assert (late.value.status, late.value.tag, late.value.details) == (409, "conflict", {"current_revision": 2})
    for wrong in every_change(ops, **about, expected_revision=0):
        with pytest.raises(Invalid):
            await wrong
    assert await ops.get(window) == window


async def test_an_unknown_window_is_not_found(ops: Ops) -> None:
    unknown = pb.MaintenanceWindow(maintenance_id=NOBODYS_ID, revision=1)
    for refused_call in every_change(ops, **seen(unknown)):
        with pytest.raises(NotFound):
            await refused_call
    with pytest.raises(NotFound):
        await ops.get(unknown)
    for refused_call in every_change(ops, secret_code=CODE, maintenance_id="M-1", expected_revision=1):
        with pytest.raises(Invalid):
            await refused_call


async def test_an_update_says_something_and_no_more_than_fits(ops: Ops) -> None:
    window = await ops.schedule()
    for news in (
        {},
        {"progress": {"percent": 5}},
        {"progress": {"message": ""}},
        {"progress": {"message": "m" * 513}},
        {"progress": {"message": "m", "percent": 101}},
        {"progress": {"message": "m", "percent": -1}},
        {"description": ""},
        {"duration_minutes": 0},
        {"duration_minutes": 10_081},
    ):
        with pytest.raises(Invalid) as refused:
            await ops.update(window, **news)
        assert refused.value.status == 400
    with pytest.raises(Invalid):
        await ops.cancel(window, "")
    with pytest.raises(Invalid):
        await ops.cancel(window, "r" * 257)
    assert (await ops.get(window)).revision == 1


async def test_progress_has_an_end(ops: Ops) -> None:
    window = await ops.schedule()
    for number in range(PROGRESS_MAX):
        window = await ops.update(window, progress={"message": f"step {number}"})
    with pytest.raises(InvalidState) as refused:
        await ops.update(window, progress={"message": "one more"})
    assert refused.value.details["progress_max"] == PROGRESS_MAX
    assert len((await ops.update(window, description="still")).progress) == PROGRESS_MAX


async def test_of_two_schedules_at_once_in_two_replicas_one_wins(replicas: list[Ops]) -> None:
    for number in range(3):
        start = from_now(3600 + 7200 * number)
        calls = [ops.schedule(scheduled_start_utc=start) for ops in replicas * 3]
        answers = await asyncio.gather(*calls, return_exceptions=True)
        won = [answer for answer in answers if isinstance(answer, pb.MaintenanceWindow)]
        assert len(won) == 1, answers
        lost = [answer for answer in answers if isinstance(answer, Conflict)]
        assert len(lost) == 5
        assert {each.details["maintenance_id"] for each in lost} == {won[0].maintenance_id}


async def test_of_two_starts_at_once_in_two_replicas_one_wins(replicas: list[Ops]) -> None:
    windows = [await replicas[0].schedule(3600 * hours) for hours in (1, 2)]
    starts = [ops.start(window) for ops, window in zip(replicas, windows, strict=True)]
    answers = await asyncio.gather(*starts, return_exceptions=True)
    assert sorted(type(answer).__name__ for answer in answers) == ["InvalidState", "MaintenanceWindow"], answers


async def test_only_who_knows_the_code_may_change_but_anybody_may_look(ops: Ops) -> None:
    window = await ops.schedule()
    said = []
    for code in ("", "wrong"):
        with pytest.raises(Unauthorized) as refused:
            await ops.schedule(7200, secret_code=code)
        said.append((refused.value.message, refused.value.details))
    assert said[0] == said[1], "wrong and missing look the same"
    refusals = []
    for refused_call in every_change(ops, **(seen(window) | {"secret_code": "wrong"})):
        with pytest.raises((Unauthorized, Throttled)) as last:
            await refused_call
        refusals.append(last.value.status)
    assert refusals == [401] * 4, "the second to the fifth wrong code; a missing one is no attempt"
    with pytest.raises(Throttled) as locked:
        await ops.schedule(7200)
    assert locked.value.details["retry_after_seconds"] > 800, "the right code comes too late"
    assert (await ops.get(window)).state == "scheduled"


async def test_the_code_may_come_in_the_metadata(ops: Ops) -> None:
    request = pb.ScheduleMaintenanceRequest(
        description="by metadata", scheduled_start_utc=from_now(600), duration_minutes=5
    )
    answer = await ops.stub.ScheduleMaintenance(request, metadata=(("x-secret-code", CODE),))
    assert answer.maintenance.state == "scheduled"
    with pytest.raises(Unauthorized):
        await ops.stub.ScheduleMaintenance(request, metadata=(("x-secret-code", "wrong"),))


async def test_the_state_is_told_to_the_stack_and_to_the_operator_alone(ops: Ops) -> None:
    active, coming = await ops.start(await ops.schedule(60)), await ops.schedule(7200)
    stubs: list[Any] = [MaintenanceStub(channels.channel("ops")) for channels in (ops.signed, ops.anonymous)]
    with_code = (("x-secret-code", CODE),)
    for stub, metadata in ((stubs[0], ()), (stubs[1], with_code)):
        state = await stub.GetState(pb.GetMaintenanceStateRequest(), metadata=metadata)
        assert state.active
        assert (state.window, state.next) == (active, coming)
    with pytest.raises(Unauthorized):
        await stubs[1].GetState(pb.GetMaintenanceStateRequest())


async def test_windows_are_listed_page_by_page(ops: Ops) -> None:
    made = [await ops.schedule(3600 * hours) for hours in range(1, 6)]
    listed: list[str] = []
    token = None
    while True:
        page = await ops.stub.ListMaintenance(pb.ListMaintenanceRequest(limit=2, next_token=token))
        listed += [window.maintenance_id for window in page.items]
        if not page.HasField("next_token"):
            break
        token = page.next_token
    assert listed == [window.maintenance_id for window in reversed(made)]
    with pytest.raises(Invalid):
        await ops.stub.ListMaintenance(pb.ListMaintenanceRequest(state="over"))


async def test_ops_that_cannot_be_reached_says_so() -> None:
    channels = Channels({"ops": ["127.0.0.1:1"]})
    try:
        with pytest.raises(Refusal) as refused:
            await MaintenanceStub(channels.channel("ops")).GetMaintenance(pb.GetMaintenanceRequest())
        assert (refused.value.status, refused.value.retryable) == (503, True)
    finally:
        await channels.close()

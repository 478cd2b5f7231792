"""Windows over HTTP: the four endpoints, ping and stat."""

from typing import Any

import pytest

from chassis.caller import ANONYMOUS, Caller
from tests.ops.maintenance.given import CODE, NOBODYS_ID, USER, Ops, from_now

LIST, GET = "/maintenance/list", "/maintenance/get"
FIELDS = {
    "maintenance_id",
    "state",
    "description",
    "scheduled_start_utc",
    "duration_minutes",
    "expected_end_utc",
    "started_utc",
    "started_by",
    "ended_utc",
    "cancelled_utc",
    "cancel_reason",
    "overrun",
    "progress",
    "revision",
    "created_utc",
    "updated_utc",
}


async def test_a_window_is_shown_whole_by_both_methods(ops: Ops) -> None:
    window = await ops.update(await ops.schedule(), progress={"message": "soon"})
    answers = [await ops.ask(GET, method=method, maintenance_id=window.maintenance_id) for method in ("GET", "POST")]
    for status, said in answers:
        shown = said["data"]["maintenance"]
        assert (status, set(shown), said["stats"]["call"]) == (200, FIELDS, "ops_maintenance_get")
        assert (shown["state"], shown["revision"], shown["started_utc"]) == ("scheduled", 2, None)
        assert [(each["message"], each["percent"]) for each in shown["progress"]] == [("soon", None)]


async def test_windows_are_listed_the_latest_start_first_page_by_page(ops: Ops) -> None:
    first, second, third = [await ops.schedule(3600 * hours) for hours in (1, 2, 3)]
    for method in ("GET", "POST"):
        status, said = await ops.ask(LIST, method=method, limit=2)
        assert status == 200
        assert said["data"]["count"] == 2
        page = [each["maintenance_id"] for each in said["data"]["items"]]
        assert page == [third.maintenance_id, second.maintenance_id]
        token = said["data"]["next_token"]
        status, said = await ops.ask(LIST, method=method, limit=2, next_token=token)
        assert [each["maintenance_id"] for each in said["data"]["items"]] == [first.maintenance_id]
        assert said["data"]["next_token"] is None


async def test_a_page_neither_skips_nor_repeats_while_windows_are_planned(ops: Ops) -> None:
    made = [await ops.schedule(3600 * hours) for hours in (2, 4, 6)]
    _, said = await ops.ask(LIST, limit=2)
    between = await ops.schedule(3600 * 3)
    _, rest = await ops.ask(LIST, limit=5, next_token=said["data"]["next_token"])
    ids = [each["maintenance_id"] for each in said["data"]["items"] + rest["data"]["items"]]
    assert ids == [made[2].maintenance_id, made[1].maintenance_id, between.maintenance_id, made[0].maintenance_id]


async def test_windows_are_listed_by_state(ops: Ops) -> None:
    active = await ops.start(await ops.schedule(60))
    gone, coming = await ops.cancel(await ops.schedule(7200)), await ops.schedule(7200)
    for state, window in (("active", active), ("cancelled", gone), ("scheduled", coming)):
        _, said = await ops.ask(LIST, state=state)
        assert [each["maintenance_id"] for each in said["data"]["items"]] == [window.maintenance_id]
    _, said = await ops.ask(LIST, state="ended")
    assert said["data"] == {"items": [], "count": 0, "next_token": None}


@pytest.mark.parametrize(
    ("path", "fields", "wrong"),
    [
        (LIST, {"state": "over"}, "state"),
        (LIST, {"limit": 0}, "limit"),
        (LIST, {"next_token": "nobody's"}, "next_token"),
        (LIST, {"surprise": 1}, "surprise"),
        (GET, {}, "maintenance_id"),
        (GET, {"maintenance_id": "M-1"}, "maintenance_id"),
    ],
)
async def test_a_malformed_question_is_refused_by_name(ops: Ops, path: str, fields: dict[str, Any], wrong: str) -> None:
    for method in ("GET", "POST"):
        status, said = await ops.ask(path, method=method, **fields)
        assert (status, said["error"]["error_code"]) == (400, "ops.validation_failed")
        assert [each["path"] for each in said["error"]["details"]["fields"]] == [wrong]


async def test_a_token_belongs_to_its_filter(ops: Ops) -> None:
    for hours in (1, 2):
        await ops.schedule(3600 * hours)
    _, said = await ops.ask(LIST, limit=1)
    status, said = await ops.ask(LIST, limit=1, state="scheduled", next_token=said["data"]["next_token"])
    assert (status, said["error"]["major"]["tag"]) == (400, "validation-error")


async def test_an_unknown_window_is_not_found(ops: Ops) -> None:
    status, said = await ops.ask(GET, maintenance_id=NOBODYS_ID)
    assert (status, said["error"]["error_code"]) == (404, "ops.not_found")


async def test_any_session_or_key_may_look_and_nobody_else(ops: Ops) -> None:
    window = await ops.schedule()
    key = Caller(kind="key", actor="till", orgcode="ACME0001")
    rows: list[tuple[str, dict[str, Any]]] = [(LIST, {}), (GET, {"maintenance_id": window.maintenance_id})]
    for path, fields in rows:
        for known in (USER, key):
            assert (await ops.ask(path, known, **fields))[0] == 200
        for unknown in (ANONYMOUS, None):
            status, said = await ops.ask(path, unknown, **fields)
            assert (status, said["error"]["major"]["tag"]) == (401, "unauthorized")


async def test_ping_and_stat_tell_of_the_active_and_the_next_window(ops: Ops) -> None:
    said = await look(ops)
    assert (said["maintenance_active"], said["maintenance"], said["next_maintenance"]) == (False, None, None)

    coming = await ops.schedule(scheduled_start_utc=from_now(3 * 86_400))
    active = await ops.start(await ops.schedule(60))
    said = await look(ops)
    assert said["maintenance_active"] is True
    assert set(said["maintenance"]) == FIELDS
    assert (said["maintenance"]["maintenance_id"], said["maintenance"]["state"]) == (active.maintenance_id, "active")
    assert said["next_maintenance"]["maintenance_id"] == coming.maintenance_id
    said = await look(ops, "/ping")
    assert said == {"ok": True, "maintenance_active": True}

    await ops.end(active)
    said = await look(ops)
    assert (said["maintenance_active"], said["maintenance"]) == (False, None)


async def look(ops: Ops, path: str = "/stat") -> dict[str, Any]:
    """The answer of ping or stat with the secret code."""
    status, said = await ops.ask(
        path, ANONYMOUS, method="GET", headers={"x-secret-code": CODE, "x-forwarded-for": "10.0.0.1"}
    )
    assert status == 200, said
    data: dict[str, Any] = said["data"]
    return data

"""`stackctl maintenance` against a running OPS."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

from services.ops.cli.app import call
from tests.ops.maintenance.given import CODE, NOBODYS_ID, Ops, an_ops, from_now


class Terminal:
    """Runs command lines; `out` and `err` hold what the last one printed."""

    def __init__(self, ops: Ops, capture: pytest.CaptureFixture[str]) -> None:
        self.ops = ops
        self._capture = capture
        self.out = self.err = ""

    async def run(self, *words: str) -> int:
        self._capture.readouterr()
        status = await asyncio.to_thread(call, ["maintenance", *words])
        self.out, self.err = self._capture.readouterr()
        return status

    async def window(self, *words: str) -> dict[str, Any]:
        """The window that a command answers."""
        assert await self.run(*words, "--json") == 0, self.err
        window: dict[str, Any] = json.loads(self.out)["maintenance"]
        return window

    async def schedule(self, seconds: float = 3600) -> dict[str, Any]:
        start = from_now(seconds)
        return await self.window("schedule", "--start", start, "--minutes", "30", "--description", "a new index")


@pytest.fixture
async def terminal(
    mongodb_uri: str,
    database_name: str,
    amqp_url: str,
    mongodb_client: MongoClient[dict[str, Any]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> AsyncIterator[Terminal]:
    async with an_ops(mongodb_uri, database_name, amqp_url, mongodb_client) as (ops,):
        code = tmp_path / "code"
        code.write_text(CODE)
        monkeypatch.setenv("STACK_SECRET_FILE", str(code))
        monkeypatch.setenv("STACK_OPS_GRPC", ops.address)
        monkeypatch.chdir(tmp_path)
        yield Terminal(ops, capsys)


async def test_a_maintenance_evening(terminal: Terminal) -> None:
    planned = await terminal.schedule()
    assert (planned["state"], planned["revision"], planned["started_utc"]) == ("scheduled", 1, None)
    own = planned["maintenance_id"]

    active = await terminal.window("start", own)
    assert (active["state"], active["started_by"]) == ("active", "operator")
    assert "current one is 1" in terminal.err, "it says which revision it went on with"

    told = await terminal.window("update", own, "--progress", "half", "--percent", "50", "--minutes", "45")
    assert (told["duration_minutes"], told["progress"][0]["percent"]) == (45, 50)
    assert await terminal.window("get", own) == told
    ended = await terminal.window("end", own, "--revision", "3")
    assert (ended["state"], terminal.err) == ("ended", "")

    other = await terminal.schedule(7200)
    cancelled = await terminal.window("cancel", other["maintenance_id"], "--reason", "not needed")
    assert (cancelled["state"], cancelled["cancel_reason"]) == ("cancelled", "not needed")
    assert await terminal.run("list", "--json") == 0
    assert [each["maintenance_id"] for each in json.loads(terminal.out)["items"]] == [other["maintenance_id"], own]
    assert await terminal.run("list", "--state", "ended", "--json") == 0
    assert [each["maintenance_id"] for each in json.loads(terminal.out)["items"]] == [own]


async def test_people_see_tables(terminal: Terminal) -> None:
    assert await terminal.run("list") == 0
    first, second = await terminal.schedule(), await terminal.schedule(7200)
    await terminal.window("update", first["maintenance_id"], "--progress", "half", "--percent", "50")
    assert await terminal.run("list") == 0
    assert terminal.out.split()[0] == "maintenance_id"
    assert terminal.out.index(second["maintenance_id"]) < terminal.out.index(first["maintenance_id"])
    assert await terminal.run("get", first["maintenance_id"]) == 0
    assert "50 % half" in terminal.out


async def test_a_list_is_read_to_its_last_page(terminal: Terminal) -> None:
    for number in range(27):
        await terminal.ops.schedule(3600 * (number + 1))
    assert await terminal.run("list", "--json") == 0
    assert len(json.loads(terminal.out)["items"]) == 27


async def refused(terminal: Terminal, *words: str) -> dict[str, Any]:
    """The error object of a command that is refused."""
    assert await terminal.run(*words, "--json") == 1
    assert terminal.out == ""
    error: dict[str, Any] = json.loads(terminal.err)
    return error


async def test_refusals_end_with_one_and_say_why(terminal: Terminal) -> None:
    window = await terminal.schedule()
    own = window["maintenance_id"]
    overlapping = ("--start", window["scheduled_start_utc"], "--minutes", "5", "--description", "d")
    error = await refused(terminal, "schedule", *overlapping)
    assert (error["error_code"], error["details"]["maintenance_id"]) == ("ops.conflict", own)
    error = await refused(terminal, "start", own, "--revision", "7")
    assert (error["http_status"], error["details"]) == (409, {"current_revision": 1})
    assert (await refused(terminal, "end", own))["major"]["tag"] == "invalid-state"
    assert (await refused(terminal, "start", NOBODYS_ID))["http_status"] == 404
    assert (await refused(terminal, "update", own))["http_status"] == 400


async def test_a_wrong_code_is_refused_but_looking_needs_none(
    terminal: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = (await terminal.schedule())["maintenance_id"]
    (tmp_path / "code").write_text("swordfish")
    assert (await refused(terminal, "start", own))["http_status"] == 401
    monkeypatch.delenv("STACK_SECRET_FILE")
    assert (await terminal.window("get", own))["state"] == "scheduled"
    assert await terminal.run("list") == 0


@pytest.mark.parametrize(
    "words",
    [
        ("schedule", "--start", "2999-01-01T00:00:00Z", "--minutes", "many", "--description", "d"),
        ("schedule", "--minutes", "5", "--description", "d"),
        ("schedule", "--start", "2999-01-01T00:00:00Z", "--minutes", str(1 << 40), "--description", "d"),
        ("cancel", NOBODYS_ID),
        ("update", NOBODYS_ID, "--percent", "5"),
        ("list", "--state", "over"),
        ("begin", NOBODYS_ID),
    ],
)
async def test_a_command_line_that_makes_no_sense_ends_with_two(terminal: Terminal, words: tuple[str, ...]) -> None:
    assert await terminal.run(*words) == 2
    assert terminal.err.startswith("stackctl: ")


async def test_where_ops_is_away_the_exit_status_says_so(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STACK_OPS_GRPC", "127.0.0.1:1")
    assert await terminal.run("list") == 3
    assert await terminal.run("start", NOBODYS_ID) == 3

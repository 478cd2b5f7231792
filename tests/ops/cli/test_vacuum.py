"""`stackctl vacuum` against a servicer with set answers."""

import asyncio
import json
from collections.abc import AsyncIterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from chassis.errors import Conflict, InvalidState, Unauthorized
from retailstack.ops.v1 import vacuum_pb2 as pb
from retailstack.ops.v1 import vacuum_pb2_grpc
from services.ops.cli.app import call
from tests.chassis.rpc.given import a_server
from tests.ops.cli.stub_services import NOW, SECRET

PHRASE = "VACUUM ORG ACME0001 PERMANENTLY"


class Vacuums(vacuum_pb2_grpc.VacuumServicer):
    """Records its requests; `states` are the answers of `status`, one after the other."""

    access = "open"

    def __init__(self) -> None:
        self.asked: list[Any] = []
        self.states = ["pending"]

    async def VacuumAll(self, request: pb.VacuumAllRequest, context: Any) -> pb.VacuumAnswer:
        self._take(request)
        return an_answer("pending", scope="all")

    async def VacuumOrg(self, request: pb.VacuumOrgRequest, context: Any) -> pb.VacuumAnswer:
        self._take(request)
        if request.reason == "again":
            raise Conflict("a vacuum that covers it is pending", vacuum_id="v-0")
        return an_answer("completed" if request.dry_run else "pending", orgcode=request.orgcode)

    async def CancelVacuum(self, request: pb.CancelVacuumRequest, context: Any) -> pb.VacuumAnswer:
        self._take(request)
        if request.vacuum_id == "late":
            raise InvalidState("the vacuum is running", state="running")
        return an_answer("cancelled")

    async def GetVacuumStatus(self, request: pb.GetVacuumStatusRequest, context: Any) -> pb.VacuumAnswer:
        self.asked.append(request)
        return an_answer(self.states.pop(0) if len(self.states) > 1 else self.states[0])

    def _take(self, request: Any) -> None:
        self.asked.append(request)
        if request.secret_code != SECRET:
            raise Unauthorized("the secret code is wrong or missing")


def an_answer(state: str, **different: Any) -> pb.VacuumAnswer:
    tally = pb.ServiceTally(service="ics", state="completed", matched=7, deleted=7)
    tally.collections.add(collection="zones", matched=7, deleted=7)
    record = {"vacuum_id": "v-1", "scope": "org", "requested_utc": NOW, "execute_after_utc": NOW, "revision": 2}
    return pb.VacuumAnswer(vacuum=pb.VacuumRecord(**{**record, "state": state, "services": [tally], **different}))


class Terminal:
    """Runs command lines; `out` and `err` hold what the last one printed."""

    def __init__(self, vacuums: Vacuums, monkeypatch: pytest.MonkeyPatch, capture: pytest.CaptureFixture[str]) -> None:
        self.vacuums = vacuums
        self._monkeypatch = monkeypatch
        self._capture = capture
        self.out = self.err = ""

    async def run(self, *words: str, typed: str = "") -> int:
        self._capture.readouterr()
        self._monkeypatch.setattr("sys.stdin", StringIO(typed))
        status = await asyncio.to_thread(call, words)
        self.out, self.err = self._capture.readouterr()
        return status


@pytest.fixture
async def terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> AsyncIterator[Terminal]:
    vacuums = Vacuums()
    server = a_server((vacuum_pb2_grpc.add_VacuumServicer_to_server, vacuums))
    await server.start()
    code = tmp_path / "code"
    code.write_text(SECRET)
    monkeypatch.setenv("STACK_SECRET_FILE", str(code))
    monkeypatch.setenv("STACK_OPS_GRPC", f"127.0.0.1:{server.port}")
    monkeypatch.chdir(tmp_path)
    yield Terminal(vacuums, monkeypatch, capsys)
    await server.stop(0)


async def test_the_phrase_is_asked_for_and_nothing_is_sent_without_it(terminal: Terminal) -> None:
    assert await terminal.run("vacuum", "org", "acme0001", "--reason", "r", typed="yes\n") == 2
    assert "differs" in terminal.err
    assert terminal.vacuums.asked == []

    assert await terminal.run("vacuum", "org", "acme0001", "--reason", "r", typed=f"{PHRASE}\n") == 0
    assert PHRASE in terminal.err
    sent = terminal.vacuums.asked[0]
    assert (sent.orgcode, sent.confirmation_phrase, sent.reason, sent.dry_run) == ("ACME0001", PHRASE, "r", False)


async def test_a_phrase_that_was_given_is_sent_as_it_is(terminal: Terminal) -> None:
    assert await terminal.run("vacuum", "all", "--reason", "r", "--phrase", "no", "--json") == 0
    assert terminal.vacuums.asked[0].confirmation_phrase == "no", "whether it is right OPS decides"
    assert json.loads(terminal.out)["vacuum"]["scope"] == "all"


async def test_a_dry_run_is_not_asked_about(terminal: Terminal) -> None:
    assert await terminal.run("vacuum", "org", "ACME0001", "--reason", "r", "--dry-run", "--json") == 0
    assert terminal.vacuums.asked[0].dry_run
    said = json.loads(terminal.out)["vacuum"]
    assert (said["state"], said["services"][0]["collections"][0]["matched"]) == ("completed", 7)
    assert said["error" if "error" in said else "started_utc"] is None


async def test_refusals_end_with_one_and_say_why(terminal: Terminal) -> None:
    words = ("vacuum", "org", "ACME0001", "--phrase", PHRASE, "--json")
    assert await terminal.run(*words, "--reason", "again") == 1
    assert json.loads(terminal.err)["details"] == {"vacuum_id": "v-0"}
    assert await terminal.run("vacuum", "cancel", "late", "--json") == 1
    assert json.loads(terminal.err)["major"]["tag"] == "invalid-state"
    assert await terminal.run("vacuum", "cancel", "v-1", "--json") == 0
    assert json.loads(terminal.out)["vacuum"]["state"] == "cancelled"


async def test_status_is_watched_to_the_end(terminal: Terminal) -> None:
    terminal.vacuums.states = ["pending", "running", "completed"]
    assert await terminal.run("vacuum", "status", "v-1", "--watch") == 0
    assert len(terminal.vacuums.asked) == 3
    assert "7 deleted" in terminal.err
    assert "completed" in terminal.out

    terminal.vacuums.states = ["running", "failed"]
    assert await terminal.run("vacuum", "status", "--watch", "--json") == 1
    assert json.loads(terminal.out)["vacuum"]["state"] == "failed"


async def test_where_ops_is_away_the_exit_status_says_so(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STACK_OPS_GRPC", "127.0.0.1:1")
    assert await terminal.run("vacuum", "status") == 3

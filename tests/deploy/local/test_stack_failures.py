"""Processes of the stack that die, do not stop, or do not start."""

import os
import signal

import pytest

from deploy.local import members, process
from deploy.local.process import Failed
from deploy.local.state import Home
from tests.deploy.local.given import NAMES, opened, running
from tests.waiting import wait_until


def test_a_process_that_dies_is_reported_and_not_started_again(home: Home) -> None:
    opened(home).up(None)
    pid = running(home)["slc"]

    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: bool(opened(home).ended()), 5)

    assert [name for name, _ in opened(home).ended()] == ["slc"]
    assert running(home)["slc"] == pid


def test_a_process_that_does_not_stop_is_killed(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_STUBBORN", "pmc")
    monkeypatch.setattr(members, "STOP_SECONDS", 0.2)
    opened(home).up(None)
    member = opened(home).state.members["pmc"].running

    opened(home).stop("pmc")

    assert not process.alive(member)


def test_a_failure_names_its_log_and_leaves_nothing_running(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_FAILS", "visualgrid")

    with pytest.raises(
        Failed, match=r"visualgrid ended while it started; its log .*visualgrid\.log ends with:\n.*CALLER"
    ):
        opened(home).up(None)

    assert running(home) == {}
    assert opened(home).state.members == {}


def test_a_failure_of_an_addition_leaves_the_rest_alone(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    opened(home).up(None)
    os.kill(running(home)["ops"], signal.SIGKILL)
    wait_until(lambda: [name for name, _ in opened(home).ended()] == ["ops"], 5)
    monkeypatch.setenv("FAKE_FAILS", "ops")

    with pytest.raises(Failed, match="ops ended"):
        opened(home).up(None)

    assert set(running(home)) == set(NAMES) - {"ops"}


def test_a_pid_that_belongs_to_another_by_now_is_left_alone(home: Home) -> None:
    opened(home).up(None)
    member = opened(home).state.members["ics"].running

    stranger = type(member)(name="ics", pid=os.getpid(), started=member.started - 3600, log=member.log)

    assert not process.alive(stranger)
    assert process.stop(stranger) == "gone"

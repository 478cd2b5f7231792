"""The launcher's command line: what it prints, how it ends, and that nothing of it is left."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local import process
from deploy.local.state import ROOT, Home
from tests.waiting import stretched, wait_until

LAUNCHER = [sys.executable, "-m", "tests.deploy.local.fake_launcher"]
START_SECONDS = 60


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, amqp_url: str, mongodb_uri: str) -> Iterator[Home]:
    """A `.run` folder of the test's own; the engines are the run's."""
    monkeypatch.setenv("RETAILSTACK_RUN", str(tmp_path / "run"))
    monkeypatch.setenv("AMQP_URL", amqp_url)
    monkeypatch.setenv("MONGODB_URI", mongodb_uri)
    yield Home()
    call("down")


def call(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*LAUNCHER, *words], capture_output=True, text=True, timeout=stretched(120), check=False, cwd=ROOT
    )


def is_up(home: Home) -> bool:
    members = home.load().members
    return len(members) == 6 and all(process.alive(member.running) for member in members.values())


def all_ended(home: Home) -> bool:
    return not home.load().members


@pytest.fixture
def foreground(home: Home) -> Iterator[subprocess.Popen[bytes]]:
    """`run`, come up."""
    with subprocess.Popen([*LAUNCHER, "run"], cwd=ROOT, stdout=subprocess.DEVNULL) as launcher:
        try:
            wait_until(home.stack_env.exists, START_SECONDS)
            assert is_up(home)
            yield launcher
        finally:
            launcher.kill()


def test_up_says_what_runs_where_and_what_to_try(home: Home) -> None:
    done = call("up")

    assert done.returncode == 0, done.stderr
    assert "gateway" in done.stdout
    assert "curl" in done.stdout
    assert is_up(home)


def test_status_shows_processes_that_died(home: Home) -> None:
    call("up")
    assert call("status").returncode == 0
    os.kill(home.load().members["pmc"].running.pid, signal.SIGKILL)

    done = call("status")

    assert done.returncode == 1
    assert [line.split()[1] for line in done.stdout.splitlines() if line.startswith("pmc")] == ["died"]


def test_a_failure_is_one_line_and_status_one(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_FAILS", "ics")

    done = call("up")

    assert done.returncode == 1
    assert done.stderr.startswith("failed: ics ended while it started; its log ")
    assert all_ended(home)


def test_a_broken_request_is_told_before_anything_starts(home: Home) -> None:
    done = call("up", "--replicas", "nobody=2")

    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "nobody" in done.stderr
    assert all_ended(home)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_what_runs_in_the_foreground_ends_with_it(
    home: Home, foreground: subprocess.Popen[bytes], number: signal.Signals
) -> None:
    members = [member.running for member in home.load().members.values()]

    foreground.send_signal(number)

    foreground.wait(stretched(START_SECONDS))
    wait_until(lambda: all_ended(home), START_SECONDS)
    assert not any(process.alive(member) for member in members)


def test_down_from_elsewhere_ends_the_foreground(home: Home, foreground: subprocess.Popen[bytes]) -> None:
    assert call("down").returncode == 0

    assert foreground.wait(stretched(START_SECONDS)) == 0


def test_a_second_foreground_is_refused(foreground: subprocess.Popen[bytes]) -> None:
    done = call("run")

    assert (done.returncode, "up already" in done.stderr) == (1, True)
    assert foreground.poll() is None

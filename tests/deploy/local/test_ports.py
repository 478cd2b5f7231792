"""Ports: free ones, kept ones, and never one that somebody else is about to take."""

import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.local import locks, ports, process
from deploy.local.ports import Ports
from deploy.local.process import Failed
from deploy.local.state import ROOT, Home
from tests.waiting import wait_until


def test_a_port_is_given_again_to_the_same_purpose(tmp_path: Path) -> None:
    kept: dict[str, int] = {}
    first = Ports(str(tmp_path), kept).give("ics.http", 19000)

    assert Ports(str(tmp_path), kept).give("ics.http", 19000) == first
    assert Ports(str(tmp_path), kept).give("pmc.http", 19000) != first


def test_two_stacks_that_start_at_once_choose_different_ports(tmp_path: Path) -> None:
    one = Ports(str(tmp_path / "one")).give("ics.http", 19000)
    other = Ports(str(tmp_path / "other")).give("ics.http", 19000)

    assert one != other


@pytest.mark.parametrize("address", ["127.0.0.1", ""])
def test_a_port_somebody_listens_on_is_not_free(address: str) -> None:
    with socket.create_server((address, 0)) as server:
        assert not ports.is_free(server.getsockname()[1])


def test_a_process_that_chooses_for_itself_gets_no_port_twice() -> None:
    chosen = [ports.any_free() for _ in range(20)]

    assert len(set(chosen)) == len(chosen)


def test_a_claim_ends_with_the_process_that_made_it() -> None:
    port = ports.any_free()
    script = (
        f"from deploy.local.locks import lock_port as get; assert not get({port}, 'x'); assert get({port} + 1, 'x')"
    )
    subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=True)

    assert locks.lock_port(port + 1, "somebody else")


def test_a_stack_keeps_its_ports_while_anything_of_it_runs(tmp_path: Path) -> None:
    port = ports.any_free()
    sleeper = process.start("sleeper", ["sleep", "60"], log=tmp_path / "log")
    script = (
        "from deploy.local import locks\n"
        f"assert locks.lock_port({port} + 1, 'stack {port}')\n"
        f"locks.extend('stack {port}', [{sleeper.pid}])"
    )
    subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=True)

    assert not locks.lock_port(port + 1, "somebody else")
    process.kill(sleeper)
    assert locks.lock_port(port + 1, "somebody else")


def test_another_ones_answer_is_not_taken_for_the_process_s_own(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        sleeper = process.start("sleeper", ["sleep", "60"], log=tmp_path / "log")
        try:
            with pytest.raises(Failed, match="sleeper did not answer on port"):
                process.wait_listening(sleeper, port, 0.3)
        finally:
            process.kill(sleeper)


def test_what_a_process_writes_is_its_owners_alone(tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    shell = "mkdir made && echo x > made/file"
    writer = process.start("writer", ["sh", "-c", shell], log=folder / "log", cwd=tmp_path)
    wait_until(lambda: process.find(writer) is None and (tmp_path / "made" / "file").exists(), 10.0)

    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in [*folder.rglob("*"), *tmp_path.glob("made/*")]}
    assert modes == {"log": 0o600, "file": 0o600}
    assert stat.S_IMODE((tmp_path / "made").stat().st_mode) == stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_the_folder_of_a_stack_is_its_owners_alone(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir(mode=0o755)
    with Home(folder).locked():
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700

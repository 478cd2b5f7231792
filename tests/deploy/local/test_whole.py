"""The whole stack as `make up` leaves it: real services, real engines, and the demo."""

import json
import os
import stat
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from deploy.local.state import ROOT, Home, read_env
from tests.waiting import stretched

IDLE_BYTES_MAX = 660 * 1024 * 1024
SERVICES = {"gateway", "ops", "ics", "pmc", "slc", "visualgrid"}
DEMO_KEYS = {
    "DEMO_ORGCODE",
    "DEMO_OWNER_SESSION",
    "DEMO_VIEWER_SESSION",
    "DEMO_API_KEY",
    "DEMO_OUTSIDER_SESSION",
    "DEMO2_ORGCODE",
    "DEMO2_OWNER_SESSION",
    "DEMO_SECRET_FILE",
}


def launcher(home: Home, *words: str) -> str:
    """Run the launcher on this home with engines of its own; what it printed."""
    environment = {key: value for key, value in os.environ.items() if key not in {"MONGODB_URI", "AMQP_URL"}}
    done = subprocess.run(
        [sys.executable, "-m", "deploy.local", *words],
        cwd=ROOT,
        env=environment | {"RETAILSTACK_RUN": str(home.directory)},
        capture_output=True,
        text=True,
        timeout=stretched(240),
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """A stack that is up, with two replicas of ICS."""
    home = Home(tmp_path_factory.mktemp("whole") / "run")
    launcher(home, "up", "--replicas", "ics=2")
    yield home
    launcher(home, "down", "--clean")
    assert not (home.directory / "demo.env").exists()


def processes(home: Home) -> dict[str, dict[str, Any]]:
    rows = json.loads((home.directory / "processes.json").read_text())
    return {row["name"]: row for row in rows}


def ask(home: Home, path: str, body: dict[str, Any], **headers: str) -> tuple[int, Any]:
    """A call through the gateway; status and answer."""
    address = read_env(home.stack_env)["GATEWAY_URL"]
    given = {"content-type": "application/json"} | {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(address + path, data=json.dumps(body).encode(), headers=given, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=stretched(20)) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as refusal:
        with refusal:
            return refusal.code, json.load(refusal)


def zones(home: Home, credential: str, facility: str = "FAC-A") -> tuple[int, Any]:
    demo = read_env(home.demo_env)
    header = "x_api_key" if credential == "DEMO_API_KEY" else "x_session_guid"
    given = {header: demo[credential], "x_orgcode": demo["DEMO_ORGCODE"]}
    return ask(home, "/ics/zone/list", {"logical_guid": facility}, **given)


def test_everything_runs_and_is_listed(home: Home) -> None:
    listed = processes(home)

    assert set(listed) == SERVICES | {"ics-2", "mongodb", "rabbitmq"}
    assert all(set(row) == {"name", "pid", "log", "ports"} for row in listed.values())
    assert all(set(listed[name]["ports"]) == {"http", "grpc", "private"} for name in SERVICES)
    assert all(psutil.pid_exists(row["pid"]) for row in listed.values())


def test_the_files_hold_what_scripts_need_and_are_private(home: Home) -> None:
    demo = read_env(home.demo_env)

    assert set(demo) == DEMO_KEYS
    assert all(demo.values())
    files = [home.demo_env, home.stack_env, Path(demo["DEMO_SECRET_FILE"]), home.secret("caller.key")]
    assert [stat.S_IMODE(file.stat().st_mode) for file in files] == [0o600] * 4


def test_a_shell_reads_the_files_as_python_does(home: Home) -> None:
    show = "import json, os; print(json.dumps(dict(os.environ)))"
    script = f"set -a; . {home.stack_env}; . {home.demo_env}; exec {sys.executable} -c '{show}'"
    said = subprocess.run(["/bin/sh", "-c", script], capture_output=True, text=True, check=True, env={}).stdout

    shell = json.loads(said)
    expected = read_env(home.stack_env) | read_env(home.demo_env)
    assert {key: shell[key] for key in expected} == expected


@pytest.mark.parametrize("facility", ["FAC-A", "FAC-B"])
def test_each_facility_has_its_zones(home: Home, facility: str) -> None:
    status, answer = zones(home, "DEMO_OWNER_SESSION", facility)

    assert status == 200
    found = {zone["code"]: zone["purpose"] for zone in answer["data"]["items"]}
    assert found == {"RCV": "receiving", "PCK": "pick", "OVR": "overstock", "STG": "staging"}


@pytest.mark.parametrize(
    ("credential", "status"),
    [("DEMO_VIEWER_SESSION", 200), ("DEMO_API_KEY", 200), ("DEMO_OUTSIDER_SESSION", 404), ("DEMO2_OWNER_SESSION", 404)],
)
def test_each_identity_sees_what_it_should(home: Home, credential: str, status: int) -> None:
    assert zones(home, credential)[0] == status


def test_a_viewer_changes_nothing(home: Home) -> None:
    demo = read_env(home.demo_env)
    given = {
        "x_session_guid": demo["DEMO_VIEWER_SESSION"],
        "x_orgcode": demo["DEMO_ORGCODE"],
        "x_logical_guid": "FAC-A",
    }

    assert ask(home, "/ics/zone/create", {"code": "NEW"}, **given)[0] == 403


def test_up_again_keeps_what_runs_and_makes_the_demo_anew(home: Home) -> None:
    before, session = processes(home), read_env(home.demo_env)["DEMO_OWNER_SESSION"]

    launcher(home, "up")

    assert processes(home) == before
    assert read_env(home.demo_env)["DEMO_OWNER_SESSION"] != session
    assert len(zones(home, "DEMO_OWNER_SESSION")[1]["data"]["items"]) == 4


def test_with_one_replica_stopped_the_other_answers(home: Home) -> None:
    launcher(home, "stop", "ics")
    try:
        assert {zones(home, "DEMO_OWNER_SESSION")[0] for _ in range(8)} == {200}
    finally:
        launcher(home, "start", "ics")
    assert zones(home, "DEMO_OWNER_SESSION")[0] == 200


def test_the_six_processes_are_small_when_idle(home: Home) -> None:
    sizes = {name: psutil.Process(row["pid"]).memory_info().rss for name, row in processes(home).items()}

    assert sum(sizes[name] for name in SERVICES) < IDLE_BYTES_MAX, sizes


def test_no_secret_stands_in_a_log(home: Home) -> None:
    demo = read_env(home.demo_env)
    secrets = [demo[key] for key in DEMO_KEYS if key.endswith(("SESSION", "API_KEY"))]
    secrets += [file.read_text() for file in (home.directory / "secrets").iterdir()]

    for log in (home.directory / "logs").iterdir():
        text = log.read_text(errors="replace")
        assert not [secret for secret in secrets if secret in text], log.name

"""The stack, with real engines and stand-ins for the services: up, down, one by one, and when things go wrong."""

import io
import json
import os
import signal
import socket
import stat
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from pymongo import MongoClient
from rich.console import Console

from deploy.local import members, plan, ports, process
from deploy.local.engines import engine
from deploy.local.process import Failed
from deploy.local.report import Report
from deploy.local.stack import Stack
from deploy.local.state import Home, read_env
from tests.waiting import wait_until

NAMES = ["ops", "ics", "pmc", "slc", "visualgrid", "gateway"]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, amqp_url: str, mongodb_uri: str) -> Iterator[Home]:
    """A `.run` folder of the test's own; the engines are the run's."""
    fakes = dict.fromkeys(plan.MODULES, "tests.deploy.local.fake_service")
    monkeypatch.setattr(plan, "MODULES", fakes)
    monkeypatch.setenv("AMQP_URL", amqp_url)
    monkeypatch.setenv("MONGODB_URI", mongodb_uri)
    home = Home(tmp_path / "run")
    yield home
    Stack(home, silent()).down()


def silent() -> Report:
    return Report(Console(file=io.StringIO()))


def opened(home: Home) -> Stack:
    """The stack as the next launcher would find it."""
    return Stack(home, silent())


def running(home: Home) -> dict[str, int]:
    """Pids by name, as processes.json says; where nothing runs, there is none."""
    file = home.directory / "processes.json"
    rows = json.loads(file.read_text()) if file.exists() else []
    return {row["name"]: row["pid"] for row in rows}


def told(home: Home, name: str) -> dict[str, str]:
    """The addresses a stand-in was told."""
    port = opened(home).state.members[name].running.ports["private"]
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/") as answer:
        found: dict[str, str] = json.load(answer)
        return found


def test_up_starts_six_processes_and_says_where_they_are(home: Home) -> None:
    opened(home).up(None)

    assert list(running(home)) == NAMES
    assert opened(home).ended() == []
    addresses = read_env(home.stack_env)
    assert addresses["GATEWAY_URL"].startswith("http://127.0.0.1:")
    assert {f"{name.upper()}_GRPC" for name in NAMES} < set(addresses)
    for file in (home.stack_env, home.directory / "processes.json", home.secret("caller.key")):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_up_twice_changes_nothing(home: Home) -> None:
    opened(home).up(None)
    before = running(home)

    opened(home).up(None)

    assert running(home) == before


def test_ports_and_secrets_stay_over_down_and_up(home: Home) -> None:
    opened(home).up(None)
    addresses, key = read_env(home.stack_env), home.secret("caller.key").read_text()

    opened(home).down()
    assert running(home) == {}
    opened(home).up(None)

    assert read_env(home.stack_env) == addresses
    assert home.secret("caller.key").read_text() == key


def test_a_port_taken_by_another_is_stepped_around(home: Home) -> None:
    opened(home).up(None)
    wanted = opened(home).state.ports["ics.http"]
    opened(home).down()

    with socket.create_server(("127.0.0.1", wanted)):
        opened(home).up(None)

        assert opened(home).state.ports["ics.http"] != wanted


def test_more_replicas_are_made_known_to_all(home: Home) -> None:
    opened(home).up(None)
    before = running(home)

    opened(home).up({"ics": 2})

    assert set(running(home)) == {*NAMES, "ics-2"}
    assert running(home)["gateway"] != before["gateway"]
    assert len(told(home, "gateway")["ICS_HTTP"].split(",")) == 2
    assert len(told(home, "ops")["ICS_GRPC"].split(",")) == 2


def test_the_stand_in_shop_is_added_to_a_stack_and_slc_is_told(home: Home) -> None:
    opened(home).up(None)
    before = running(home)
    assert "SHOP_URL" not in read_env(home.stack_env)

    opened(home).up(None, shop=True)

    address = read_env(home.stack_env)["SHOP_URL"]
    assert told(home, "slc")["SLC_SHOPIFY_BASE_URL"] == f"{address}/{{shop}}"
    with urllib.request.urlopen(f"{address}/acme-test.myshopify.com/told/state") as answer:
        assert json.load(answer)["domain"] == "acme-test.myshopify.com"
    after = running(home)
    assert {name for name in NAMES if before[name] != after[name]} == {"slc"}
    opened(home).up(None)
    assert running(home) == after


def test_a_stack_that_is_down_forgets_the_shop(home: Home) -> None:
    opened(home).up(None, shop=True)

    opened(home).down()
    opened(home).up(None)

    assert list(running(home)) == NAMES


def test_a_process_can_be_stopped_and_started(home: Home) -> None:
    opened(home).up(None)
    before = running(home)

    opened(home).stop("ics")
    assert "ics" not in running(home)
    assert opened(home).ended() == []

    opened(home).start("ics")
    after = running(home)
    assert after["ics"] != before["ics"]
    assert {name: pid for name, pid in after.items() if name != "ics"} == {
        name: pid for name, pid in before.items() if name != "ics"
    }


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


def test_only_says_which_processes_there_are(home: Home) -> None:
    with pytest.raises(Failed, match="the stack is not up"):
        opened(home).stop("ics")
    opened(home).up(None)

    with pytest.raises(Failed, match="ONLY=icss: there is no such process; there are ops, ics"):
        opened(home).start("icss")


@pytest.mark.parametrize("text", ["ics", "ics=0", "ics=x", "nobody=2", "gateway=2"])
def test_replicas_that_make_no_sense_are_refused(text: str) -> None:
    with pytest.raises(Failed, match="REPLICAS"):
        plan.parse_replicas(text)


def test_settings_of_the_user_reach_the_services_but_never_replace_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ICS_SWEEP_LIMIT", "50")
    monkeypatch.setenv("CALLER_KEY", "from the user's shell")

    environment = plan.environment({"CALLER_KEY_FILE": "/somewhere/caller.key", "HTTP_PORT": "1"})

    assert environment["ICS_SWEEP_LIMIT"] == "50"
    assert "CALLER_KEY" not in environment


def test_data_survive_down_and_up_until_they_are_forgotten(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole of it once, with engines of the stack's own."""
    monkeypatch.delenv("MONGODB_URI")
    monkeypatch.delenv("AMQP_URL")

    opened(home).up(None)
    assert set(running(home)) == {*NAMES, "mongodb", "rabbitmq"}
    write_one(home)
    opened(home).down()
    assert not ports.answers(opened(home).state.engines["mongodb"].port or 0)

    # From a shell that has read stack.env, both times.
    for variable, address in read_env(home.stack_env).items():
        monkeypatch.setenv(variable, address)
    opened(home).up(None)
    opened(home).up(None)
    assert set(running(home)) == {*NAMES, "mongodb", "rabbitmq"}
    assert read_one(home)
    mapper = opened(home).state.engines["rabbitmq"].processes[1]
    os.kill(running(home)["rabbitmq"], signal.SIGKILL)
    wait_until(lambda: [name for name, _ in opened(home).ended()] == ["rabbitmq"], 5)
    opened(home).up(None)
    assert not process.alive(mapper)
    opened(home).stop("rabbitmq")
    opened(home).start("rabbitmq")
    assert ports.speaks_amqp(opened(home).state.engines["rabbitmq"].port or 0)
    addresses = read_env(home.stack_env)
    opened(home).down(clean=True)
    with pytest.raises(Failed, match="is set, and nothing answers at"):
        opened(home).up(None)
    opened(home).down(clean=True)
    for variable in addresses:
        monkeypatch.delenv(variable)
    assert {entry.name for entry in home.directory.iterdir()} <= {"lock", "engines"}

    opened(home).up(None)
    assert not read_one(home)


def test_a_named_engine_that_went_away_is_refused_by_name(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "GIVEN_SECONDS", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setenv("MONGODB_URI", f"mongodb://127.0.0.1:{server.getsockname()[1]}/")
        opened(home).up(None)
        assert opened(home).runs("mongodb")

    assert not opened(home).runs("mongodb")
    with pytest.raises(Failed, match=r"^MONGODB_URI is set, and nothing answers at 127"):
        opened(home).up(None)
    assert set(running(home)) == set(NAMES)


def write_one(home: Home) -> None:
    with MongoClient[dict[str, object]](read_env(home.stack_env)["MONGODB_URI"]) as client:
        client.shop.things.insert_one({"_id": 1})


def read_one(home: Home) -> bool:
    with MongoClient[dict[str, object]](read_env(home.stack_env)["MONGODB_URI"]) as client:
        return client.shop.things.find_one({"_id": 1}) is not None

"""The stack, with real engines and stand-ins for the services: up, down, and one by one."""

import json
import socket
import stat
import urllib.request

import pytest

from deploy.local import plan
from deploy.local.process import Failed
from deploy.local.state import Home, read_env
from tests.deploy.local.given import NAMES, opened, running, told


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

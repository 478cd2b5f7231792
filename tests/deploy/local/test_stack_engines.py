"""The database and broker of a stack: kept over down and up, removed with `clean`, or named by the user."""

import os
import signal
import socket

import pytest
from pymongo import MongoClient

from deploy.local import ports, process
from deploy.local.engines import engine
from deploy.local.process import Failed
from deploy.local.state import Home, read_env
from tests.deploy.local.given import NAMES, opened, running
from tests.waiting import wait_until


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

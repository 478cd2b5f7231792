"""The engines: what they acknowledged survives a kill, and they come back where they were."""

import socket
import stat
from pathlib import Path
from typing import Any

import aio_pika
import pytest
from aiormq.exceptions import ProbableAuthenticationError
from pymongo import MongoClient
from pymongo.errors import OperationFailure

from deploy.local.engines import mongodb
from deploy.local.engines.engine import Engine
from tests.waiting import stretched

QUORUM: dict[str, Any] = {"x-queue-type": "quorum"}


def test_what_the_database_acknowledged_survives_a_kill(private_mongodb: Engine) -> None:
    with MongoClient[dict[str, object]](private_mongodb.uri) as client:
        with client.start_session() as session, session.start_transaction():
            client.shop.things.insert_one({"_id": 1}, session=session)
        private_mongodb.kill()
        assert not private_mongodb.running()

        private_mongodb.restart()

        assert client.shop.things.find_one({"_id": 1}) == {"_id": 1}


def test_sessions_of_a_killed_client_are_forgotten_at_once(private_mongodb: Engine) -> None:
    with MongoClient[dict[str, object]](private_mongodb.uri) as client, client.start_session() as session:
        client.shop.things.insert_one({"_id": 1, "n": 0})
        session.start_transaction()
        client.shop.things.update_one({"_id": 1}, {"$set": {"n": 1}}, session=session)

        private_mongodb.forget_sessions()

        with MongoClient[dict[str, object]](private_mongodb.uri, socketTimeoutMS=5000) as another:
            assert another.shop.things.update_one({"_id": 1}, {"$set": {"n": 2}}).modified_count == 1


def test_the_database_has_one_user_with_a_password_of_its_own(private_mongodb: Engine, tmp_path: Path) -> None:
    user, _, at = private_mongodb.uri.partition("@")
    for wrong in ("mongodb://", f"{user[:-1]}@"):
        with MongoClient[dict[str, object]](wrong + at) as client, pytest.raises(OperationFailure):
            client.shop.things.find_one()
    with MongoClient[dict[str, object]](private_mongodb.uri) as client:
        assert client.shop.things.find_one() is None
    for name in ("user.password", "user.made"):
        assert stat.S_IMODE((tmp_path / "mongodb" / name).stat().st_mode) == 0o600


def test_a_database_of_an_earlier_release_gets_its_user_and_keeps_its_data(
    private_mongodb: Engine, tmp_path: Path
) -> None:
    with MongoClient[dict[str, object]](private_mongodb.uri) as client:
        client.shop.things.insert_one({"_id": 1})
    private_mongodb.stop()
    for name in ("user.password", "user.made"):
        (tmp_path / "mongodb" / name).unlink()

    again = mongodb.start(tmp_path / "mongodb", kind="embedded")
    try:
        assert again.uri.partition("@")[0] != private_mongodb.uri.partition("@")[0]
        with MongoClient[dict[str, object]](again.uri) as client:
            assert client.shop.things.find_one() == {"_id": 1}
    finally:
        again.stop()


async def test_the_broker_has_one_user_with_a_password_of_its_own(private_rabbitmq: Engine, tmp_path: Path) -> None:
    user, _, at = private_rabbitmq.uri.partition("@")
    for wrong in ("amqp://guest:guest", "amqp://retailstack:guest", user[:-1]):
        with pytest.raises(ProbableAuthenticationError):
            await aio_pika.connect(f"{wrong}@{at}")
    async with await aio_pika.connect(private_rabbitmq.uri) as connection:
        await connection.channel()
    for name in ("user.password", "definitions.json", "rabbitmq.conf"):
        assert stat.S_IMODE((tmp_path / "rabbitmq" / name).stat().st_mode) == 0o600


async def test_what_the_broker_confirmed_survives_a_kill(private_rabbitmq: Engine) -> None:
    async with await aio_pika.connect(private_rabbitmq.uri) as connection:
        channel = await connection.channel()
        await channel.declare_queue("kept", durable=True, arguments=QUORUM)
    # A queue of its first half second is not in the broker's own register yet, and a kill would orphan it.
    private_rabbitmq.stop()
    private_rabbitmq.restart()
    async with await aio_pika.connect(private_rabbitmq.uri) as connection:
        channel = await connection.channel()
        message = aio_pika.Message(b"hello", delivery_mode=aio_pika.DeliveryMode.PERSISTENT)
        await channel.default_exchange.publish(message, routing_key="kept")
    private_rabbitmq.kill()

    private_rabbitmq.restart()

    async with await aio_pika.connect(private_rabbitmq.uri) as connection:
        channel = await connection.channel()
        queue = await channel.declare_queue("kept", durable=True, arguments=QUORUM)
        kept = await queue.get(timeout=stretched(10))
        assert kept.body == b"hello"
        await kept.ack()


def test_a_stopped_engine_leaves_its_port(private_mongodb: Engine) -> None:
    port = private_mongodb.port
    assert port is not None

    private_mongodb.stop()

    with pytest.raises(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port), 1):
        pass


def test_each_test_has_a_database_of_its_own(database_name: str, mongodb_uri: str) -> None:
    with MongoClient[dict[str, object]](mongodb_uri) as client:
        assert database_name not in client.list_database_names()
        client[database_name].things.insert_one({"_id": 1})

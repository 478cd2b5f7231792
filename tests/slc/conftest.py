"""SLC as tests ask it: one running service a module, an org of its own for every test."""

import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from pymongo import MongoClient
from pytest_asyncio import is_async_test

from chassis.keys import KeyRing, new_key
from chassis.testing.client import ServiceClient, serve
from services.ics.app import ICS
from services.slc.app import SLC
from tests.shop.server import ShopServer
from tests.slc.counter import Counter
from tests.slc.given import Channels


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the tests of a module share an event loop, and so a service. Items of other folders come here, too."""
    for item in items:
        if is_async_test(item) and Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.asyncio(loop_scope="module"), append=False)


@pytest.fixture(scope="module")
def slc_database(mongodb_client: MongoClient[dict[str, Any]]) -> Iterator[str]:
    """A database of the module's own, dropped afterwards."""
    name = f"t{uuid.uuid4().hex}"
    yield name
    mongodb_client.drop_database(name)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def slc_service(
    slc_database: str, mongodb_uri: str, mongodb_engine: str, amqp_url: str
) -> AsyncIterator[ServiceClient]:
    """A running SLC."""
    async with serve(
        SLC,
        mongodb_uri=mongodb_uri,
        mongodb_engine="embedded" if mongodb_engine == "embedded" else "",
        database=slc_database,
        amqp_url=amqp_url,
        prefix=f"{slc_database}.",
        slc_keys=KeyRing.from_text(new_key("k1")),
    ) as client:
        yield client


@pytest_asyncio.fixture(loop_scope="module")
async def slc(slc_service: ServiceClient) -> Channels:
    """A caller who holds every role of SLC in an org nobody has used before."""
    await slc_service.collect_events()
    client = slc_service.as_caller(orgcode=f"T{uuid.uuid4().hex[:15].upper()}").plain
    client.events = []
    return Channels(client)


@pytest.fixture(scope="module")
def counter_database(mongodb_client: MongoClient[dict[str, Any]]) -> Iterator[str]:
    """The start of the names of the module's databases, which are dropped afterwards."""
    name = f"t{uuid.uuid4().hex}"
    yield name
    for service in ("slc", "ics"):
        mongodb_client.drop_database(f"{name}{service}")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def counter_shops() -> AsyncIterator[ShopServer]:
    """Serves the stand-in shops of the module's tests."""
    async with ShopServer([]).running() as server:
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def counter_ics(
    counter_database: str, mongodb_uri: str, mongodb_engine: str, amqp_url: str
) -> AsyncIterator[ServiceClient]:
    """A running ICS."""
    async with serve(
        ICS,
        mongodb_uri=mongodb_uri,
        mongodb_engine="embedded" if mongodb_engine == "embedded" else "",
        database=f"{counter_database}ics",
        amqp_url=amqp_url,
        prefix=f"{counter_database}.",
    ) as client:
        yield client


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def counter_slc(
    counter_database: str,
    mongodb_uri: str,
    mongodb_engine: str,
    amqp_url: str,
    counter_ics: ServiceClient,
    counter_shops: ShopServer,
) -> AsyncIterator[ServiceClient]:
    """A running SLC."""
    async with serve(
        SLC,
        mongodb_uri=mongodb_uri,
        mongodb_engine="embedded" if mongodb_engine == "embedded" else "",
        database=f"{counter_database}slc",
        amqp_url=amqp_url,
        prefix=f"{counter_database}.",
        slc_keys=KeyRing.from_text(new_key("k1")),
        slc_shopify_base_url=counter_shops.base_url,
        slc_shopify_client_id="client-0001",
        slc_shopify_client_secret="app-secret-0001",
        slc_public_url="https://stack.example",
        slc_app_url="https://app.example/done",
        ics_grpc=(f"127.0.0.1:{counter_ics.application.runtime.grpc_port}",),
    ) as client:
        yield client


@pytest_asyncio.fixture(loop_scope="module")
async def counter(counter_slc: ServiceClient, counter_ics: ServiceClient, counter_shops: ShopServer) -> Counter:
    """An org with a shop of its own."""
    return Counter(counter_slc, counter_ics, counter_shops)

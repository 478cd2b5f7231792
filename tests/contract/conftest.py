"""A running ICS a module, and an org of its own for whoever asks."""

import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from pymongo import MongoClient
from pytest_asyncio import is_async_test

from chassis.testing.client import ServiceClient, serve
from services.ics.app import ICS


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the tests of a module share an event loop, and so a service. Items of other folders come here, too."""
    for item in items:
        if is_async_test(item) and Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.asyncio(loop_scope="module"), append=False)


@pytest.fixture(scope="module")
def own_database(mongodb_client: MongoClient[dict[str, Any]]) -> Iterator[str]:
    """A database name of the module's own; it, and all whose names begin with it, are dropped afterwards."""
    name = f"t{uuid.uuid4().hex}"
    yield name
    for existing in mongodb_client.list_database_names():
        if existing.startswith(name):
            mongodb_client.drop_database(existing)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def ics_service(
    own_database: str, mongodb_uri: str, mongodb_engine: str, amqp_url: str
) -> AsyncIterator[ServiceClient]:
    """A running ICS, asked by a user who holds all of its roles."""
    async with serve(
        ICS,
        mongodb_uri=mongodb_uri,
        mongodb_engine="embedded" if mongodb_engine == "embedded" else "",
        database=own_database,
        amqp_url=amqp_url,
        prefix=f"{own_database}.",
    ) as client:
        yield client


def in_new_org(client: ServiceClient) -> ServiceClient:
    """The same caller in an org nobody has used before."""
    return client.as_caller(orgcode=f"T{uuid.uuid4().hex[:15].upper()}")

"""PMC as tests ask it: one running service a module, an org of its own for every test."""

import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from pymongo import MongoClient
from pytest_asyncio import is_async_test

from chassis.clock import FixedClock, Utc
from chassis.testing.client import ServiceClient, serve
from services.pmc.app import PMC
from tests.pmc.given import Catalogue

NOON = Utc("2024-03-01T12:00:00.000Z")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the tests of a module share an event loop, and so a service. Items of other folders come here, too."""
    for item in items:
        if is_async_test(item) and Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.asyncio(loop_scope="module"), append=False)


@pytest.fixture(scope="module")
def pmc_database(mongodb_client: MongoClient[dict[str, Any]]) -> Iterator[str]:
    """A database of the module's own, dropped afterwards."""
    name = f"t{uuid.uuid4().hex}"
    yield name
    mongodb_client.drop_database(name)


@pytest.fixture(scope="module")
def clock() -> FixedClock:
    """The service's clock, which stands still until it is told otherwise."""
    return FixedClock(NOON)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pmc_service(
    pmc_database: str,
    mongodb_uri: str,
    mongodb_engine: str,
    amqp_url: str,
    clock: FixedClock,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[ServiceClient]:
    """A running PMC."""
    async with serve(
        PMC,
        mongodb_uri=mongodb_uri,
        mongodb_engine="embedded" if mongodb_engine == "embedded" else "",
        database=pmc_database,
        amqp_url=amqp_url,
        prefix=f"{pmc_database}.",
        clock=clock,
        pmc_objects_folder=str(tmp_path_factory.mktemp("objects")),
    ) as client:
        yield client


@pytest_asyncio.fixture(loop_scope="module")
async def pmc(pmc_service: ServiceClient) -> Catalogue:
    """A caller who holds every role of PMC in an org nobody has used before."""
    await pmc_service.collect_events()
    client = pmc_service.as_caller(orgcode=f"T{uuid.uuid4().hex[:15].upper()}").plain
    client.events = []
    return Catalogue(client)

"""ICS as tests ask it: one running service a module, an org of its own for every test."""

import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from pymongo import MongoClient
from pytest_asyncio import is_async_test

from chassis.clock import FixedClock
from chassis.testing.client import ServiceClient, serve
from services.ics.app import ICS
from services.ics.settings import OVERDUE_SECONDS_MAX
from tests.ics.given import NOON
from tests.shapes import scanned


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the tests of a module share an event loop, and so a service. Items of other folders come here, too."""
    for item in items:
        if is_async_test(item) and Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.asyncio(loop_scope="module"), append=False)


@pytest.fixture(scope="module")
def ics_database(mongodb_client: MongoClient[dict[str, Any]]) -> Iterator[str]:
    """A database of the module's own, dropped afterwards."""
    name = f"t{uuid.uuid4().hex}"
    yield name
    mongodb_client.drop_database(name)


@pytest.fixture(scope="module")
def clock() -> FixedClock:
    """The service's clock, which stands still until it is told otherwise."""
    return FixedClock(NOON)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def ics_service(
    ics_database: str,
    mongodb_client: MongoClient[dict[str, Any]],
    mongodb_uri: str,
    mongodb_engine: str,
    amqp_url: str,
    clock: FixedClock,
) -> AsyncIterator[ServiceClient]:
    """A running ICS."""
    engine = "embedded" if mongodb_engine == "embedded" else ""
    async with serve(
        ICS,
        mongodb_uri=mongodb_uri,
        mongodb_engine=engine,
        database=ics_database,
        amqp_url=amqp_url,
        prefix=f"{ics_database}.",
        clock=clock,
        # Tests move the clock, and the sweep would come between what they do and what they look at.
        ics_overdue_seconds=OVERDUE_SECONDS_MAX,
    ) as client:
        yield client
        scans = scanned(mongodb_client[ics_database])
        assert not scans, "the engine scans the collection for:\n" + "\n".join(scans)


@pytest_asyncio.fixture(loop_scope="module")
async def ics(ics_service: ServiceClient) -> ServiceClient:
    """A client who holds every role of ICS in an org nobody has used before, and who has heard of no event yet."""
    await ics_service.collect_events()
    client = ics_service.as_caller(orgcode=f"T{uuid.uuid4().hex[:15].upper()}")
    client.events = []
    return client

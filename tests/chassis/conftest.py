"""The sample service, units of work with either driver, and a service's database and bus."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Literal

import pytest

from chassis.mongo.unit import MongoUnits
from chassis.testing.client import ServiceClient, serve
from tests.chassis.bus_given import World, a_world
from tests.chassis.data_given import opened
from tests.chassis.sample.app import SAMPLE


@pytest.fixture
async def sample(
    mongodb_uri: str, database_name: str, amqp_url: str, bus_prefix: str, tmp_path: Path
) -> AsyncIterator[ServiceClient]:
    """The sample service, running."""
    async with serve(
        SAMPLE,
        mongodb_uri=mongodb_uri,
        database=database_name,
        amqp_url=amqp_url,
        prefix=bus_prefix,
        sample_folder=str(tmp_path),
    ) as client:
        yield client


@pytest.fixture(params=["motor", "pymongo"])
def driver(request: pytest.FixtureRequest) -> Literal["motor", "pymongo"]:
    """Every promise holds with both."""
    return "motor" if request.param == "motor" else "pymongo"


@pytest.fixture
async def units(mongodb_uri: str, database_name: str, driver: Literal["motor", "pymongo"]) -> AsyncIterator[MongoUnits]:
    """Units of the test's own database."""
    async with opened(mongodb_uri, database_name, driver) as opening:
        yield opening


@pytest.fixture
async def world(mongodb_uri: str, database_name: str, amqp_url: str, bus_prefix: str) -> AsyncIterator[World]:
    """A service's database and bus."""
    async with a_world(mongodb_uri, database_name, amqp_url, bus_prefix) as world:
        yield world

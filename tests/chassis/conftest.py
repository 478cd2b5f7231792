from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from chassis.testing.client import ServiceClient, serve
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

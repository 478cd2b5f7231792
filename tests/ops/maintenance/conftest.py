"""OPS, alone and in two replicas."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from pymongo import MongoClient

from tests.ops.maintenance.given import Ops, an_ops


@pytest.fixture
async def ops(
    mongodb_uri: str, database_name: str, amqp_url: str, mongodb_client: MongoClient[dict[str, Any]]
) -> AsyncIterator[Ops]:
    """A running OPS whose code is set."""
    async with an_ops(mongodb_uri, database_name, amqp_url, mongodb_client) as (ops,):
        yield ops


@pytest.fixture
async def replicas(
    mongodb_uri: str, database_name: str, amqp_url: str, mongodb_client: MongoClient[dict[str, Any]]
) -> AsyncIterator[list[Ops]]:
    """Two replicas of OPS."""
    async with an_ops(mongodb_uri, database_name, amqp_url, mongodb_client, replicas=2) as both:
        yield both

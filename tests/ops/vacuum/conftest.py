"""A whole stack, and a listener on the broker."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from pymongo import MongoClient

from tests.ops.vacuum.stack import Operator, a_stack


@pytest.fixture
async def operator(
    mongodb_uri: str, database_name: str, amqp_url: str, mongodb_client: MongoClient[dict[str, Any]]
) -> AsyncIterator[Operator]:
    """An operator of a stack in which vacuums begin with the next sweep."""
    async with a_stack(mongodb_uri, database_name, amqp_url, mongodb_client) as operator:
        yield operator

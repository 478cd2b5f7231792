"""A whole stack for the tests of a module, with some trade in it, and an operator who reads its graph."""

import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from pymongo import MongoClient
from pytest_asyncio import is_async_test

from tests.ops.vacuum.stack import CODE, a_stack
from tests.visualgrid.explorer import Explorer, World, a_world


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the tests of a module share an event loop, and so a stack. Items of other folders come here, too."""
    for item in items:
        if is_async_test(item) and Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.asyncio(loop_scope="module"), append=False)


@pytest.fixture(scope="module")
def stack_database(mongodb_client: MongoClient[dict[str, Any]]) -> Iterator[str]:
    """A prefix for the databases of the module's stack, which are dropped afterwards."""
    name = f"t{uuid.uuid4().hex[:16]}"
    yield name
    for existing in mongodb_client.list_database_names():
        if existing.startswith(name):
            mongodb_client.drop_database(existing)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def grid(
    stack_database: str, mongodb_uri: str, amqp_url: str, mongodb_client: MongoClient[dict[str, Any]]
) -> AsyncIterator[World]:
    """The stack, after some trade."""
    async with a_stack(mongodb_uri, stack_database, amqp_url, mongodb_client) as operator:
        yield await a_world(operator)


@pytest_asyncio.fixture(loop_scope="module")
async def explorer(grid: World) -> AsyncIterator[Explorer]:
    """An operator who is signed in."""
    async with Explorer(grid) as found:
        await found.sign_in(CODE)
        yield found

"""A whole stack for the tests of a module, with some trade in it, and an operator who reads its graph."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from pymongo import MongoClient

from tests.ops.vacuum.stack import CODE, a_stack
from tests.running import share_event_loop
from tests.visualgrid.explorer import Explorer, World, a_world


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The tests of a module share an event loop. Items of other folders come here, too."""
    share_event_loop(items, Path(__file__).parent)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def grid(
    module_database: str, mongodb_uri: str, amqp_url: str, mongodb_client: MongoClient[dict[str, Any]]
) -> AsyncIterator[World]:
    """The stack, after some trade."""
    async with a_stack(mongodb_uri, module_database, amqp_url, mongodb_client) as operator:
        yield await a_world(operator)


@pytest_asyncio.fixture(loop_scope="module")
async def explorer(grid: World) -> AsyncIterator[Explorer]:
    """An operator who is signed in."""
    async with Explorer(grid) as found:
        await found.sign_in(CODE)
        yield found

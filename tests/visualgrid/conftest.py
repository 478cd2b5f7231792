"""A whole stack for the tests of a module, with some trade in it, and an operator who reads its graph."""

from collections.abc import AsyncIterator
from typing import Any
from unittest.mock import patch

import pytest_asyncio
from pymongo import MongoClient

from services.visualgrid.graph import sources
from tests.ops.vacuum.stack import CODE, a_stack
from tests.visualgrid.explorer import Explorer, World, a_world
from tests.waiting import stretched

ANSWER_SECONDS = 3.0
"""How long a service may take here: all of them share one event loop with the test. `lateness.late` makes one late."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def grid(
    module_database: str, mongodb_uri: str, amqp_url: str, mongodb_client: MongoClient[dict[str, Any]]
) -> AsyncIterator[World]:
    """The stack, after some trade."""
    with patch.object(sources, "ANSWER_SECONDS", stretched(ANSWER_SECONDS)):
        async with a_stack(mongodb_uri, module_database, amqp_url, mongodb_client) as operator:
            yield await a_world(operator)


@pytest_asyncio.fixture(loop_scope="module")
async def explorer(grid: World) -> AsyncIterator[Explorer]:
    """An operator who is signed in."""
    async with Explorer(grid) as found:
        await found.sign_in(CODE)
        yield found

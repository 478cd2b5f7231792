"""Services that run for all tests of a module, and callers of an org that nobody else uses."""

import uuid
from collections.abc import Iterable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest
from pytest_asyncio import is_async_test

from chassis.frozen import Frozen
from chassis.service import Service
from chassis.testing.client import ServiceClient, serve


class Engines(Frozen):
    """The run's database and broker, and a name in both that only one module of tests uses."""

    mongodb_uri: str
    mongodb_engine: str
    amqp_url: str
    name: str

    def serve(self, service: Service, part: str = "", **settings: Any) -> AbstractAsyncContextManager[ServiceClient]:
        """A service while the block lasts. Where a module runs several, `part` tells their databases apart."""
        settings.setdefault("prefix", f"{self.name}.")
        return serve(
            service,
            mongodb_uri=self.mongodb_uri,
            mongodb_engine="embedded" if self.mongodb_engine == "embedded" else "",
            database=f"{self.name}{part}",
            amqp_url=self.amqp_url,
            **settings,
        )


def share_event_loop(items: Iterable[pytest.Item], folder: Path) -> None:
    """Let the tests of each module below a folder share an event loop, and so a service."""
    for item in items:
        if is_async_test(item) and folder in item.path.parents:
            item.add_marker(pytest.mark.asyncio(loop_scope="module"), append=False)


def in_new_org(client: ServiceClient) -> ServiceClient:
    """The same caller in an org nobody has used before."""
    return client.as_caller(orgcode=f"T{uuid.uuid4().hex[:15].upper()}")


async def in_quiet_org(client: ServiceClient) -> ServiceClient:
    """As `in_new_org`, for a caller who has heard of no event yet."""
    await client.collect_events()
    caller = in_new_org(client)
    caller.events = []
    return caller

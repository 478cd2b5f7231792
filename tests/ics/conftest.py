"""ICS as tests ask it: one running service a module, an org of its own for every test."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from pymongo import MongoClient

from chassis.clock import FixedClock
from chassis.jobs import migration
from chassis.testing.client import ServiceClient
from services.ics.app import ICS
from services.ics.settings import OVERDUE_SECONDS_MAX
from tests.ics.given import NOON
from tests.running import Engines, in_quiet_org
from tests.shapes import scanned


@pytest.fixture(scope="module")
def clock() -> FixedClock:
    """The service's clock, which stands still until it is told otherwise."""
    return FixedClock(NOON)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def ics_service(
    engines: Engines, mongodb_client: MongoClient[dict[str, Any]], clock: FixedClock
) -> AsyncIterator[ServiceClient]:
    """A running ICS."""
    # Tests store documents behind the service's back; those of the migration run it themselves.
    monkeypatch = pytest.MonkeyPatch()
    monkeypatch.setattr(migration, "RUN_SECONDS", 0.0)
    async with engines.serve(
        ICS,
        clock=clock,
        # Tests move the clock, and the sweep would come between what they do and what they look at.
        ics_overdue_seconds=OVERDUE_SECONDS_MAX,
    ) as client:
        yield client
        scans = scanned(mongodb_client[engines.name])
        assert not scans, "the engine scans the collection for:\n" + "\n".join(scans)
    monkeypatch.undo()


@pytest_asyncio.fixture(loop_scope="module")
async def ics(ics_service: ServiceClient) -> ServiceClient:
    """A client who holds every role of ICS in an org nobody has used before, and who has heard of no event yet."""
    return await in_quiet_org(ics_service)

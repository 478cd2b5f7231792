"""PMC as tests ask it: one running service a module, an org of its own for every test."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from chassis.clock import FixedClock, Utc
from chassis.testing.client import ServiceClient
from services.pmc.app import PMC
from tests.pmc.given import Catalogue
from tests.running import Engines, in_quiet_org

NOON = Utc("2024-03-01T12:00:00.000Z")


@pytest.fixture(scope="module")
def clock() -> FixedClock:
    """The service's clock, which stands still until it is told otherwise."""
    return FixedClock(NOON)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pmc_service(
    engines: Engines, clock: FixedClock, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[ServiceClient]:
    """A running PMC."""
    async with engines.serve(
        PMC,
        clock=clock,
        pmc_objects_folder=str(tmp_path_factory.mktemp("objects")),
    ) as client:
        yield client


@pytest_asyncio.fixture(loop_scope="module")
async def pmc(pmc_service: ServiceClient) -> Catalogue:
    """A caller who holds every role of PMC in an org nobody has used before."""
    return Catalogue((await in_quiet_org(pmc_service)).plain)

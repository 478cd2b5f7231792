"""SLC as tests ask it: one running service a module, an org of its own for every test."""

from collections.abc import AsyncIterator

import pytest_asyncio

from chassis.key_ring import KeyRing, new_key
from chassis.testing.client import ServiceClient
from services.ics.app import ICS
from services.slc.app import SLC
from tests.running import Engines, in_quiet_org
from tests.shop.server import ShopServer
from tests.slc.counter import Counter
from tests.slc.directory import Directory
from tests.slc.given import Channels
from tests.slc.sync.peers import Peers


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def slc_service(engines: Engines) -> AsyncIterator[ServiceClient]:
    """A running SLC."""
    async with engines.serve(
        SLC,
        slc_keys=KeyRing.from_text(new_key("k1")),
    ) as client:
        yield client


@pytest_asyncio.fixture(loop_scope="module")
async def slc(slc_service: ServiceClient) -> Channels:
    """A caller who holds every role of SLC in an org nobody has used before."""
    return Channels((await in_quiet_org(slc_service)).plain)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shops() -> AsyncIterator[ShopServer]:
    """Serves the stand-in shops of the module's tests."""
    async with ShopServer([]).running() as server:
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def peers() -> AsyncIterator[Peers]:
    """Doubles of PMC and ICS."""
    async with Peers().running() as found:
        yield found


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def directory() -> AsyncIterator[Directory]:
    """What the gateway knows of callers."""
    async with Directory().running() as found:  # type: ignore[abstract]  # what SLC does not call is not there
        yield found


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def ics(engines: Engines) -> AsyncIterator[ServiceClient]:
    """A running ICS."""
    async with engines.serve(ICS, "ics") as client:
        yield client


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def counter_slc(
    engines: Engines, ics: ServiceClient, shops: ShopServer, directory: Directory
) -> AsyncIterator[ServiceClient]:
    """A running SLC that knows shops, ICS and the directory."""
    async with engines.serve(
        SLC,
        "slc",
        slc_keys=KeyRing.from_text(new_key("k1")),
        slc_shopify_base_url=shops.base_url,
        slc_shopify_client_id="client-0001",
        slc_shopify_client_secret="app-secret-0001",
        slc_public_url="https://stack.example",
        slc_app_url="https://app.example/done",
        ics_grpc=(f"127.0.0.1:{ics.application.runtime.grpc_port}",),
        gateway_grpc=(directory.address,),
    ) as client:
        yield client


@pytest_asyncio.fixture(loop_scope="module")
async def counter(counter_slc: ServiceClient, ics: ServiceClient, shops: ShopServer) -> Counter:
    """An org with a shop of its own."""
    return Counter(counter_slc, ics, shops)

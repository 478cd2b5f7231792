"""SLC between a stand-in shop and doubles of PMC and ICS."""

from collections.abc import AsyncIterator

import pytest_asyncio

from chassis.key_ring import KeyRing, new_key
from chassis.testing.client import ServiceClient
from services.slc.app import SLC
from tests.running import Engines
from tests.shop.server import ShopServer
from tests.slc.sync.given import Shopfloor
from tests.slc.sync.peers import Peers


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def peers() -> AsyncIterator[Peers]:
    """PMC and ICS."""
    async with Peers().running() as found:
        yield found


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shop_server() -> AsyncIterator[ShopServer]:
    """Serves the stand-in shops of the module's tests."""
    async with ShopServer([]).running() as server:
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def syncing(engines: Engines, peers: Peers, shop_server: ShopServer) -> AsyncIterator[ServiceClient]:
    """A running SLC."""
    async with engines.serve(
        SLC,
        slc_keys=KeyRing.from_text(new_key("k1")),
        slc_shopify_base_url=shop_server.base_url,
        slc_retry_delays=("0.05", "0.05", "0.05", "0.05", "0.05"),
        pmc_grpc=(peers.address,),
        ics_grpc=(peers.address,),
    ) as client:
        yield client


@pytest_asyncio.fixture(loop_scope="module")
async def floor(syncing: ServiceClient, peers: Peers, shop_server: ShopServer) -> Shopfloor:
    """An org with a shop of its own; `open` makes a channel there."""
    return Shopfloor(syncing, peers, shop_server)

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
async def syncing(engines: Engines, peers: Peers, shops: ShopServer) -> AsyncIterator[ServiceClient]:
    """A running SLC."""
    async with engines.serve(
        SLC,
        slc_keys=KeyRing.from_text(new_key("k1")),
        slc_shopify_base_url=shops.base_url,
        slc_retry_delays=("0.05", "0.05", "0.05", "0.05", "0.05"),
        pmc_grpc=(peers.address,),
        ics_grpc=(peers.address,),
    ) as client:
        yield client


@pytest_asyncio.fixture(loop_scope="module")
async def floor(syncing: ServiceClient, peers: Peers, shops: ShopServer) -> Shopfloor:
    """An org with a shop of its own; `open` makes a channel there."""
    return Shopfloor(syncing, peers, shops)

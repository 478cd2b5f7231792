"""SLC between a stand-in shop, a running ICS and a double of PMC."""

from collections.abc import AsyncIterator

import pytest_asyncio

from chassis.key_ring import KeyRing, new_key
from chassis.testing.client import ServiceClient
from services.slc.app import SLC
from tests.running import Engines
from tests.shop.server import ShopServer
from tests.slc.sync.peers import Peers
from tests.slc.whole.given import Whole


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def whole_slc(
    engines: Engines, ics: ServiceClient, shops: ShopServer, peers: Peers
) -> AsyncIterator[ServiceClient]:
    """A running SLC."""
    async with engines.serve(
        SLC,
        "slc",
        slc_keys=KeyRing.from_text(new_key("k1")),
        slc_shopify_base_url=shops.base_url,
        slc_public_url="https://stack.example",
        slc_retry_delays=("0.05", "0.05", "0.05", "0.05", "0.05"),
        ics_grpc=(f"127.0.0.1:{ics.application.runtime.grpc_port}",),
        pmc_grpc=(peers.address,),
    ) as client:
        yield client


@pytest_asyncio.fixture(loop_scope="module")
async def whole(whole_slc: ServiceClient, ics: ServiceClient, shops: ShopServer, peers: Peers) -> Whole:
    """An org with a shop of its own."""
    return Whole(whole_slc, ics, shops, peers)

"""A Shopify channel for the rows of SLC: its stand-in shop, which never throttles, and what both have seen."""

import asyncio
import subprocess
import sys
import time
from typing import Any

import aiohttp
from msgspec import Struct

from bench.shelf import Shelf, client_of
from bench.world import FACILITY, ORG, World, ask
from demo.shopify.standin import StandInShop

TOKEN, SECRET = "shpat_good_0001", "shop-secret-0001"
BATCH_VARIANTS = 500
RECEIPT_LINES = 200
POLL_SECONDS = 0.5
SYNC_SECONDS_MAX = 900.0
PLENTY = 1_000_000


class SlcChannel(Struct):
    """A channel and its shop."""

    http: aiohttp.ClientSession
    shop: StandInShop
    channel_id: str
    revision: int = 0

    async def ask(self, action: str, **fields: Any) -> Any:
        """The `data` of an action on the channel."""
        data = await ask(self.http, "/slc", action=action, orgcode=ORG, channel_id=self.channel_id, **fields)
        if "channel" in data:
            self.revision = data["channel"]["revision"]
        return data

    async def revised(self, action: str, **fields: Any) -> Any:
        """An action on the channel as it is now."""
        await self.ask("channel/get")
        return await self.ask(action, expected_revision=self.revision, **fields)

    async def synced(self, variants: int) -> float:
        """Wait until that number of variants is in step; the seconds it took. RuntimeError if that takes long."""
        began, tally = time.perf_counter(), {}
        while time.perf_counter() - began < SYNC_SECONDS_MAX:
            tally = (await self.ask("channel/get"))["channel"]["variants"]
            if tally["synced"] >= variants and not tally["queued"]:
                return time.perf_counter() - began
            await asyncio.sleep(POLL_SECONDS)
        raise RuntimeError(f"not in step after {SYNC_SECONDS_MAX:.0f} s: {tally}")

    async def wrote(self, levels: int) -> None:
        """Wait until the shop has taken a number of quantities since the mark. RuntimeError if that takes long."""
        began, taken = time.perf_counter(), 0
        while time.perf_counter() - began < SYNC_SECONDS_MAX:
            taken = (await self.shop.counted()).get("inventorySetQuantities", (0, 0))[1]
            if taken >= levels:
                return
            await asyncio.sleep(POLL_SECONDS)
        raise RuntimeError(f"{taken} quantities written after {SYNC_SECONDS_MAX:.0f} s")


def shop_address(world: World) -> str:
    """The address of the stand-in shop, which is added to the stack where it runs without."""
    if "SHOP_URL" not in world.stack:
        subprocess.run([sys.executable, "-m", "deploy.local", "shop"], check=True)
        world.read_addresses()
    return world.stack["SHOP_URL"]


async def channel_of(world: World, code: str, shelf: Shelf | None, **config: Any) -> SlcChannel:
    """An inactive channel with a shop of its own, which sells what a shelf of PMC holds. Its sessions stay open."""
    http = client_of(world)
    domain = f"bench-{code.lower()}.myshopify.com"
    shop = StandInShop(aiohttp.ClientSession(), await asyncio.to_thread(shop_address, world), domain)
    await shop.open(token=TOKEN, secret=SECRET)
    await shop.tell("bucket", maximum=10**9, restore_rate=10**9)
    given = {
        "channel_code": code,
        "name": code,
        "type": "standard",
        "shop_domain": domain,
        "config": {"debounce_ms": 0, **({"pmc_channel_code": shelf.channel_code} if shelf else {}), **config},
    }
    created = await ask(http, "/slc", action="channel/create", orgcode=ORG, **given)
    channel = SlcChannel(http=http, shop=shop, channel_id=created["channel"]["channel_id"])
    await channel.revised("credentials/rotate", access_token=TOKEN, webhook_secret=SECRET)
    await channel.revised("facility/bind", logical_guid=FACILITY)
    return channel


async def close(channel: SlcChannel) -> None:
    """End the channel, so that nothing of it runs beside later rows."""
    await channel.revised("channel/deactivate")
    await channel.http.close()
    await channel.shop.close()


async def listed(channel: SlcChannel, shelf: Shelf, world: World, number: int, units: int) -> None:
    """Put the first `number` variants of a shelf on the list, with the same number of units each."""
    names = [shelf.variant_id(place) for place in range(number)]
    async with world.calls() as http:
        for start in range(0, number, RECEIPT_LINES):
            part = names[start : start + RECEIPT_LINES]
            await ask(http, "/ics/receive/record", lines=[{"variant_id": each, "quantity": units} for each in part])
    for start in range(0, number, BATCH_VARIANTS):
        await channel.ask("variants/add", variant_ids=names[start : start + BATCH_VARIANTS])

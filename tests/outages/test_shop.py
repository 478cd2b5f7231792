"""Parts of the stack are killed at random moments while a shop sells and stock changes: both sides agree in the end.

Runs with 25 orders and 25 changes; `SLC_LONG=1` with 200 of each and twelve kills.
"""

import asyncio
import os
import random
from collections.abc import AsyncIterator

import aiohttp
import pytest
import pytest_asyncio

from tests.outages.shopkeeping import CALL_SECONDS, Shopkeeping
from tests.outages.world import World
from tests.waiting import until

pytestmark = pytest.mark.outage

LONG = bool(os.environ.get("SLC_LONG"))
NUMBER = 200 if LONG else 25
KILLS = 12 if LONG else 4
KILLED = ("slc", "ics", "rabbitmq", "mongodb")
SEED = int(os.environ.get("SLC_SEED", "7"))
SETTLE_SECONDS = 240.0


@pytest_asyncio.fixture
async def keeping(world: World) -> AsyncIterator[Shopkeeping]:
    """A shop that is in step."""
    await asyncio.to_thread(world.add_shop)
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=CALL_SECONDS)) as http:
        shop = Shopkeeping(world, http)
        await shop.open()
        try:
            yield shop
        finally:
            await shop.close()


async def test_each_order_line_has_one_commit_of_its_quantity_whatever_is_killed(
    world: World, keeping: Shopkeeping
) -> None:
    """SLC killed at any moment of 200 orders and 200 stock changes: each order line has exactly one commit of its
    quantity; both sides equal. ICS, broker and database are killed, too."""
    chance = random.Random(SEED)
    parts = [name for _ in range(-(-KILLS // len(KILLED))) for name in chance.sample(KILLED, len(KILLED))][:KILLS]
    for place, name in enumerate(parts):
        number = NUMBER * (place + 1) // KILLS - NUMBER * place // KILLS
        before = chance.randrange(number)
        await keeping.trade(before, before, chance)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(asyncio.to_thread(_killed, world, name))
            tasks.create_task(keeping.trade(number - before, number - before, chance))

    assert (len(keeping.sales), len(keeping.adjustments)) == (NUMBER, NUMBER)
    await keeping.caught_up()
    await until(keeping.is_settled, SETTLE_SECONDS, lambda: keeping.found, every=0.5)

    orders = await keeping.orders()
    for sale in keeping.sales:
        [line] = orders[sale.order_id]["lines"]
        commits = [each for each in line["postings"] if each["state"] == "confirmed"]
        assert [(each["kind"], each["quantity"]) for each in commits] == [("commit", sale.quantity)], sale
        found = await keeping.commits(sale.order_id)
        assert [each["quantity"] for each in found] == [sale.quantity], sale
    assert {each: await keeping.available(each) for each in keeping.skus} == keeping.expected()
    assert await keeping.too_many() == []
    assert (await asyncio.to_thread(world.audit))["differences"] == []


def _killed(world: World, name: str) -> None:
    world.kill(name)
    world.start(name)

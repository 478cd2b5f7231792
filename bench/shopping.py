"""The rows of SLC: webhooks taken in, stock changes that reach a shop, and a whole assortment brought in step."""

import asyncio
import base64
import hmac
import json
import random
import time
from hashlib import sha256

from bench import load
from bench.channel import SECRET, SlcChannel, channel_of, close, listed
from bench.load import Measured, single
from bench.rows import Bench, Row
from bench.shelf import Shelf, shelf_of
from bench.world import THIS_RUN, World, ask

INGRESS_CLIENTS = 16
RUNG_PRODUCTS = 1_000

CHANGES_PER_SECOND = 50
CHANGED_VARIANTS = 500
UNITS_EACH = 1_000
ARRIVAL_SECONDS_MAX = 30.0


async def take_webhooks(bench: Bench) -> Row:
    """Webhooks of a thousand products, signed, each with an id of its own, through the gateway."""
    channel = await channel_of(bench.world, f"HOOKS-{THIS_RUN}".upper(), None)
    try:
        await channel.revised("channel/activate")
        bodies = [_signed(number) for number in range(1, RUNG_PRODUCTS + 1)]

        def request(number: int) -> bytes:
            body, signature = bodies[number % RUNG_PRODUCTS]
            headers = {
                "X-Shopify-Topic": "products/update",
                "X-Shopify-Hmac-SHA256": signature,
                "X-Shopify-Shop-Domain": channel.shop.domain,
                "X-Shopify-Webhook-Id": f"{THIS_RUN}-{number}",
                "X-Shopify-Triggered-At": "2026-01-01T00:00:00Z",
                "X-Shopify-API-Version": "2026-10",
            }
            return load.post("/slc/webhooks/shopify", headers, body)

        work = load.run(
            "webhook, signed, through the gateway",
            bench.world.address,
            single(request),
            clients=INGRESS_CLIENTS,
            seconds=bench.seconds,
        )
        return await bench.measure(work)
    finally:
        await close(channel)


def _signed(number: int) -> tuple[bytes, str]:
    body = json.dumps({"id": number}).encode()
    return body, base64.b64encode(hmac.new(SECRET.encode(), body, sha256).digest()).decode()


async def change_stock(bench: Bench) -> Row:
    """From the call that changes stock in ICS to the write at the stand-in, 50 changes a second, without debounce."""
    shelf = await shelf_of(bench.world, bench.world.products)
    channel = await channel_of(bench.world, f"STOCK-{THIS_RUN}".upper(), shelf)
    try:
        await listed(channel, shelf, bench.world, CHANGED_VARIANTS, UNITS_EACH)
        await channel.revised("channel/activate")
        await channel.synced(CHANGED_VARIANTS)
        return await bench.measure(_changes(bench, channel, shelf))
    finally:
        await close(channel)


async def _changes(bench: Bench, channel: SlcChannel, shelf: Shelf) -> Measured:
    order = random.Random(1).sample(range(CHANGED_VARIANTS), CHANGED_VARIANTS)
    await channel.shop.mark()
    sent: dict[tuple[str, int], float] = {}
    left = dict.fromkeys(range(CHANGED_VARIANTS), UNITS_EACH)
    began = time.perf_counter()
    async with bench.world.calls() as http, asyncio.TaskGroup() as tasks:
        for number in range(int(bench.seconds * CHANGES_PER_SECOND)):
            place = order[number % CHANGED_VARIANTS]
            left[place] -= 1
            sent[shelf.sku(place), left[place]] = time.time()
            change = {"variant_id": shelf.variant_id(place), "delta": -1, "reason_code": "correction"}
            tasks.create_task(ask(http, "/ics/adjustment/create", **change))
            await asyncio.sleep(max(0.0, began + (number + 1) / CHANGES_PER_SECOND - time.perf_counter()))
    told = Measured(name="stock change in ICS → write at the shop", clients=1, latencies=[])
    told.requests, told.seconds = len(sent), time.perf_counter() - began
    arrived = await _arrivals(channel, sent)
    told.latencies = [(at - sent[change]) * 1000 for change, at in arrived.items()]
    told.errors = len(sent) - len(arrived)
    told.note = f"{told.errors} changes were not written" if told.errors else ""
    return told


async def _arrivals(channel: SlcChannel, sent: dict[tuple[str, int], float]) -> dict[tuple[str, int], float]:
    """When each change arrived: with the first write of its quantity, or of a lower one that took it along."""
    ends_at = time.monotonic() + ARRIVAL_SECONDS_MAX
    while True:
        written = await channel.shop.quantities_written()
        found: dict[tuple[str, int], float] = {}
        for sku, quantity in sent:
            times = [at for shown, at in written.get(sku, []) if shown <= quantity]
            if times:
                found[sku, quantity] = min(times)
        if len(found) == len(sent) or time.monotonic() > ends_at:
            return found
        await asyncio.sleep(0.5)


async def bring_in_step(bench: Bench) -> Row:
    """New variants by the thousand, from the activation of their channel until all of them are in step."""
    channel, size = await _assortment(bench.world)
    await channel.shop.mark()

    async def work() -> Measured:
        began = time.perf_counter()
        await channel.revised("channel/activate")
        return await _synced(channel, size, f"{size:,} new variants in step", began)

    return await bench.measure(work())


async def set_levels(bench: Bench) -> Row:
    """Quantities that change all at once, because the channel keeps one unit more from the shop."""
    channel, size = await _assortment(bench.world)
    await channel.synced(size)
    await channel.shop.mark()

    async def work() -> Measured:
        began = time.perf_counter()
        await channel.revised("channel/update", config={"stock_buffer": 1})
        # What is to be written is noted after the answer, so that all are in step still when it comes.
        await channel.wrote(size)
        return await _synced(channel, size, f"{size:,} quantities in step", began)

    try:
        return await bench.measure(work())
    finally:
        _ASSORTMENTS.clear()
        await close(channel)


async def _synced(channel: SlcChannel, variants: int, name: str, began: float) -> Measured:
    told = Measured(name=name, clients=1, requests=variants, latencies=[])
    await channel.synced(variants)
    told.seconds = time.perf_counter() - began
    calls = await channel.shop.counted()
    told.note = f"{told.seconds:.0f} s; {_words(calls)}"
    return told


def _words(calls: dict[str, tuple[int, int]]) -> str:
    """Mutations by name, how many there were, and the entries of each on average."""
    shown = [
        f"{number:,} {name}" + (f" of {entries / number:.0f}" if entries else "")
        for name, (number, entries) in calls.items()
    ]
    return ", ".join(shown)


_ASSORTMENTS: dict[int, SlcChannel] = {}


async def _assortment(world: World) -> tuple[SlcChannel, int]:
    """The channel that sells all products, and their number; whichever row comes first makes it."""
    size = world.products
    if size not in _ASSORTMENTS:
        shelf = await shelf_of(world, size)
        channel = await channel_of(world, f"ALL-{THIS_RUN}".upper(), shelf)
        await listed(channel, shelf, world, size, UNITS_EACH)
        _ASSORTMENTS[size] = channel
    return _ASSORTMENTS[size], size

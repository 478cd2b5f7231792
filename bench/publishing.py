"""The publish rows: items a second over new and over unchanged products, and what callers keep of their pace."""

import random

from bench import load
from bench.load import Measured, single
from bench.rows import SPREAD, Bench, Row
from bench.shelf import Shelf, catalogue_headers, publish, shelf_of
from bench.under_load import CLIENTS, under_load

READS = 500


async def publish_few(bench: Bench) -> Row:
    """A first publication of a thousand products, stepped by one client."""
    return await _first(bench, SPREAD)


async def publish_many(bench: Bench) -> Row:
    """A first publication of many products: a step should cost what it costs among few."""
    row = await _first(bench, bench.world.products)
    row.against = f"publish, {SPREAD:,} new products"
    return row


async def publish_again(bench: Bench) -> Row:
    """The same pack version again: every item is unchanged."""
    shelf = await shelf_of(bench.world, bench.world.products)
    row = await bench.measure(publish(bench.world, f"publish, {shelf.size:,} unchanged products", shelf.pack_id))
    row.against = shelf.first.name
    return row


async def publish_under_load(bench: Bench) -> Row:
    """product/get while the products are published once more: the share of its pace that remains."""
    shelf = await shelf_of(bench.world, bench.world.products)
    requests = gets(bench, shelf)
    done = await under_load(
        bench,
        single(lambda n: requests[n % len(requests)]),
        lambda: publish(bench.world, "publish", shelf.pack_id),
    )
    told = done.measured
    told.clients = CLIENTS
    told.name = f"product/get, {done.answer.per_second:,.0f} unchanged items/s published: {done.kept:.0%} kept"
    return Row(measured=told, cpu=done.cpu)


def gets(bench: Bench, shelf: Shelf) -> list[bytes]:
    """Requests of product/get for products all over the shelf."""
    numbers = random.Random(1).sample(range(shelf.size), min(READS, shelf.size))
    headers = catalogue_headers(bench.world)
    path = "/pmc/product/get"
    return [
        load.get(path, headers, variant_id=shelf.variant_id(number), channel_guid=shelf.channel_guid)
        for number in numbers
    ]


async def _first(bench: Bench, size: int) -> Row:
    async def first() -> Measured:
        return (await shelf_of(bench.world, size)).first

    row = await bench.measure(first())
    shelf = await shelf_of(bench.world, size)
    row.measured.note = f"packed, uploaded and validated in {shelf.validation_seconds:.1f} s; the CPU includes that"
    return row

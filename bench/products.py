"""The product rows: reads of the catalogue through the gateway, among few products and among many."""

import random
from collections.abc import Awaitable, Callable

from bench import load
from bench.publishing import READS, gets
from bench.rows import SPREAD, Bench, Row
from bench.shelf import CATEGORIES, WORDS, Shelf, catalogue_headers, shelf_of

READERS = 16
Read = Callable[[Bench], Awaitable[Row]]


def read(name: str, *, clients: int = READERS, many: bool = True) -> Read:
    """A row that repeats one kind of read in a channel with many products, or with a thousand."""

    async def row(bench: Bench) -> Row:
        shelf = await shelf_of(bench.world, bench.world.products if many else SPREAD)
        found = await bench.ask(f"{name}, {shelf.size:,} products", REQUESTS[name](bench, shelf), clients)
        if many:
            found.against = f"{name}, {SPREAD:,} products"
        return found

    return row


def _lists(bench: Bench, shelf: Shelf) -> list[bytes]:
    headers = catalogue_headers(bench.world)
    return [
        load.get("/pmc/product/list", headers, channel_code=shelf.channel_code, category_id=f"cat-{number}", limit="20")
        for number in range(CATEGORIES)
    ]


def _prefixes(bench: Bench, shelf: Shelf) -> list[bytes]:
    return _searches(bench, shelf, [shelf.sku(number) for number in _some(shelf)] + list(WORDS))


def _contained(bench: Bench, shelf: Shelf) -> list[bytes]:
    asked = [f"/{number:06d}" for number in _some(shelf)]
    return _searches(bench, shelf, asked, mode="contains")


def _literals(bench: Bench, shelf: Shelf) -> list[bytes]:
    asked = [f"/{number:06d}$" for number in _some(shelf)]
    return _searches(bench, shelf, asked, mode="regex", field="sku")


def _without_literals(bench: Bench, shelf: Shelf) -> list[bytes]:
    asked = [f"^.[0-9]+-.*[{number % 9}].$" for number in range(10)]
    return _searches(bench, shelf, asked, mode="regex", field="sku")


def _groups(bench: Bench, shelf: Shelf) -> list[bytes]:
    body = {"dimension": "category", "channel_code": shelf.channel_code}
    headers = catalogue_headers(bench.world)
    return [
        load.post_json(
            "/pmc/product/group", headers, **body, values=[f"cat-{(first + n) % CATEGORIES}" for n in range(5)]
        )
        for first in range(CATEGORIES)
    ]


def _searches(bench: Bench, shelf: Shelf, asked: list[str], **more: str) -> list[bytes]:
    headers = catalogue_headers(bench.world)
    return [
        load.get("/pmc/product/search", headers, q=q, channel_code=shelf.channel_code, limit="20", **more)
        for q in asked
    ]


def _some(shelf: Shelf) -> list[int]:
    return random.Random(2).sample(range(shelf.size), min(READS, shelf.size))


REQUESTS: dict[str, Callable[[Bench, Shelf], list[bytes]]] = {
    "product/get": gets,
    "product/list of 20": _lists,
    "product/search, prefix": _prefixes,
    "product/search, contains": _contained,
    "product/search, regex with literals": _literals,
    "product/search, regex without": _without_literals,
    "product/group of 5 values": _groups,
}

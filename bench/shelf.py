"""Products for the catalogue rows: made-up packs, uploaded and published through the gateway in their own channel."""

import asyncio
import hashlib
import json
import time
from collections.abc import Iterator
from typing import Any

import aiohttp
from msgspec import Struct

from bench.load import Measured
from bench.world import ORG, THIS_RUN, Refused, World, ask

STYLE_VARIANTS = 10
CATEGORIES = 20
STEP_ITEMS = 200
POLL_SECONDS = 0.2
VALIDATION_SECONDS_MAX = 600.0
WORDS = (
    "cotton",
    "linen",
    "merino",
    "canvas",
    "harbour",
    "meadow",
    "signal",
    "drift",
    "ember",
    "quarry",
    "moss",
    "rust",
)


class Shelf(Struct):
    """A channel with `size` published products, and the pack version they came from."""

    size: int
    channel_code: str
    channel_guid: str
    pack_id: str
    first: Measured
    validation_seconds: float

    def variant_id(self, number: int) -> str:
        """The variant of the n-th product."""
        return f"{self.channel_code}-{number:06d}"

    def sku(self, number: int) -> str:
        """The SKU of the n-th product."""
        return f"{self.channel_code}/{number:06d}"


_SHELVES: dict[int, Shelf] = {}


async def shelf_of(world: World, size: int) -> Shelf:
    """The channel of this run with this number of products; they are packed and published on first use."""
    if size not in _SHELVES:
        _SHELVES[size] = await _filled(world, size)
    return _SHELVES[size]


def catalogue_headers(world: World) -> dict[str, str]:
    """The headers of a caller without facility and channel."""
    return {"x-session-guid": world.session, "x-orgcode": ORG}


def client_of(world: World) -> aiohttp.ClientSession:
    """An HTTP session for calls outside measurements."""
    timeout = aiohttp.ClientTimeout(total=600)
    return aiohttp.ClientSession(headers=catalogue_headers(world), base_url=world.stack["GATEWAY_URL"], timeout=timeout)


async def publish(world: World, name: str, shelf_pack: str, **selected: Any) -> Measured:
    """A run stepped to its end by one client: items a second, and the latency of each step."""
    told = Measured(name=name, clients=1, latencies=[])
    async with client_of(world) as http:
        run = (await ask(http, "/pmc/publish/run/start", pack_id=shelf_pack, **selected))["run"]
        started = time.perf_counter()
        while run["status"] == "running":
            step = {"run_id": run["run_id"], "expected_revision": run["revision"], "max_items": STEP_ITEMS}
            began = time.perf_counter()
            run = (await ask(http, "/pmc/publish/run/step", **step))["run"]
            told.latencies.append((time.perf_counter() - began) * 1000)
        told.seconds = time.perf_counter() - started
    told.requests = run["processed"]
    if run["status"] != "completed":
        told.errors, told.note = run["remaining"], f"the run is {run['status']}"
    return told


async def _filled(world: World, size: int) -> Shelf:
    code = f"B{size}-{THIS_RUN}".upper()
    guid = code.lower()
    async with client_of(world) as http:
        await ask(
            http,
            "/pmc/publish-profile/set",
            channel_code=code,
            channel_guid=guid,
            name=code,
            currency="EUR",
            auto_online=True,
            required_fields=["title", "price.amount", "category.node_id"],
            rules=[
                {"rule_id": "IMG", "kind": "min_count", "field": "media", "value": 1, "severity": "error"},
                {"rule_id": "GTIN", "kind": "gtin", "field": "barcodes", "severity": "error"},
            ],
        )
        began = time.perf_counter()
        pack_id = await _packed(http, code, size)
        validated = time.perf_counter() - began
    first = await publish(world, f"publish, {size:,} new products", pack_id)
    return Shelf(size, code, guid, pack_id, first, validated)


async def _packed(http: aiohttp.ClientSession, code: str, size: int) -> str:
    """The id of a pack of that many variants, uploaded as JSON Lines and ready."""
    body = await asyncio.to_thread(lambda: b"\n".join(_lines(code, size)))
    upload = {
        "content_type": "application/x-ndjson",
        "size_bytes": len(body),
        "sha256": hashlib.sha256(body).hexdigest(),
    }
    created = await ask(http, "/pmc/pack/create", upload=upload)
    signed = created["upload"]
    async with aiohttp.ClientSession() as plain, plain.put(signed["url"], data=body, headers=signed["headers"]) as put:
        if put.status != 200:
            raise Refused(f"the upload was answered {put.status}: {await put.text()}")
    pack = created["pack"]
    named = {"pack_id": pack["pack_id"], "pack_rev": pack["pack_rev"]}
    pack = (await ask(http, "/pmc/pack/complete", **named))["pack"]
    until = time.monotonic() + VALIDATION_SECONDS_MAX
    while pack["state"] == "validating" and time.monotonic() < until:
        await asyncio.sleep(POLL_SECONDS)
        async with http.get("/pmc/pack/get", params={"pack_id": pack["pack_id"]}) as answer:
            pack = (await answer.json())["data"]["pack"]
    if pack["state"] != "ready":
        raise Refused(f"the pack is {pack['state']}: {pack['problems'][:3]}")
    return str(pack["pack_id"])


def _lines(code: str, size: int) -> Iterator[bytes]:
    """The pack in JSON Lines form: the header, then the styles."""
    nodes = [{"node_id": f"cat-{n}", "kind": "category", "name": f"Category {n}"} for n in range(CATEGORIES)]
    yield json.dumps(
        {
            "format": "retailstack.pack/1",
            "channels": [{"channel_code": code, "currency": "EUR"}],
            "vendors": [{"vendor_id": "ven-1", "name": "Bench"}],
            "taxonomy": nodes,
        }
    ).encode()
    for number in range(0, size, STYLE_VARIANTS):
        yield json.dumps(_style(code, number, min(size - number, STYLE_VARIANTS))).encode()


def _style(code: str, first: int, count: int) -> dict[str, Any]:
    number = first // STYLE_VARIANTS
    words = f"{WORDS[number % len(WORDS)]} {WORDS[number // len(WORDS) % len(WORDS)]}"
    sizes = [str(place) for place in range(count)]
    return {
        "style_id": f"{code}-S{number}",
        "style_code": f"{code}-S{number}",
        "title": f"Article {number} {words}",
        "vendor_id": "ven-1",
        "handle": f"article-{number}",
        "tags": ["bench", WORDS[number % len(WORDS)]],
        "description_html": f"<p>{'Made to last, and easy to care for. ' * 8}</p>",
        "options": [{"name": "Size", "values": sizes}],
        "media": [{"url": f"https://img.example/{number}.jpg", "kind": "image"}],
        "channels": [{"channel_code": code, "category_id": f"cat-{number % CATEGORIES}"}],
        "variants": [_variant(code, first + place, words, size) for place, size in enumerate(sizes)],
    }


def _variant(code: str, number: int, words: str, size: str) -> dict[str, Any]:
    digits = f"{200_000_000_000 + number}"
    check = -sum(int(digit) * (1, 3)[place % 2] for place, digit in enumerate(digits)) % 10
    return {
        "variant_id": f"{code}-{number:06d}",
        "variant_code": f"{code}-{number:06d}",
        "sku": f"{code}/{number:06d}",
        "title": f"Article {number} {words} {size}",
        "option_values": [{"name": "Size", "value": size}],
        "barcodes": [{"value": f"{digits}{check}"}],
        "identifiers": [{"type": "ERP", "value": f"E-{number}"}],
        "weight": {"value": "180", "unit": "g"},
        "channels": [{"channel_code": code, "price": {"amount": f"{number % 90 + 9}.90", "currency": "EUR"}}],
    }

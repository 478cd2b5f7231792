"""A catalogue as tests arrange it: documents, profiles and runs in a word each."""

import asyncio
from collections.abc import Mapping
from copy import deepcopy
from time import monotonic
from typing import Any

from chassis.testing.client import ServiceClient, TestAnswer
from tests.waiting import stretched

Document = dict[str, Any]

CHANGES_SECONDS_MAX = 30.0
"""How long the relay and the consumer of the feed may take on a busy machine."""


def money(amount: str, currency: str = "EUR") -> dict[str, str]:
    return {"amount": amount, "currency": currency}


def offer(channel: str, amount: str | None = None, **more: Any) -> dict[str, Any]:
    return {"channel_code": channel, **({} if amount is None else {"price": money(amount)}), **more}


_TEE = {
    "style_id": "st-tee",
    "style_code": "TEE",
    "title": "Basic tee",
    "vendor_id": "ven-1",
    "handle": "basic-tee",
    "tags": ["cotton", "basics"],
    "options": [{"name": "Colour", "values": ["Red", "Blue"]}, {"name": "Size", "values": ["M", "L"]}],
    "media": [{"url": "https://img.example/tee.jpg", "kind": "image"}],
    "channels": [
        {"channel_code": "WEB", "category_id": "cat-tees", "department_id": "dep-tops", "division_id": "div-app"}
    ],
    "variants": [
        {
            "variant_id": "v-red-m",
            "variant_code": "TEE-RM",
            "sku": "TEE-RED-M",
            "title": "Basic tee red M",
            "option_values": [{"name": "Colour", "value": "Red"}, {"name": "Size", "value": "M"}],
            "barcodes": [{"value": "4006381333931"}],
            "identifiers": [{"type": "ERP", "value": "100-1"}],
            "aliases": [{"tag": "OLD", "value": "T1RM"}],
            "weight": {"value": "0.180", "unit": "kg"},
            "channels": [offer("WEB", "19.90"), offer("STORE", "21.00")],
        },
        {
            "variant_id": "v-red-l",
            "variant_code": "TEE-RL",
            "sku": "TEE-RED-L",
            "title": "Basic tee red L",
            "option_values": [{"name": "Colour", "value": "Red"}, {"name": "Size", "value": "L"}],
            "barcodes": [{"value": "4006381333948"}],
            "channels": [offer("WEB", "19.90"), offer("STORE", "21.00")],
        },
        {
            "variant_id": "v-blu-m",
            "variant_code": "TEE-BM",
            "sku": "TEE-BLU-M",
            "title": "Basic tee blue M",
            "option_values": [{"name": "Colour", "value": "Blue"}, {"name": "Size", "value": "M"}],
            "channels": [offer("WEB", "19.90"), offer("STORE", "21.00")],
        },
    ],
}
_SPRING: Document = {
    "format": "retailstack.pack/1",
    "name": "Spring",
    "channels": [{"channel_code": "STORE", "currency": "EUR"}, {"channel_code": "WEB", "currency": "EUR"}],
    "vendors": [{"vendor_id": "ven-1", "name": "Northwind"}],
    "taxonomy": [
        {"node_id": "div-app", "kind": "division", "name": "Apparel"},
        {"node_id": "dep-tops", "kind": "department", "name": "Tops", "parent_id": "div-app"},
        {"node_id": "cat-tees", "kind": "category", "name": "T-shirts", "parent_id": "dep-tops"},
        {"node_id": "cat-mugs", "kind": "category", "name": "Mugs"},
    ],
    "styles": [
        _TEE,
        {
            "style_id": "st-mug",
            "style_code": "MUG",
            "title": "Mug",
            "media": [{"url": "https://img.example/mug.jpg", "kind": "image"}],
            "channels": [{"channel_code": "WEB", "category_id": "cat-mugs"}],
            "variants": [{"variant_id": "v-mug", "variant_code": "MUG-1", "sku": "MUG", "channels": [offer("WEB")]}],
        },
    ],
}

WEB_RULES = [
    {"rule_id": "IMG", "kind": "min_count", "field": "media", "value": 1, "severity": "error"},
    {"rule_id": "GTIN", "kind": "gtin", "field": "barcodes", "severity": "error"},
    {"rule_id": "BARCODE", "kind": "min_count", "field": "barcodes", "value": 1, "severity": "warning"},
]


def spring() -> Document:
    """The pack of the contract's scenario."""
    return deepcopy(_SPRING)


def variant_of(document: Document, variant_id: str) -> Document:
    """A variant within a document, to be changed in place."""
    return next(each for style in document["styles"] for each in style["variants"] if each["variant_id"] == variant_id)


def offer_of(document: Document, variant_id: str, channel: str) -> Document:
    """What a variant is in a channel, to be changed in place."""
    return next(each for each in variant_of(document, variant_id)["channels"] if each["channel_code"] == channel)


class Catalogue:
    """A caller of PMC in one org."""

    def __init__(self, client: ServiceClient) -> None:
        self.client = client

    async def get(self, path: str, **query: Any) -> TestAnswer:
        return await self.client.get(path, **query)

    async def post(self, path: str, **fields: Any) -> TestAnswer:
        return await self.client.post(path, **fields)

    async def good(self, answer: TestAnswer) -> Any:
        assert answer.status == 200, answer
        return answer.data

    async def pack(self, document: Document, **fields: Any) -> Any:
        """Store a document; the pack version."""
        return (await self.good(await self.post("/pack/create", document=document, **fields)))["pack"]

    async def profile(self, channel_code: str, **fields: Any) -> Any:
        """Set a channel's profile, with what a test does not care about filled in."""
        filled = {"channel_guid": f"ch-{channel_code.lower()}", "name": channel_code.title(), "currency": "EUR"}
        answer = await self.post("/publish-profile/set", channel_code=channel_code, **{**filled, **fields})
        return (await self.good(answer))["profile"]

    async def scenario_profiles(self) -> None:
        """The two profiles of the contract's scenario."""
        await self.profile(
            "WEB",
            logical_guids=["fac-1"],
            required_fields=["title", "price.amount", "category.node_id"],
            auto_online=True,
            rules=WEB_RULES,
        )
        await self.profile("STORE", logical_guids=["fac-2"], required_fields=["price.amount"])

    async def start(self, **fields: Any) -> Any:
        """Start a run."""
        return (await self.good(await self.post("/publish/run/start", **fields)))["run"]

    async def step(self, run: Mapping[str, Any], max_items: int = 200) -> Any:
        """Do one step; the run after it."""
        answer = await self.post(
            "/publish/run/step", run_id=run["run_id"], expected_revision=run["revision"], max_items=max_items
        )
        return (await self.good(answer))["run"]

    async def run(self, max_items: int = 200, **fields: Any) -> Any:
        """Start a run and step it to its end."""
        run = await self.start(**fields)
        while run["status"] == "running":
            run = await self.step(run, max_items)
        return run

    async def product(self, variant_id: str, channel_guid: str = "ch-web", **query: Any) -> Any:
        """A product by its variant and channel."""
        answer = await self.get("/product/get", variant_id=variant_id, channel_guid=channel_guid, **query)
        return (await self.good(answer))["product"]

    async def list(self, **query: Any) -> Any:
        """A page of product/list."""
        return await self.good(await self.get("/product/list", **query))

    async def found(self, **query: Any) -> Any:
        """The SKUs that a search finds."""
        data = await self.good(await self.get("/product/search", **query))
        return [each["product"]["sku"] for each in data["items"]]

    async def changes(self, last: str) -> Any:
        """The change feed from the beginning, once this variant is the last in it."""
        deadline = monotonic() + stretched(CHANGES_SECONDS_MAX)
        while True:
            data = await self.good(await self.get("/product/changes"))
            if (data["items"] and data["items"][-1]["product"]["variant_id"] == last) or monotonic() > deadline:
                return data
            await asyncio.sleep(0.05)

    async def stats(self) -> Any:
        """The build statistics."""
        return (await self.good(await self.get("/build/stats")))["build_stats"]


def some(counts: Mapping[str, int]) -> dict[str, int]:
    """The counts that are not 0."""
    return {name: number for name, number in counts.items() if number}

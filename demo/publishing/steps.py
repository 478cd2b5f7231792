"""The steps of the publishing story, each with the numbers expected after it.

The catalogue has 300 articles: the web shop carries all of them, the store all but the 36 of the outdoor division. In
the first pack one price of the web shop has lost its decimal point.
"""

import hashlib
import json
from collections.abc import Awaitable, Callable
from typing import Any

from demo.assortment.document import catalogue
from demo.assortment.profiles import store_profile, web_profile
from demo.assortment.publishing import start_run, step_to_the_end, store_pack
from demo.findings import Finding
from demo.stack import Refused, Shop

WEB, STORE = "WEB", "STORE"
WEB_GUID = "ch-web"
JUMPER = "demo-merino-crew-jumper-moss-s"
JUMPER_SKU = "JMP-MERINO-CREW-MOSS-S"
PRICE, WRONG_PRICE, SALE_PRICE = "78.9", "7890.00", "59.00"

Step = Callable[[], Awaitable[list[Finding]]]


class PublishingStory:
    """Publishes the built-in catalogue in an org of its own."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop
        self._pack_id = ""
        self._runs: dict[str, dict[str, Any]] = {}

    def steps(self) -> list[tuple[str, Step]]:
        """Title and function of each step, in order."""
        return [
            ("Pack the catalogue, with one wrong price", self.pack),
            ("Set what the web shop and the store demand", self.set_profiles),
            ("Publish to both channels", self.publish),
            ("The wrong price is blocked", self.look_at_the_blocked),
            ("Fix the price and publish again", self.fix),
            ("Find the products by search", self.search),
            ("Count them by category", self.group),
            ("Publish a sale price", self.put_on_sale),
            ("Roll back by pointer", self.roll_back),
            ("Clear the pointer: the sale price again", self.roll_forward),
            ("Publish the same pack once more: nothing changes", self.repeat),
            ("Download a manifest and compare its hash", self.read_manifest),
            ("Statistics of the org", self.stats),
        ]

    async def pack(self) -> list[Finding]:
        """A first version of the pack."""
        pack = await store_pack(self._shop, priced(WRONG_PRICE))
        self._pack_id = pack["pack_id"]
        expected = {"channels": 2, "styles": 56, "variants": 300, "items": 564}
        return [Finding("state", pack["state"], "ready"), *_each(pack["counts"], expected)]

    async def set_profiles(self) -> list[Finding]:
        """The profiles of both channels."""
        found = []
        for code, profile in ((STORE, store_profile("ch-store")), (WEB, web_profile(WEB_GUID))):
            answer = await self._shop.call("/pmc/publish-profile/set", channel_code=code, **profile)
            found.append(answer["profile"])
        rules = [len(each["rules"]) for each in found]
        return [Finding("rules of the store", rules[0], 0), Finding("rules of the web shop", rules[1], 3)]

    async def publish(self) -> list[Finding]:
        """A run over both channels."""
        run = await self._run("first")
        return [
            Finding("status", run["status"], "completed"),
            *_each(run["outcomes"], {"created": 563, "blocked": 1}),
            Finding("steps", run["steps"], 3),
        ]

    async def look_at_the_blocked(self) -> list[Finding]:
        """The product whose price is wrong."""
        product = await self._product()
        reasons = [each["rule_id"] for each in product["reasons"]]
        refused = "200"
        try:
            await self._shop.call(
                "/pmc/product/online/set", product_id=product["product_id"], expected_revision=product["revision"]
            )
        except Refused as refusal:
            refused = f"{refusal.status} {refusal.error_code}"
        return [
            Finding("online state", product["online_state"], "offline"),
            Finding("served", product.get("served"), None),
            Finding("reasons", reasons, ["PRICE"]),
            Finding("online/set", refused, "409 pmc.conflict_state"),
        ]

    async def fix(self) -> list[Finding]:
        """A second version of the pack, with the right price, for the web shop."""
        await store_pack(self._shop, priced("78.90"), pack_id=self._pack_id)
        run = await self._run("fix", channel_code=WEB)
        product = await self._product()
        return [
            *_each(run["outcomes"], {"updated": 1, "unchanged": 299}),
            Finding("online state", product["online_state"], "online"),
            Finding("price", product["content"]["price"]["amount"], PRICE),
        ]

    async def search(self) -> list[Finding]:
        """Searches by title word, by part of a word, by SKU without hyphens, by barcode and by pattern."""
        return [
            Finding("prefix merino, web shop", await self._count(q="merino", channel_code=WEB), 21),
            Finding("both channels", await self._count(q="merino"), 42),
            Finding("café as CAFE", await self._count(q="CAFE", channel_code=WEB), 4),
            Finding("contains neck", await self._count(q="neck", mode="contains", channel_code=WEB), 9),
            Finding("SKU jmpmerinocrew", await self._count(q="jmpmerinocrew", field="sku", channel_code=WEB), 9),
            Finding("barcode 2000000000015", await self._count(q="2000000000015", field="barcode"), 2),
            Finding("pattern -xl$", await self._count(q="-xl$", mode="regex", field="sku", channel_code=WEB), 32),
        ]

    async def group(self) -> list[Finding]:
        """Exact counts by category."""
        values = ["cat-tees", "cat-jumpers", "cat-stoves"]
        grouped = await self._shop.call(
            "/pmc/product/group", dimension="category", values=values, channel_code=WEB, online_state="online"
        )
        found = {each["label"]: each["count"] for each in grouped["groups"]}
        return _each(found, {"T-shirts": 72, "Jumpers": 36, "Stoves": 4})

    async def put_on_sale(self) -> list[Finding]:
        """A third version of the pack, with a lower price."""
        await store_pack(self._shop, priced(SALE_PRICE), pack_id=self._pack_id)
        selected = {"style_id": "demo-merino-crew-jumper", "variant_id": JUMPER, "channel_code": WEB}
        run = await self._run("sale", **selected)
        product = await self._product()
        return [
            Finding("items", run["total"], 1),
            *_each(run["outcomes"], {"updated": 1}),
            Finding("revision", product["served"]["rev"], 3),
            Finding("price", product["content"]["price"]["amount"], "59"),
        ]

    async def roll_back(self) -> list[Finding]:
        """The fallback pointer serves the revision before, at once, in every answer."""
        product = await self._product()
        listed = await self._shop.get(
            "/pmc/product/revision/list", variant_id=JUMPER, channel_guid=WEB_GUID, include_content="true"
        )
        before = next(each for each in listed["items"] if each["rev"] == 2)
        await self._shop.call(
            "/pmc/product/pointer/set",
            product_id=product["product_id"],
            pointer="fallback",
            rev=before["rev"],
            rev_id=before["rev_id"],
        )
        return await self._prices(PRICE, "fallback")

    async def roll_forward(self) -> list[Finding]:
        """Without the pointer live is served again."""
        product = await self._product()
        await self._shop.call(
            "/pmc/product/pointer/clear",
            product_id=product["product_id"],
            pointer="fallback",
            expected_revision=product["revision"],
        )
        return await self._prices("59", "live")

    async def repeat(self) -> list[Finding]:
        """The same pack version again."""
        run = await self._run("repeat")
        return [
            *_each(run["outcomes"], {"unchanged": 564, "updated": 0}),
            Finding("new revisions", run["new_revisions"], 0),
        ]

    async def read_manifest(self) -> list[Finding]:
        """The manifest of the first run, by signed link."""
        signed = await self._shop.get(
            "/pmc/publish/run/manifest/presign", run_id=self._runs["first"]["run_id"], part="1"
        )
        text = await self._shop.download(signed["download"]["url"])
        lines = [json.loads(line) for line in text.splitlines()]
        blocked = [line["sku"] for line in lines if line["outcome"] == "blocked"]
        return [
            Finding("lines", len(lines), 564),
            Finding("numbered in order", [line["n"] for line in lines] == list(range(1, 565)), True),
            Finding("hash is the one listed", hashlib.sha256(text).hexdigest() == signed["part"]["sha256"], True),
            Finding("blocked", blocked, [JUMPER_SKU]),
        ]

    async def stats(self) -> list[Finding]:
        """The totals of the org."""
        stats = (await self._shop.get("/pmc/build/stats"))["build_stats"]
        expected = {"products": 564, "online": 564, "publishable": 564, "revisions": 566, "styles": 56, "pinned": 0}
        return _each(stats, {**expected, "pack_versions": 3, "runs_finished": 4})

    async def _run(self, name: str, **selected: Any) -> dict[str, Any]:
        run = await step_to_the_end(self._shop, await start_run(self._shop, pack_id=self._pack_id, **selected))
        self._runs[name] = run
        return run

    async def _product(self) -> dict[str, Any]:
        product: dict[str, Any] = (await self._shop.get("/pmc/product/get", variant_id=JUMPER, channel_guid=WEB_GUID))[
            "product"
        ]
        return product

    async def _count(self, **asked: str) -> int:
        return int((await self._shop.get("/pmc/product/search", **asked, limit="256"))["count"])

    async def _prices(self, expected: str, served_by: str) -> list[Finding]:
        """The price of the jumper as get, list and search answer it."""
        product = await self._product()
        listed = await self._shop.get("/pmc/product/list", sku=JUMPER_SKU)
        hits = await self._shop.get("/pmc/product/search", q=JUMPER_SKU, field="sku", channel_code=WEB)
        in_web = [each for each in listed["items"] if each["channel_code"] == WEB]
        return [
            Finding("served by", product["served_by"], served_by),
            Finding("price in get", product["content"]["price"]["amount"], expected),
            Finding("in list", [each["price"]["amount"] for each in in_web], [expected]),
            Finding("in search", [each["product"]["price"]["amount"] for each in hits["items"]], [expected]),
        ]


def priced(amount: str) -> dict[str, Any]:
    """The catalogue, with this price for one jumper in the web shop."""
    document = catalogue(WEB, STORE)
    variants = [variant for style in document["styles"] for variant in style["variants"]]
    jumper = next(each for each in variants if each["variant_id"] == JUMPER)
    offer = next(each for each in jumper["channels"] if each["channel_code"] == WEB)
    offer["price"] = {**offer["price"], "amount": amount}
    return document


def _each(found: dict[str, Any], expected: dict[str, Any]) -> list[Finding]:
    return [Finding(name.replace("_", " "), found.get(name), value) for name, value in expected.items()]

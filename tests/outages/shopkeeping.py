"""A shop that sells while parts of the stack are killed: what was sold there, what changed here, what both say."""

import asyncio
import random
import uuid
from collections import Counter
from time import time
from typing import Any

import aiohttp
from msgspec import Struct

from demo.assortment.document import catalogue
from demo.assortment.loading import STORE, WEB
from demo.shopify.standin import StandInShop
from tests.outages.world import World
from tests.waiting import until

TOKEN, SECRET = "shpat_good_0001", "shop-secret-0001"
RETRY_SECONDS = 0.2
CALL_SECONDS = 15.0
STEP_SECONDS = 120.0
UNITS = 500


class Sale(Struct):
    """An order of one line, and when the shop had taken it."""

    order_id: str
    variant_id: str
    quantity: int
    at: float


class Adjustment(Struct):
    """A change of stock, and when it was asked for first."""

    variant_id: str
    delta: int
    at: float


class Shopkeeping:
    """A channel of the demo org with a shop of its own, and everything that happened to its stock."""

    def __init__(self, world: World, http: aiohttp.ClientSession) -> None:
        self.world = world
        name = f"kills-{uuid.uuid4().hex[:6]}"
        self.code = name.upper()
        self.shop = StandInShop(http, world.stack["SHOP_URL"], f"{name}.myshopify.com")
        self.skus = _articles()
        self.channel: dict[str, Any] = {}
        self.sales: list[Sale] = []
        self.adjustments: list[Adjustment] = []
        self.stock: dict[str, int] = {}
        self.found = ""
        self._http = http

    async def slc(self, action: str, **fields: Any) -> dict[str, Any]:
        """The `data` of an action on the channel."""
        known = {"channel_id": self.channel["channel_id"]} if self.channel else {}
        data = await self._call("/slc", action=action, orgcode=self.world.demo["DEMO_ORGCODE"], **known, **fields)
        self.channel = data.get("channel", self.channel)
        return data

    async def _call(self, path: str, **body: Any) -> dict[str, Any]:
        """As `World.call`, in no channel of ICS."""
        headers = {name: value for name, value in self.world.headers.items() if name != "x-channel-code"}
        async with self._http.post(self.world.stack["GATEWAY_URL"] + path, json=body, headers=headers) as answer:
            envelope: dict[str, Any] = await answer.json()
        assert envelope["success"], (path, body, envelope)
        data: dict[str, Any] = envelope["data"]
        return data

    async def revised(self, action: str, **fields: Any) -> None:
        """An action on the channel as it is now."""
        await self.slc("channel/get")
        await self.slc(action, expected_revision=self.channel["revision"], **fields)

    async def open(self) -> None:
        """Stock the articles, and bring the shop in step."""
        for variant_id in self.skus:
            await self._call("/ics/stock/policy/set", variant_id=variant_id, qc="skip")
        lines = [{"variant_id": each, "quantity": UNITS} for each in self.skus]
        await self._call("/ics/receive/record", lines=lines)
        await self.shop.open(token=TOKEN, secret=SECRET)
        config = {"debounce_ms": 0, "pmc_channel_code": WEB}
        given = {"channel_code": self.code, "name": self.code, "type": "standard", "shop_domain": self.shop.domain}
        await self.slc("channel/create", **given, config=config)
        await self.revised("credentials/rotate", access_token=TOKEN, webhook_secret=SECRET)
        await self.revised("facility/bind", logical_guid="FAC-A")
        await self.slc("variants/add", variant_ids=list(self.skus))
        await self.revised("channel/activate")
        self.stock = {each: await self.available(each) for each in self.skus}
        await until(self.is_equal, STEP_SECONDS)
        await self.shop.mark()

    async def close(self) -> None:
        """End the channel, so that nothing of it runs beside later tests."""
        await self.revised("channel/deactivate")

    async def sell(self, variant_id: str, quantity: int) -> None:
        """An order in the shop, which is not killed."""
        told = await self.shop.tell("sell", units={self.skus[variant_id]: quantity})
        self.sales.append(Sale(str(told["order_id"]), variant_id, quantity, time()))

    async def adjust(self, variant_id: str, delta: int) -> None:
        """Change the stock, asking again with the same key until there is an answer."""
        self.adjustments.append(Adjustment(variant_id, delta, time()))
        body = {"variant_id": variant_id, "delta": delta, "reason_code": "correction"}
        body["idempotency_key"] = uuid.uuid4().hex
        url = self.world.stack["GATEWAY_URL"] + "/ics/adjustment/create"

        async def done() -> bool:
            try:
                async with self._http.post(url, json=body, headers=self.world.headers) as answer:
                    if answer.status < 500:
                        assert answer.status == 200, await answer.text()
                    return answer.status == 200
            except (aiohttp.ClientError, TimeoutError, OSError):
                return False

        await until(done, STEP_SECONDS, every=RETRY_SECONDS)

    async def available(self, variant_id: str) -> int:
        """What ICS may promise of a variant."""
        return int((await self._buckets(variant_id))["available"])

    async def _buckets(self, variant_id: str) -> dict[str, int]:
        found: dict[str, int] = (await self._call("/ics/stock/get", variant_id=variant_id))["stock"]["buckets"]
        return found

    async def is_equal(self) -> bool:
        """Whether the shop shows of every article what ICS may promise."""
        shown = {each["sku"]: sum(each["levels"].values()) for each in (await self.shop.state())["variants"]}
        return all([shown.get(sku) == await self.available(variant_id) for variant_id, sku in self.skus.items()])

    def expected(self) -> dict[str, int]:
        """What must be left of each article."""
        left = Counter(self.stock)
        for change in self.adjustments:
            left[change.variant_id] += change.delta
        for sale in self.sales:
            left[sale.variant_id] -= sale.quantity
        return dict(left)

    async def caught_up(self) -> None:
        """Have orders reconciled whose webhooks were lost, as the catch-up does every 15 minutes."""
        await self.slc("orders/reconcile", shopify_order_ids=[each.order_id for each in self.sales][:100])
        for start in range(100, len(self.sales), 100):
            part = [each.order_id for each in self.sales][start : start + 100]
            await self.slc("orders/reconcile", shopify_order_ids=part)

    async def is_settled(self) -> bool:
        """Whether every order is booked and both sides are equal; `found` says how far it is."""
        try:
            orders = await self.orders()
            states = Counter(each["state"] for each in orders.values())
            here = {each: await self.available(each) for each in self.skus}
            is_equal = await self.is_equal()
        except AssertionError as refused:
            # A part that has just been started may be refused by the gateway for a moment.
            self.found = str(refused)
            return False
        self.found = f"{dict(states)} of {len(self.sales)}; here {here}, expected {self.expected()}, equal: {is_equal}"
        return states["booked"] == len(self.sales) and is_equal

    async def commits(self, order_id: str) -> list[dict[str, Any]]:
        """The commits of an order in ICS."""
        found = await self._call("/ics/commit/list", order_ref=order_id)
        return list(found["items"])

    async def orders(self) -> dict[str, dict[str, Any]]:
        """The records of all orders, with their postings."""
        found: dict[str, dict[str, Any]] = {}
        for sale in self.sales:
            items = (await self.slc("orders/list", shopify_order_id=sale.order_id))["items"]
            found |= {sale.order_id: items[0]} if items else {}
        return found

    async def too_many(self) -> list[str]:
        """Writes that showed more than could be sold: what was sold by then, and what came in later, left out."""
        variants = {sku: variant_id for variant_id, sku in self.skus.items()}
        found = []
        for sku, writes in (await self.shop.quantities_written()).items():
            variant_id = variants[sku]
            for quantity, at in writes:
                sold = sum(each.quantity for each in self.sales if each.variant_id == variant_id and each.at < at)
                added = sum(
                    max(0, each.delta) for each in self.adjustments if each.variant_id == variant_id and each.at < at
                )
                if quantity > self.stock[variant_id] + added - sold:
                    found.append(f"{sku}: {quantity} written, {sold} of {self.stock[variant_id] + added} were sold")
        return found

    async def trade(self, orders: int, changes: int, chance: random.Random) -> None:
        """So many orders and changes of stock, in random order, a few at a time."""
        todo = [True] * orders + [False] * changes
        chance.shuffle(todo)
        gate = asyncio.Semaphore(4)

        async def one(is_order: bool, variant_id: str, quantity: int) -> None:
            async with gate:
                if is_order:
                    await self.sell(variant_id, quantity)
                else:
                    await self.adjust(variant_id, chance.choice([-1, 1]))

        names = sorted(self.skus)
        async with asyncio.TaskGroup() as tasks:
            for is_order in todo:
                tasks.create_task(one(is_order, chance.choice(names), chance.randint(1, 3)))


def _articles() -> dict[str, str]:
    """Four articles of the demo catalogue that are sold on the web, of different styles: variant → SKU."""
    found: dict[str, str] = {}
    for style in catalogue(WEB, STORE)["styles"]:
        sold = [each for each in style["variants"] if any(at["channel_code"] == WEB for at in each["channels"])]
        if sold:
            found[sold[0]["variant_id"]] = sold[0]["sku"]
        if len(found) == 4:
            break
    return found

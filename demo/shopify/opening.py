"""Steps 1 to 6 of the Shopify story: from a new channel to products and quantities that follow the stack."""

from collections.abc import Awaitable, Callable
from typing import Any

from demo.findings import Finding
from demo.shopify.counter import Counter
from demo.shopify.goods import FACILITY, PROFILE, RED_L, RED_M, SKU_L, SKU_M, STOCK, WEB

Step = Callable[[], Awaitable[list[Finding]]]

TOKEN, SECRET = "shpat_good_0001", "shop-secret-0001"
WRONG_TOKEN = "shpat_bad"  # noqa: S105


class Opening:
    """A channel is made, connected, filled and activated; stock and prices change."""

    def __init__(self, counter: Counter) -> None:
        self._counter = counter

    def steps(self) -> list[tuple[str, Step]]:
        """Title and function of each step, in order."""
        return [
            ("Create the channel; twice, and with a field that its type does not sync", self.create),
            ("Activate too early; a wrong token, then the right one", self.connect),
            ("Bind the facility; list two variants", self.bind),
            ("Activate: the product appears in the shop", self.activate),
            ("Stock falls by 2; the shop says so itself", self.adjust),
            ("A new price is published", self.publish_price),
        ]

    async def prepare(self) -> None:
        """The content in PMC and the stock in ICS that the story begins with."""
        await self._counter.shop.open(token=TOKEN, secret=SECRET)
        await self._counter.profile(PROFILE)
        await self._counter.publish("19.90")
        for variant_id, units in STOCK.items():
            await self._counter.adjust(variant_id, units)

    async def create(self) -> list[Finding]:
        """Step 1."""
        counter = self._counter
        given: dict[str, Any] = {
            "channel_code": WEB,
            "name": "Web shop",
            "type": "standard",
            "shop_domain": counter.shop.domain,
            "config": {"stock_buffer": 1},
        }
        created = (await counter.slc("channel/create", **given))["channel"]
        again, _ = await counter.refused(counter.slc("channel/create", **given))
        custom = {**given, "channel_code": "POP", "type": "custom", "config": {"sync_fields": ["title"]}}
        wrong, _ = await counter.refused(counter.slc("channel/create", **custom))
        return [
            Finding("state", created["state"], "inactive"),
            Finding("revision", created["revision"], 1),
            Finding("the same again", again, "409 slc.conflict"),
            Finding("custom with title", wrong, "400 slc.validation_failed"),
        ]

    async def connect(self) -> list[Finding]:
        """Step 2."""
        counter = self._counter
        early, why = await counter.refused(counter.revised("channel/activate"))
        bad, test = await counter.refused(counter.revised("credentials/rotate", access_token=WRONG_TOKEN))
        good = await counter.revised("credentials/rotate", access_token=TOKEN, webhook_secret=SECRET)
        credentials = good["channel"]["credentials"]
        return [
            Finding("activate", early, "409 slc.conflict_state"),
            Finding("missing", why.get("missing"), ["credentials", "facility"]),
            Finding("wrong token", bad, "422 slc.validation_failed"),
            Finding("check", test.get("check"), "accepted"),
            Finding("present", credentials["present"], True),
            Finding("health", credentials["health"], "healthy"),
            Finding("revision", good["channel"]["revision"], 2),
            Finding("answers with the token", sum(TOKEN in each for each in counter.answers), 0),
        ]

    async def bind(self) -> list[Finding]:
        """Step 3."""
        counter = self._counter
        bound = (await counter.revised("facility/bind", logical_guid=FACILITY))["channel"]
        unbound, _ = await counter.refused(counter.revised("facility/unbind", logical_guid=FACILITY))
        added = await counter.on_channel("variants/add", variant_ids=[RED_M, RED_L])
        again = await counter.on_channel("variants/add", variant_ids=[RED_M, RED_L])
        return [
            Finding("location", bound["facilities"][0]["location_id"], "gid://shopify/Location/1"),
            Finding("primary", bound["facilities"][0]["primary"], True),
            Finding("revision", bound["revision"], 3),
            Finding("unbind the primary", unbound, "409 slc.conflict_state"),
            Finding("added", added["added"], 2),
            Finding("present", again["present"], 2),
        ]

    async def activate(self) -> list[Finding]:
        """Step 4."""
        counter = self._counter
        answer = await counter.revised("channel/activate")
        await counter.shows(SKU_M, 9)
        await counter.shows(SKU_L, 3)
        await counter.at_rest()
        state = await counter.shop.state()
        made = [each for each in await counter.shop.writes() if each["fields"] == ["productSet"]]
        variants = made[0]["variables"]["input"]["variants"] if made else []
        subscriptions = state["subscriptions"]
        return [
            Finding("state", answer["channel"]["state"], "active"),
            Finding("enqueued", answer["enqueued"], 2),
            Finding("subscriptions", len(subscriptions), 10),
            Finding("with includeFields", sum(bool(each["includeFields"]) for each in subscriptions), 10),
            Finding("productSet", len(made), 1),
            Finding("prices", [each["price"] for each in variants], ["19.90", "19.90"]),
            Finding("status", [each["status"] for each in state["variants"]], ["ACTIVE", "ACTIVE"]),
            Finding("quantities", [await counter.shop.quantity(each) for each in (SKU_M, SKU_L)], [9, 3]),
            Finding("in step", [(await counter.variant(each))["sync_state"] for each in STOCK], ["synced", "synced"]),
            Finding("SKUs in the shop", sorted(each["sku"] for each in state["variants"]), [SKU_L, SKU_M]),
        ]

    async def adjust(self) -> list[Finding]:
        """Step 5."""
        counter = self._counter
        # The product's own webhook makes SLC look at it once; that is of the step before.
        await counter.at_rest()
        before = await counter.echoes(len(STOCK))
        await counter.shop.mark()
        await counter.adjust(RED_M, -2)
        await counter.shows(SKU_M, 7)
        echoes = await counter.echoes(before + 1)
        await counter.at_rest()
        return [
            Finding("ICS available", (await counter.buckets(RED_M))["available"], 8),
            Finding("written", await counter.shop.levels_written(), ["9 → 7"]),
            Finding("echoes", echoes - before, 1),
            Finding(
                "calls in all", [each["fields"] for each in await counter.shop.calls()], [["inventorySetQuantities"]]
            ),
        ]

    async def publish_price(self) -> list[Finding]:
        """Step 6."""
        counter = self._counter
        await counter.shop.mark()
        await counter.publish("17.50", style_id="st-tee", variant_id=RED_M, channel_code=WEB)

        async def there() -> bool:
            shown = await counter.shop.shown(SKU_M)
            return shown is not None and shown["price"] == "17.50"

        await counter.until(there)
        await counter.at_rest()
        writes = await counter.shop.writes()
        sent = [
            f"{name} {value}"
            for write in writes
            for each in write["variables"].get("variants", [])
            for name, value in each.items()
            if name != "id"
        ]
        return [
            Finding("writes", [name for each in writes for name in each["fields"]], ["productVariantsBulkUpdate"]),
            Finding("fields sent", sent, ["price 17.50"]),
        ]

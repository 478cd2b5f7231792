"""Steps 7 to 14 of the Shopify story: orders, a race, a refund, drift, a pause, a dead token, and the end."""

from typing import Any

from demo.findings import Finding
from demo.shopify.counter import Counter
from demo.shopify.goods import RED_M, SKU_M
from demo.shopify.opening import SECRET, TOKEN, Step

NEW_TOKEN = "shpat_good_0002"  # noqa: S105
PHRASE = "DELETE CHANNEL WEB PERMANENTLY"
ADJUSTMENTS = 100


class Trading:
    """What happens in an active channel."""

    def __init__(self, counter: Counter) -> None:
        self._counter = counter
        self._orders: list[str] = []

    def steps(self) -> list[tuple[str, Step]]:
        """Title and function of each step, in order."""
        return [
            ("The shop sells 2; the order is rung three times", self.sell),
            ("A sale that nobody rings races a stock change", self.race),
            ("That order is refunded and restocked", self.refund),
            ("Price and quantity are edited silently; the drift job finds and repairs", self.drift),
            ("A pause, 101 changes, and a resume", self.pause),
            ("The token dies, and is replaced", self.lose_token),
            ("Statistics; deactivate", self.deactivate),
            ("Delete the channel", self.delete),
        ]

    async def sell(self) -> list[Finding]:
        """Step 7."""
        counter = self._counter
        # Shopify rings products/update at every order, too; the look that follows would take points in later steps.
        await counter.shop.tell("webhooks", dropped=["products/update"])
        echoes = await counter.echoes(0)
        await counter.shop.mark()
        order_id = await self._sold(2)
        await counter.shop.tell("ring", topic="orders/create", body=_rung(order_id))
        await counter.until(lambda: self._booked(order_id, 2))
        # The sale changed a level, which the shop rings as well; once the order is booked, that is no news.
        await counter.echoes(echoes + 1)
        await counter.at_rest()
        commits, level = await counter.commits(order_id), await counter.level(RED_M)
        return [
            Finding("commits", [each["quantity"] for each in commits], [2]),
            Finding("order_ref", [each["order_ref"] for each in commits], [order_id]),
            Finding("stock cards", await counter.card_kinds(order_id), ["commit"]),
            *await self._stock(available=6, committed=2),
            Finding("writes", len(await counter.shop.writes()), 0),
            Finding("t = b = s", [level["target"], level["baseline"], await counter.shop.quantity(SKU_M)], [5, 5, 5]),
        ]

    async def race(self) -> list[Finding]:
        """Step 8."""
        counter = self._counter
        await counter.shop.mark()
        order_id = await self._sold(1, silent=True)
        await counter.adjust(RED_M, -1)
        await counter.until(lambda: self._booked(order_id, 1))
        await counter.until(self._explained)
        await counter.at_rest()
        level = await counter.level(RED_M)
        writes = [each for each in await counter.shop.writes() if each["fields"] == ["inventorySetQuantities"]]
        return [
            Finding("written", await counter.shop.levels_written(), ["5 → 4 refused"] * 4 + ["4 → 3"]),
            Finding("keys", len({each["variables"]["key"] for each in writes}), 5),
            Finding("commits", [each["quantity"] for each in await counter.commits(order_id)], [1]),
            *await self._stock(available=4, committed=3),
            Finding("t, u, b", [level["target"], level["unseen"], level["baseline"]], [3, 0, 3]),
            Finding("the shop shows", await counter.shop.quantity(SKU_M), 3),
        ]

    async def refund(self) -> list[Finding]:
        """Step 9."""
        counter = self._counter
        order_id = self._orders[-1]
        echoes = await counter.echoes(0)
        await counter.shop.mark()
        await counter.shop.tell("refund", order_id=order_id, sku=SKU_M, quantity=1, restock="CANCEL")
        await counter.until(lambda: self._released(order_id, 1))
        for _ in range(2):
            await counter.shop.tell("ring", topic="orders/cancelled", body=_rung(order_id))
        await counter.echoes(echoes + 1)
        await counter.at_rest()
        level = await counter.level(RED_M)
        return [
            Finding("released", [each["released"] for each in await counter.commits(order_id)], [1]),
            *await self._stock(available=5, committed=2),
            Finding("t, b", [level["target"], level["baseline"]], [4, 4]),
            Finding("writes", len(await counter.shop.writes()), 0),
            Finding("the shop shows", await counter.shop.quantity(SKU_M), 4),
        ]

    async def drift(self) -> list[Finding]:
        """Step 10."""
        counter = self._counter
        await counter.shop.tell("price", sku=SKU_M, price="15.00")
        await counter.shop.tell("quantity", sku=SKU_M, quantity=50, silent=True)
        await counter.shop.mark()
        await counter.run_drift()
        await counter.shows(SKU_M, 4)
        await counter.until(self._repaired)
        await counter.at_rest()
        report = await counter.drift()
        summary = {name: report["summary"][name] for name in ("checked", "in_sync", "drifted", "repaired")}
        shown = await counter.shop.shown(SKU_M) or {}
        kinds = ["drift.repaired", "drift.found"]
        return [
            *(Finding(name, summary[name], {"checked": 2}.get(name, 1)) for name in summary),
            Finding("by field", _fields(report), ["inventory 1", "price 1"]),
            Finding("price", shown.get("price"), "17.50"),
            Finding("written", await counter.shop.levels_written(), ["50 → 4"]),
            Finding("audit", await counter.audited("variant", variant_id=RED_M), kinds),
            Finding("by Shopify id", await counter.audited("shopify", shopify_variant_id=str(shown.get("id"))), kinds),
            Finding("by SKU", await counter.audited("sku", sku=SKU_M), kinds),
        ]

    async def pause(self) -> list[Finding]:
        """Step 11."""
        counter = self._counter
        await counter.revised("channel/pause")
        await counter.shop.mark()
        for number in range(ADJUSTMENTS):
            await counter.adjust(RED_M, 1 if number % 2 else -1)
        await counter.adjust(RED_M, 3)
        await counter.until(self._queued)
        stock = await self._stock(available=8, committed=2)
        writes = len(await counter.shop.writes())
        resumed = await counter.revised("channel/resume")
        await counter.shows(SKU_M, 7)
        await counter.at_rest()
        return [
            *stock,
            Finding("writes in the pause", writes, 0),
            Finding("enqueued", resumed["enqueued"], 1),
            Finding("written", await counter.shop.levels_written(), ["4 → 7"]),
        ]

    async def lose_token(self) -> list[Finding]:
        """Step 12."""
        counter = self._counter
        await counter.shop.tell("revoke", token=TOKEN)
        await counter.adjust(RED_M, 1)
        await counter.until(self._paused)
        pause = (await counter.on_channel("channel/get"))["channel"].get("pause") or {}
        await counter.shop.tell("token", token=NEW_TOKEN)
        rotated = await counter.revised("credentials/rotate", access_token=NEW_TOKEN, webhook_secret=SECRET)
        await counter.shows(SKU_M, 8)
        await counter.at_rest()
        return [
            Finding("paused by", pause.get("by"), "system"),
            Finding("code", pause.get("code"), "credentials"),
            Finding("state after the new token", rotated["channel"]["state"], "active"),
            Finding("the shop shows", await counter.shop.quantity(SKU_M), 8),
        ]

    async def deactivate(self) -> list[Finding]:
        """Step 13."""
        counter = self._counter
        totals = await counter.totals()
        expected = {
            "orders_recorded": 2,
            "units_committed": 3,
            "units_released": 1,
            "units_restocked": 0,
            "drift_found": 1,
            "products_created": 1,
        }
        await counter.revised("channel/deactivate")
        subscriptions = len((await counter.shop.state())["subscriptions"])
        await counter.shop.mark()
        await counter.adjust(RED_M, -1)
        await counter.at_rest()
        return [
            *(Finding(name.replace("_", " "), totals[name], number) for name, number in expected.items()),
            Finding("subscriptions", subscriptions, 0),
            Finding("calls after a change", len(await counter.shop.calls()), 0),
        ]

    async def delete(self) -> list[Finding]:
        """Step 14."""
        counter = self._counter
        before = (await counter.shop.state())["variants"]
        wrong = counter.revised("channel/delete", confirmation_phrase=PHRASE.swapcase().replace("web", "WEB"))
        refused, _ = await counter.refused(wrong)
        deleted = await counter.revised("channel/delete", confirmation_phrase=PHRASE)
        gone, _ = await counter.refused(counter.on_channel("channel/get"))
        return [
            Finding("another phrase", refused, "400 slc.validation_failed"),
            Finding("deleted", deleted["deleted"], True),
            Finding("channel/get", gone, "404 slc.not_found"),
            Finding("the product is as it was", (await counter.shop.state())["variants"] == before, True),
        ]

    async def _sold(self, units: int, **habits: bool) -> str:
        """An order of some units."""
        sold = await self._counter.shop.tell("sell", units={SKU_M: units}, **habits)
        self._orders.append(str(sold["order_id"]))
        return self._orders[-1]

    async def _stock(self, *, available: int, committed: int) -> list[Finding]:
        buckets = await self._counter.buckets(RED_M)
        return [
            Finding("ICS available", buckets["available"], available),
            Finding("ICS committed", buckets["committed"], committed),
        ]

    async def _booked(self, order_id: str, units: int) -> bool:
        return bool(sum(each["quantity"] for each in await self._counter.commits(order_id)) == units)

    async def _released(self, order_id: str, units: int) -> bool:
        return bool(sum(each["released"] for each in await self._counter.commits(order_id)) == units)

    async def _explained(self) -> bool:
        level = await self._counter.level(RED_M)
        return bool(level["unseen"] == 0 and level["baseline"] == level["target"])

    async def _repaired(self) -> bool:
        return bool((await self._counter.drift())["summary"]["repaired"] == 1)

    async def _queued(self) -> bool:
        return bool((await self._counter.on_channel("channel/get"))["channel"]["variants"]["queued"] == 1)

    async def _paused(self) -> bool:
        return bool((await self._counter.on_channel("channel/get"))["channel"]["state"] == "paused")


def _rung(order_id: str) -> dict[str, Any]:
    """The body of an order's webhook."""
    return {"id": int(order_id.rpartition("/")[2]), "admin_graphql_api_id": order_id}


def _fields(report: dict[str, Any]) -> list[str]:
    return [f"{each['field']} {each['count']}" for each in report["by_field"]]

"""What the steps of the Shopify story ask of the stack: SLC, ICS and PMC, through the gateway and by `stackctl`."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Any

from demo.assortment.publishing import start_run, step_to_the_end, store_pack
from demo.operator import Operator
from demo.shopify.goods import FACILITY, pack
from demo.shopify.standin import StandInShop
from demo.stack import Refused, Shop

SECONDS = 60.0
"""How long something is waited for. A step that does not come true in time is compared as it is then."""

POLL_SECONDS = 0.15
QUIET_SECONDS = 1.0
"""What has been still for so long has come to rest."""


class Counter:
    """One channel and its shop. Keeps the newest channel, and every answer of SLC as text."""

    def __init__(self, stack: Shop, standin: StandInShop, operator: Operator, orgcode: str) -> None:
        self._stack = stack
        self._operator = operator
        self._orgcode = orgcode
        self._pack_id: str | None = None
        self.shop = standin
        self.channel: dict[str, Any] = {}
        self.answers: list[str] = []

    # ── SLC ───────────────────────────────────────────────────────────────────────────────────────────────────────────

    async def slc(self, action: str, **fields: Any) -> dict[str, Any]:
        """The `data` of an action. Raises Refused."""
        data = await self._stack.call("/slc", action=action, orgcode=self._orgcode, **fields)
        self.answers.append(json.dumps(data))
        self.channel = data.get("channel", self.channel)
        return data

    async def on_channel(self, action: str, **fields: Any) -> dict[str, Any]:
        """An action on the channel."""
        return await self.slc(action, channel_id=self.channel["channel_id"], **fields)

    async def revised(self, action: str, **fields: Any) -> dict[str, Any]:
        """An action on the channel as it is now."""
        await self.on_channel("channel/get")
        return await self.on_channel(action, expected_revision=self.channel["revision"], **fields)

    async def refused(self, asked: Awaitable[Any]) -> tuple[str, dict[str, Any]]:
        """Status and error code of a refusal, and its details; the status of a success."""
        try:
            await asked
        except Refused as refusal:
            return f"{refusal.status} {refusal.error_code}", dict(refusal.details)
        return "200", {}

    async def variant(self, variant_id: str) -> dict[str, Any]:
        """A variant of the channel; an empty one where it is not on the list."""
        items = (await self.on_channel("variants/list", variant_id=variant_id))["items"]
        return dict(items[0]) if items else {}

    async def level(self, variant_id: str) -> dict[str, Any]:
        """The level of a variant at the shop's location."""
        levels = (await self.variant(variant_id)).get("levels") or [{}]
        return dict(levels[0])

    async def totals(self) -> dict[str, Any]:
        """The statistics of the last hour."""
        stats = (await self.on_channel("channel/stats", period="1h"))["stats"]
        return dict(stats["totals"])

    async def drift(self) -> dict[str, Any]:
        """The newest drift report."""
        return dict((await self.on_channel("channel/stats", period="1h"))["stats"]["drift"])

    async def audited(self, by: str, **what: str) -> list[str]:
        """The kinds of the audit records of the drift, newest first, each kind once."""
        items = (await self.slc(f"audit/{by}-history", **what))["items"]
        return list(dict.fromkeys(each["kind"] for each in items if each["kind"].startswith("drift.")))

    # ── ICS and PMC ───────────────────────────────────────────────────────────────────────────────────────────────────

    async def adjust(self, variant_id: str, delta: int) -> None:
        """Change the stock of the facility."""
        await self._stack.call("/ics/adjustment/create", variant_id=variant_id, delta=delta, reason_code="correction")

    async def buckets(self, variant_id: str) -> dict[str, int]:
        """What ICS has of a variant."""
        asked = {"variant_id": variant_id, "logical_guid": FACILITY}
        return dict((await self._stack.call("/ics/stock/get", **asked))["stock"]["buckets"])

    async def commits(self, order_id: str) -> list[dict[str, Any]]:
        """The commits of an order, oldest first."""
        return (await self._stack.all_items("/ics/commit/list", order_ref=order_id))[::-1]

    async def card_kinds(self, order_id: str) -> list[str]:
        """The kinds of the stock cards of an order, oldest first."""
        cards = await self._stack.all_items("/ics/stock/card/list", order_ref=order_id, order="oldest")
        return list(dict.fromkeys(each["kind"] for each in cards))

    async def profile(self, profile: dict[str, Any]) -> None:
        """Set a publish profile."""
        await self._stack.call("/pmc/publish-profile/set", **profile)

    async def publish(self, price: str, **selected: str) -> dict[str, Any]:
        """Publish the pack with this price: the run."""
        known = {"pack_id": self._pack_id} if self._pack_id else {}
        self._pack_id = str((await store_pack(self._stack, pack(price), **known))["pack_id"])
        return await step_to_the_end(self._stack, await start_run(self._stack, pack_id=self._pack_id, **selected))

    async def run_drift(self) -> dict[str, Any]:
        """Run the drift job for this channel."""
        return await self._operator.run_job("slc", "SlcDriftDetect", channel_id=self.channel["channel_id"])

    # ── waiting ───────────────────────────────────────────────────────────────────────────────────────────────────────

    async def until(self, holds: Callable[[], Awaitable[bool]], seconds: float = SECONDS) -> None:
        """Wait until it holds, or for so long."""
        ends_at = monotonic() + seconds
        while not await holds():
            if monotonic() > ends_at:
                return
            await asyncio.sleep(POLL_SECONDS)

    async def shows(self, sku: str, units: int) -> None:
        """Wait until the shop shows this number of units."""

        async def there() -> bool:
            return await self.shop.quantity(sku) == units

        await self.until(there)

    async def at_rest(self) -> None:
        """Wait until no job waits, and the shop has been left alone for a while."""
        calls, since = -1, monotonic()

        async def still() -> bool:
            nonlocal calls, since
            now = (await self.shop.state())["calls"]
            queued = (await self.on_channel("channel/get"))["channel"]["variants"]["queued"]
            if now != calls or queued:
                calls, since = now, monotonic()
            return monotonic() - since > QUIET_SECONDS

        await self.until(still)

    async def echoes(self, number: int) -> int:
        """Wait until this number of echoes is counted; how many there are."""

        async def there() -> bool:
            return int((await self.totals())["echoes"]) >= number

        await self.until(there)
        return int((await self.totals())["echoes"])

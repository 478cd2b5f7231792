"""A shop, its channel, and the stock and content behind it."""

from typing import Any

from chassis.testing.client import FACILITY, ServiceClient
from tests.shop.server import ShopServer
from tests.slc.counter import SECRET, TOKEN, Counter
from tests.slc.sync.given import SECONDS
from tests.slc.sync.peers import Peers
from tests.waiting import until


class Whole(Counter):
    """A counter whose catalogue is published, too."""

    def __init__(self, service: ServiceClient, ics: ServiceClient, server: ShopServer, peers: Peers) -> None:
        super().__init__(service, ics, server)
        self.peers = peers

    def publish(self, variant_id: str, **content: Any) -> None:
        """PMC serves a variant."""
        self.peers.pmc.put(self.orgcode, variant_id, **content)

    async def selling(self, stock: dict[str, int], **config: Any) -> "Whole":
        """A standard channel that is active and in step, with these units."""
        for variant_id, units in stock.items():
            self.publish(variant_id)
            await self.stock(variant_id, units)
        given = {"channel_code": "WEB", "name": "Web", "type": "standard", "shop_domain": self.domain}
        await self.ask("channel/create", **given, config={"debounce_ms": 0, **config})
        await self.ask("credentials/rotate", **self.revised, access_token=TOKEN, webhook_secret=SECRET)
        await self.ask("facility/bind", **self.revised, logical_guid=FACILITY)
        await self.ask("variants/add", **self.ids, variant_ids=list(stock))
        self.channel = await self.slc.again(self.channel)
        await self.ask("channel/activate", **self.revised)
        for variant_id in stock:
            await self.synced(variant_id)
        return self

    async def variant(self, variant_id: str) -> dict[str, Any]:
        """A variant of the channel."""
        answer = await self.slc.ask("variants/list", **self.ids, variant_id=variant_id)
        found: dict[str, Any] = answer.data["items"][0]
        return found

    async def synced(self, variant_id: str) -> None:
        """Wait until a variant is in step."""

        async def there() -> bool:
            return bool((await self.variant(variant_id))["sync_state"] == "synced")

        await until(there, SECONDS, lambda: f"{variant_id} is not synced: {self.standin.log}")

    async def shows(self, variant_id: str, units: int) -> None:
        """Wait until the shop shows the given number of units."""
        sku = f"SKU-{variant_id}".upper()
        await until(lambda: self.standin.available(sku) == units, SECONDS, lambda: str(self.standin.log[-3:]))

    async def totals(self) -> dict[str, Any]:
        """The statistics of the last hour."""
        answer = await self.slc.ask("channel/stats", **self.ids, period="1h")
        assert answer.status == 200, answer
        found: dict[str, Any] = answer.data["stats"]["totals"]
        return found

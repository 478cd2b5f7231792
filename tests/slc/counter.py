"""A shop counter: one shop, one channel, one facility, and what both sides say of it."""

import itertools
import uuid
from typing import Any

from msgspec.structs import replace

from chassis.caller import ANONYMOUS, SYSTEM, Call
from chassis.clock import SystemClock, Utc
from chassis.ids import new_id
from chassis.testing.client import FACILITY, ServiceClient
from chassis.unit import Change, View
from chassis.work.item import ITEMS, WorkItem
from services.slc.audit.domain import StoredAudit
from services.slc.audit.store import AUDIT
from services.slc.variant.domain import StoredLevel, row_id_of
from services.slc.variant.store import VARIANTS, save_row
from tests.chassis.bus_given import eventually
from tests.shop.model import Item, Level, Product, Variant
from tests.shop.server import ShopServer
from tests.shop.standin import StandIn
from tests.slc.given import Channels

TOKEN = "shpat_good_0001"
SECRET = "shop-secret-0001"
BEFORE = Utc("2020-01-01T00:00:00.000Z")

_numbers = itertools.count(1)


class Counter:
    """One org's shop and channel."""

    def __init__(self, service: ServiceClient, ics: ServiceClient, server: ShopServer) -> None:
        org = f"T{uuid.uuid4().hex[:15].upper()}"
        self.server = server
        self.slc = Channels(service.as_caller(orgcode=org).plain)
        self.ics = ics.as_caller(orgcode=org)
        self.orgcode = org
        self.domain = f"counter-{next(_numbers)}-{uuid.uuid4().hex[:6]}.myshopify.com"
        self.standin = StandIn(self.domain, secret=SECRET)
        self.standin.shop.add_location("Main street")
        self.standin.token(TOKEN)
        server.shops[self.domain] = self.standin
        self.channel: dict[str, Any] = {}

    @property
    def ids(self) -> dict[str, Any]:
        return {"channel_id": self.channel["channel_id"]}

    @property
    def revised(self) -> dict[str, Any]:
        return {**self.ids, "expected_revision": self.channel["revision"]}

    async def ask(self, action: str, **fields: Any) -> dict[str, Any]:
        """A call on the channel that succeeds; the channel is kept."""
        answer = await self.slc.ask(action, **fields)
        assert answer.status == 200, answer
        data: dict[str, Any] = answer.data
        self.channel = data.get("channel", self.channel)
        return data

    async def connected(self, **config: Any) -> "Counter":
        """A channel with credentials and a facility."""
        given = {"channel_code": "WEB", "name": "Web", "type": "custom", "shop_domain": self.domain, "config": config}
        await self.ask("channel/create", **given)
        await self.ask("credentials/rotate", **self.revised, access_token=TOKEN, webhook_secret=SECRET)
        await self.ask("facility/bind", **self.revised, logical_guid=FACILITY)
        return self

    async def open(self, **config: Any) -> "Counter":
        """An active channel."""
        await self.connected(**config)
        await self.ask("channel/activate", **self.revised)
        return self

    async def stock(self, variant_id: str, units: int) -> None:
        """Put units into the facility."""
        answer = await self.ics.post("/adjustment/create", variant_id=variant_id, delta=units, reason_code="found")
        assert answer.status == 200, answer

    async def listed(self, variant_id: str, units: int, *, shown: int | None = None) -> None:
        """A variant of the shop that is mapped and in step: with its units here and those shown there."""
        shop = self.standin.shop
        where = next(iter(shop.locations))
        item = Item(shop.gid("InventoryItem"), variant_id, levels={where: Level(units if shown is None else shown)})
        product = Product(shop.gid("Product"), variant_id.lower(), variant_id, options=["Title"])
        variant = Variant(shop.gid("ProductVariant"), product.id, item, [("Title", "Default Title")])
        product.variants.append(variant)
        shop.add_product(product)
        if units:
            await self.stock(variant_id, units)
        await self.ask("variants/add", **self.ids, variant_ids=[variant_id])
        await self.mapped(variant_id, product.id, variant, where)

    async def mapped(self, variant_id: str, product_id: str, variant: Variant, where: str) -> None:
        """Have the row of a variant say that it is in step."""
        level = StoredLevel(
            location_id=where,
            baseline=variant.item.levels[where].available,
            unseen=0,
            oversold=0,
            awaiting=0,
            target=0,
            since_utc=BEFORE,
        )

        async def write(change: Change) -> None:
            row = await change.load(VARIANTS, row_id_of(self.channel["channel_id"], variant_id))
            after = replace(
                row,
                sku=variant_id,
                sku_key=variant_id.casefold(),
                shopify_product_id=product_id,
                shopify_variant_id=variant.id,
                inventory_item_id=variant.item.id,
                levels=[level],
            )
            await save_row(change, row, after)

        await self.units.change(self.call, write)

    @property
    def units(self) -> Any:
        return self.slc.client.application.runtime.units

    @property
    def call(self) -> Call:
        now = SystemClock().now()
        caller = replace(SYSTEM, orgcode=self.orgcode)
        return Call(caller=caller, name="test", request_id=new_id(now), started_utc=now)

    async def deliver(self) -> None:
        """Send the webhooks that lie ready, as the gateway passes them on."""
        client = self.slc.client.as_caller()
        client.caller = ANONYMOUS
        waiting, self.standin.hooks.outbox = self.standin.hooks.outbox, []
        for each in waiting:
            answer = await client.send("POST", "/webhooks/shopify", each.body, each.headers)
            assert (answer.status, answer.raw) == (200, b""), answer

    async def level(self, variant_id: str) -> dict[str, Any]:
        answer = await self.slc.ask("variants/list", **self.ids, variant_id=variant_id)
        found: dict[str, Any] = answer.data["items"][0]["levels"][0]
        return found

    async def buckets(self, variant_id: str) -> dict[str, int]:
        """What ICS has of a variant."""
        answer = await self.ics.post("/stock/get", variant_id=variant_id)
        found: dict[str, int] = answer.data["stock"]["buckets"]
        return found

    async def audits(self, kind: str) -> list[StoredAudit]:
        """The audit records of a kind, oldest first; those too that no history shows."""

        async def read(view: View) -> list[StoredAudit]:
            return await view.find(AUDIT, {"channel_id": self.channel["channel_id"]}, order=("audit_id",))

        return [each for each in await self.units.view(self.call, read) if each.kind == kind]

    async def order(self, order_id: str) -> dict[str, Any] | None:
        """The record of an order."""
        answer = await self.slc.ask("orders/list", **self.ids, shopify_order_id=order_id)
        items = answer.data["items"]
        return items[0] if items else None

    async def work(self, queue: str, key: str) -> WorkItem | None:
        """What is to be done of this key, if anything."""

        async def read(view: View) -> WorkItem | None:
            return await view.get(ITEMS, f"{queue}/{self.orgcode}/{key}")

        found: WorkItem | None = await self.units.view(self.call, read)
        return found

    async def settled(self, order_id: str, state: str, **line: int) -> dict[str, Any]:
        """Wait until an order is in a state and its first line has these numbers."""

        async def holds() -> bool:
            order = await self.order(order_id)
            if order is None or order["state"] != state:
                return False
            return all(order["lines"][0][name] == number for name, number in line.items())

        await eventually(holds)
        found = await self.order(order_id)
        assert found is not None
        return found

"""A channel, its shop, and what PMC and ICS say of its variants."""

import itertools
import uuid
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from msgspec.structs import replace

from chassis.caller import Call
from chassis.clock import SystemClock
from chassis.testing.client import ServiceClient
from chassis.unit import Change
from services.slc.channel.domain import FacilityBinding
from services.slc.channel.store import CHANNELS
from services.slc.job.domain import Reason
from services.slc.job.store import note
from services.slc.variant.domain import StoredVariant
from services.slc.variant.store import VARIANTS, rows_of
from tests.shop.server import ShopServer
from tests.shop.standin import StandIn
from tests.slc.given import Channels
from tests.slc.sync.peers import Peers
from tests.waiting import until

T = TypeVar("T")
FACILITY = "fac-1"
TOKEN = "shpat_good_0001"
SECONDS = 20.0

_shops = itertools.count(1)


class Shopfloor:
    """One org, one shop, one channel."""

    def __init__(self, client: ServiceClient, peers: Peers, server: ShopServer) -> None:
        self.orgcode = f"T{uuid.uuid4().hex[:15].upper()}"
        self.slc = Channels(client.as_caller(orgcode=self.orgcode).plain)
        self.peers = peers
        self.standin = StandIn(f"sync-{next(_shops)}-{uuid.uuid4().hex[:6]}.myshopify.com")
        self.location = self.standin.shop.add_location("Main street").id
        self.standin.token(TOKEN)
        # Nobody is there who takes webhooks in.
        self.standin.hooks.habits.held = True
        server.shops[self.standin.shop.domain] = self.standin
        self.channel: dict[str, Any] = {}
        self._client = client

    async def open(self, *variant_ids: str, kind: str = "standard", **config: Any) -> None:
        """An active channel with these variants on its list."""
        config = {"debounce_ms": 0, **config}
        channel = await self.slc.channel(type=kind, shop_domain=self.standin.shop.domain, config=config)
        rotated = await self.slc.ask(
            "credentials/rotate",
            channel_id=channel["channel_id"],
            expected_revision=channel["revision"],
            access_token=TOKEN,
        )
        assert rotated.status == 200, rotated
        self.channel = rotated.data["channel"]
        await self._bind()
        if variant_ids:
            added = await self.slc.ask("variants/add", channel_id=self.channel["channel_id"], variant_ids=variant_ids)
            assert added.status == 200, added
        self.channel = await self.slc.again(self.channel)
        answer = await self.slc.ask(
            "channel/activate", channel_id=self.channel["channel_id"], expected_revision=self.channel["revision"]
        )
        assert answer.status == 200, answer

    async def act(self, action: str) -> None:
        """Pause, resume or deactivate the channel."""
        channel = await self.slc.again(self.channel)
        answer = await self.slc.ask(action, channel_id=channel["channel_id"], expected_revision=channel["revision"])
        assert answer.status == 200, answer

    def publish(self, *variant_ids: str, stock: int | None = None, **content: Any) -> None:
        """PMC serves these variants; ICS promises the given number of units of each."""
        for each in variant_ids:
            self.peers.pmc.put(self.orgcode, each, **content)
            if stock is not None:
                self.stock(each, stock)

    def stock(self, variant_id: str, units: int) -> None:
        """ICS promises the given number of units."""
        self.peers.ics.units[variant_id, FACILITY] = units

    async def note(self, *variant_ids: str, **reason: Any) -> None:
        """Something changed."""

        async def write(change: Change) -> None:
            channel = await change.load(CHANNELS, self.channel["channel_id"])
            rows = await rows_of(change, channel.channel_id, variant_ids)
            await note(change, channel, list(rows.values()), Reason(**{"cause": "product", **reason}))

        await self.change(write)

    async def row(self, variant_id: str) -> StoredVariant:
        """The variant as it is stored."""

        async def read(change: Change) -> StoredVariant:
            return await change.load(VARIANTS, f"{self.channel['channel_id']}/{variant_id}")

        return await self.change(read)

    async def state(self, variant_id: str, *states: str) -> StoredVariant:
        """Wait until the variant is in one of these states."""

        async def there() -> StoredVariant | None:
            row = await self.row(variant_id)
            return row if row.sync_state in states else None

        found: StoredVariant = await until(there, SECONDS, lambda: f"{variant_id} is not {states}: {self.standin.log}")
        return found

    async def synced(self, *variant_ids: str) -> None:
        """Wait until these are in step."""
        for each in variant_ids:
            await self.state(each, "synced")

    async def history(self, variant_id: str) -> list[dict[str, Any]]:
        """What was audited about a variant, oldest first."""
        answer = await self.slc.ask("audit/variant-history", variant_id=variant_id)
        return list(reversed(answer.data["items"]))

    async def change(self, handler: Callable[[Change], Awaitable[T]]) -> T:
        """Run a change in the org."""
        assert self.slc.client.caller is not None
        call = Call(caller=self.slc.client.caller, name="test", request_id="test", started_utc=SystemClock().now())
        return await self._client.application.runtime.units.change(call, handler)

    async def _bind(self) -> None:
        async def write(change: Change) -> None:
            channel = await change.load(CHANNELS, self.channel["channel_id"])
            binding = FacilityBinding(
                logical_guid=FACILITY, location_id=self.location, primary=True, bound_utc=change.now, bound_by="tester"
            )
            await change.update(CHANNELS, replace(channel, facilities=[binding]))

        await self.change(write)

"""How the rest of SLC comes to a shop: the channel's token, opened where it is needed and kept nowhere."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from chassis.caller import Call
from chassis.key_ring import KeyRing
from chassis.resource import resource
from chassis.sealing import Sealer
from chassis.unit import Units, View
from services.slc.channel.domain import StoredChannel
from services.slc.counters.calls import count_sent
from services.slc.credential.domain import CredentialTestFailed, Given, check_facts
from services.slc.credential.store import CREDENTIALS
from services.slc.settings import SlcSettings
from services.slc.shopify.errors import CredentialRefused, ShopFailed
from services.slc.shopify.port import Shop, Shops
from services.slc.shopify.states import ShopFacts


class ShopAccess:
    """Opens shops with the stored token of a channel. A resource: asked for by type."""

    def __init__(self, settings: SlcSettings, units: Units, sealer: Sealer, shops: Shops) -> None:
        self._settings = settings
        self._units = units
        self._sealer = sealer
        self.shops = shops
        self.fingerprints = KeyRing.derived(settings.caller_key, "slc credential fingerprints")

    async def shop(
        self, call: Call, channel: StoredChannel, *, reserve_percent: int = 0, patience_seconds: float = 30.0
    ) -> Shop:
        """The channel's shop; as `Shops.open`. Raises `CredentialRefused` if the channel has no token."""
        return self.shops.open(
            channel.shop_domain,
            await self.token(call, channel.channel_id),
            reserve_percent=reserve_percent,
            patience_seconds=patience_seconds,
        )

    @asynccontextmanager
    async def counted(self, call: Call, channel: StoredChannel) -> AsyncIterator[Shop]:
        """The channel's shop for a while; what was sent to it is counted at the end, however that comes.

        Raises `CredentialRefused` if the channel has no token.
        """
        shop = await self.shop(call, channel)
        try:
            yield shop
        finally:
            await count_sent(self._units, call, channel.channel_id, shop)

    async def token(self, call: Call, channel_id: str) -> str:
        """The token of a channel. Raises `CredentialRefused` if it has none."""

        async def read(view: View) -> str | None:
            stored = await view.get(CREDENTIALS, channel_id)
            if stored is None or stored.access_token is None:
                return None
            return self._sealer.open(CREDENTIALS, stored, "access_token")

        token = await self._units.view(call, read)
        if token is None:
            raise CredentialRefused("the channel has no credentials")
        return token

    async def probe(self, shop_domain: str, token: str) -> ShopFacts:
        """What a shop says of a token. Raises `CredentialTestFailed` if it refuses it, else `ShopFailed`."""
        return await _probed(self.shops.open(shop_domain, token))

    async def tested(self, call: Call, channel: StoredChannel, given: Given) -> ShopFacts:
        """The facts of a token that passes the test for this channel.

        Raises `CredentialTestFailed`, or `ShopFailed` if the shop does not answer.
        """
        shop = self.shops.open(channel.shop_domain, given.access_token)
        try:
            facts = await _probed(shop)
        finally:
            await count_sent(self._units, call, channel.channel_id, shop)
        check_facts(channel, facts)
        return facts

    async def tested_or_unreachable(self, call: Call, channel: StoredChannel, given: Given) -> ShopFacts:
        """As `tested`, but a shop that does not answer has failed the test."""
        try:
            return await self.tested(call, channel, given)
        except ShopFailed as failure:
            raise CredentialTestFailed("the shop does not answer", check="reachable") from failure


async def _probed(shop: Shop) -> ShopFacts:
    try:
        return await shop.account.probe()
    except CredentialRefused as refusal:
        raise CredentialTestFailed("the shop refuses the token", check="accepted") from refusal


@resource
async def shop_access(settings: SlcSettings, units: Units, sealer: Sealer, shops: Shops) -> AsyncIterator[ShopAccess]:
    """The way to shops, with the tokens of channels."""
    yield ShopAccess(settings, units, sealer, shops)

"""Who may sign the webhooks of a shop: its channels and their secrets, kept in memory for some seconds."""

from collections.abc import AsyncIterator
from time import monotonic
from typing import Any, Literal

from chassis.caller import Call
from chassis.resource import resource
from chassis.sealed import Sealed
from chassis.sealing import Sealer
from chassis.telemetry.metrics import Metrics
from chassis.telemetry.names import Metric
from chassis.unit import Change, Units, View
from services.slc.channel.domain import StoredChannel
from services.slc.channel.store import CHANNELS, channels_of_shop
from services.slc.credential.domain import StoredCredential
from services.slc.credential.store import CREDENTIALS, credentials_of_shop
from services.slc.settings import SlcSettings
from services.slc.shopify.signatures import body_holds

KEPT_SECONDS = 5.0
"""How long the channels of a shop are remembered. What is stored of a webhook is checked against the database in any
case, so only a channel that was created within this time may be missed, and such a channel has no subscription yet."""

SHOPS_KEPT_MAX = 1_000

DROPPED = Metric(
    name="retailstack_slc_webhooks_dropped_total",
    kind="counter",
    labels=("reason",),
    meaning="Webhooks with a right signature that concern nobody: unknown_shop (no channel names the shop), "
    "unknown_topic (a topic that SLC has not subscribed to, or a body without an id).",
    action="unknown_shop in numbers: the app is installed in a shop whose channel was deleted; uninstall it there. "
    "unknown_topic: somebody else has subscribed our address; look at the webhooks in the app's settings.",
)


class WebhookSigner:
    """A channel, and the secrets that may sign for it. `sealed` is the stored secret that they were read from."""

    __slots__ = ("_secrets", "channel_id", "orgcode", "sealed", "shop_domain")

    def __init__(self, channel: StoredChannel, sealed: Sealed | None, secrets: tuple[str, ...]) -> None:
        self.channel_id = channel.channel_id
        self.orgcode = channel.orgcode
        self.shop_domain = channel.shop_domain
        self.sealed = sealed
        self._secrets = secrets

    def has_signed(self, raw: bytes, signature: str) -> bool:
        """Whether one of its secrets signed this body; compares in constant time."""
        return body_holds(raw, signature, self._secrets)

    async def channel(self, change: Change) -> StoredChannel | None:
        """The channel as it is now; None if it is gone, or its secret is another one by now. Index: id."""
        change.prefetch(CREDENTIALS, [self.channel_id])
        channel = await change.get(CHANNELS, self.channel_id)
        credential = await change.get(CREDENTIALS, self.channel_id)
        return channel if _sealed_of(credential) == self.sealed else None


class ShopSigners:
    """Finds the signers of shops. A resource: asked for by type."""

    def __init__(self, units: Units, sealer: Sealer, settings: SlcSettings, metrics: Metrics) -> None:
        self._dropped = metrics.counter(DROPPED)
        self._units = units
        self._sealer = sealer
        self._settings = settings
        self._kept: dict[str, tuple[float, list[WebhookSigner]]] = {}

    def remembers(self, shop_domain: str) -> bool:
        """Whether the signers of a shop were read a moment ago."""
        known = self._kept.get(shop_domain)
        return known is not None and monotonic() - known[0] < KEPT_SECONDS

    async def of_shop(self, call: Call, shop_domain: str, *, fresh: bool) -> list[WebhookSigner]:
        """The signers of a shop in all orgs: as they are remembered, or with `fresh` as the database has them now."""
        if not fresh and self.remembers(shop_domain):
            return self._kept[shop_domain][1]
        self._kept.pop(shop_domain, None)
        if not shop_domain:
            return []
        began = monotonic()
        signers = await self._units.view(call, lambda view: self._read(view, shop_domain))
        if signers:
            while len(self._kept) >= SHOPS_KEPT_MAX:
                self._kept.pop(next(iter(self._kept)))
            self._kept[shop_domain] = (began, signers)
        return signers

    def dropped(self, reason: Literal["unknown_shop", "unknown_topic"]) -> None:
        """Count a webhook with a right signature that concerns nobody."""
        self._dropped.labels(reason).inc()

    async def _read(self, view: View, shop_domain: str) -> list[WebhookSigner]:
        found: list[Any] = await view.together(
            read for read in (channels_of_shop(view, shop_domain), credentials_of_shop(view, shop_domain))
        )
        stored = {each.channel_id: each for each in found[1]}
        return [self._signer(channel, stored.get(channel.channel_id)) for channel in found[0]]

    def _signer(self, channel: StoredChannel, credential: StoredCredential | None) -> WebhookSigner:
        sealed = _sealed_of(credential)
        if credential is None or sealed is None:
            return WebhookSigner(channel, None, self._settings.client_secrets())
        return WebhookSigner(channel, sealed, (self._sealer.open(CREDENTIALS, credential, "webhook_secret"),))


def _sealed_of(credential: StoredCredential | None) -> Sealed | None:
    return credential.webhook_secret if credential is not None else None


@resource(metrics=[DROPPED])
async def shop_signers(
    units: Units, sealer: Sealer, settings: SlcSettings, metrics: Metrics
) -> AsyncIterator[ShopSigners]:
    """Who may sign webhooks."""
    yield ShopSigners(units, sealer, settings, metrics)

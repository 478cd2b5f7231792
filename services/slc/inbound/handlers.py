"""The way in for webhooks: signature, shop, topic and id are checked and stored, and the answer is given at once."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from hashlib import sha256

from chassis.caller import Call
from chassis.clock import Utc, utc
from chassis.endpoint import Endpoints
from chassis.jobs.orgs import within
from chassis.raw import BodyStream, Content, RawRequest
from chassis.sealing import Sealer
from chassis.unit import Change, Units, View
from services.slc.channel.domain import StoredChannel
from services.slc.channel.store import channels_of_shop
from services.slc.counters.store import count
from services.slc.credential.store import CREDENTIALS, credentials_of_shop
from services.slc.inbound.taking_in import take_in
from services.slc.inbound.topics import WebhookSubject, read_webhook
from services.slc.lifecycle.store import Doorbell
from services.slc.settings import SlcSettings
from services.slc.shopify.signatures import body_holds

endpoints = Endpoints("slc", "/webhooks")

WEBHOOK_BYTES_MAX = 1024 * 1024


@endpoints.raw(
    "POST",
    "/shopify",
    tenant=False,
    body_bytes_max=WEBHOOK_BYTES_MAX,
    produces=[],
    emits=["slc.webhook.received"],
    statuses={401: "The signature is missing or wrong."},
)
async def slc_webhook(
    call: Call, http: RawRequest, body: BodyStream, units: Units, sealer: Sealer, settings: SlcSettings
) -> Content:
    """Take in a webhook of Shopify."""
    raw = await body.read()
    headers = {name.lower(): value for name, value in http.headers.items()}
    shop_domain = headers.get("x-shopify-shop-domain", "").lower()
    signature = headers.get("x-shopify-hmac-sha256", "")
    channels, secrets = await _known(units, call, shop_domain, sealer, settings)
    rung = [each for each in channels if body_holds(raw, signature, secrets[each.channel_id])]
    if not rung:
        # The stack's own app may be installed in shops that no channel names.
        if not channels and body_holds(raw, signature, settings.client_secrets()):
            return Content()
        for channel in channels:
            await units.change(within(call, channel.orgcode), _count(channel, 1))
        return Content(status=401)
    topic = headers.get("x-shopify-topic", "").lower()
    named = read_webhook(topic, raw)
    if named is None:
        return Content()
    webhook_id = headers.get("x-shopify-webhook-id") or sha256(topic.encode() + raw).hexdigest()
    for channel in rung:
        triggered = _moment(headers.get("x-shopify-triggered-at"))
        doorbell = _doorbell(channel, webhook_id, topic, named, triggered, call.started_utc)
        await units.change(within(call, channel.orgcode), _taking(channel, named, doorbell))
    return Content()


def _taking(channel: StoredChannel, named: WebhookSubject, doorbell: Doorbell) -> Callable[[Change], Awaitable[None]]:
    async def write(change: Change) -> None:
        await take_in(change, channel, named, doorbell)

    return write


def _count(channel: StoredChannel, refused: int) -> Callable[[Change], Awaitable[None]]:
    async def write(change: Change) -> None:
        await count(change, channel.channel_id, webhooks_refused=refused)

    return write


async def _known(
    units: Units, call: Call, shop_domain: str, sealer: Sealer, settings: SlcSettings
) -> tuple[list[StoredChannel], dict[str, tuple[str, ...]]]:
    """The channels of a shop in all orgs, and the secrets that may sign for each."""

    async def read(view: View) -> tuple[list[StoredChannel], dict[str, tuple[str, ...]]]:
        channels = await channels_of_shop(view, shop_domain)
        own: dict[str, tuple[str, ...]] = {}
        for stored in await credentials_of_shop(view, shop_domain):
            if stored.webhook_secret is not None:
                own[stored.channel_id] = (sealer.open(CREDENTIALS, stored, "webhook_secret"),)
        return channels, {each.channel_id: own.get(each.channel_id, settings.client_secrets()) for each in channels}

    return await units.view(call, read) if shop_domain else ([], {})


def _doorbell(
    channel: StoredChannel,
    webhook_id: str,
    topic: str,
    named: WebhookSubject,
    triggered_utc: Utc | None,
    received_utc: Utc,
) -> Doorbell:
    return Doorbell(
        row_id=f"{channel.channel_id}/{webhook_id[:128]}",
        webhook_id=webhook_id[:128],
        channel_id=channel.channel_id,
        topic=topic,
        shop_domain=channel.shop_domain,
        resource_id=named.resource_id,
        location_id=named.location_id,
        available=named.available,
        triggered_utc=triggered_utc,
        received_utc=received_utc,
    )


def _moment(text: str | None) -> Utc | None:
    try:
        found = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return utc(found if found.tzinfo else found.replace(tzinfo=UTC))

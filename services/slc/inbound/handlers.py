"""The way in for webhooks: signature, shop, topic and id are checked and stored, and the answer is given at once.

A webhook costs one transaction. Who may sign it is remembered; that transaction checks that this still holds.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from hashlib import sha256

from chassis.caller import Call
from chassis.clock import Utc, utc
from chassis.endpoint import Endpoints
from chassis.entity import Value
from chassis.errors import Unavailable
from chassis.jobs.orgs import within
from chassis.raw import BodyStream, Content, RawRequest
from chassis.unit import Change, Units
from services.slc.counters.store import count, prefetch_counted
from services.slc.inbound.signers import ShopSigners, WebhookSigner
from services.slc.inbound.taking_in import take_in
from services.slc.inbound.topics import WebhookSubject, read_webhook
from services.slc.lifecycle.store import DOORBELLS, Doorbell
from services.slc.settings import SlcSettings
from services.slc.shopify.signatures import body_holds

endpoints = Endpoints("slc", "/webhooks")

WEBHOOK_BYTES_MAX = 1024 * 1024


class Webhook(Value):
    """What is kept of a webhook, whatever channel it is for."""

    webhook_id: str
    topic: str
    subject: WebhookSubject
    triggered_utc: Utc | None
    received_utc: Utc


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
    call: Call, http: RawRequest, body: BodyStream, units: Units, signers: ShopSigners, settings: SlcSettings
) -> Content:
    """Take in a webhook of Shopify."""
    raw = await body.read()
    headers = http.headers
    shop_domain = headers.get("x-shopify-shop-domain", "").lower()
    signature = headers.get("x-shopify-hmac-sha256", "")
    known: list[WebhookSigner] = []
    signed: list[WebhookSigner] = []
    # What is remembered may be out of date: nothing is refused before the database was asked.
    for fresh in (False, True) if signers.remembers(shop_domain) else (True,):
        known = await signers.of_shop(call, shop_domain, fresh=fresh)
        signed = [each for each in known if each.has_signed(raw, signature)]
        if not signed:
            continue
        # Not before: what nobody has signed is not decoded.
        webhook = _webhook(headers, raw, call.started_utc)
        if webhook is None:
            signers.dropped("unknown_topic")
            return Content()
        if await _is_taken_in(units, call, signed, webhook):
            return Content()
    if signed:
        raise Unavailable("the credentials of the shop are being changed")
    # The stack's own app may be installed in shops that no channel names.
    if not known and body_holds(raw, signature, settings.client_secrets()):
        signers.dropped("unknown_shop")
        return Content()
    for each in known:
        await units.change(within(call, each.orgcode), _refused(each))
    return Content(status=401)


async def _is_taken_in(units: Units, call: Call, signed: Sequence[WebhookSigner], webhook: Webhook) -> bool:
    """Take a webhook in for every channel that it is for; False if a channel or its secret has changed meanwhile."""
    taken = [await units.change(within(call, each.orgcode), _taking(each, webhook)) for each in signed]
    return all(taken)


def _taking(signer: WebhookSigner, webhook: Webhook) -> Callable[[Change], Awaitable[bool]]:
    doorbell = _doorbell(signer, webhook)

    async def write(change: Change) -> bool:
        change.prefetch(DOORBELLS, [doorbell.row_id])
        prefetch_counted(change, signer.channel_id)
        channel = await signer.channel(change)
        if channel is not None:
            await take_in(change, channel, webhook.subject, doorbell)
        return channel is not None

    return write


def _refused(signer: WebhookSigner) -> Callable[[Change], Awaitable[None]]:
    async def write(change: Change) -> None:
        await count(change, signer.channel_id, webhooks_refused=1)

    return write


def _webhook(headers: Mapping[str, str], raw: bytes, received_utc: Utc) -> Webhook | None:
    """The webhook; None for a topic that is not known, or a body that names nothing."""
    topic = headers.get("x-shopify-topic", "").lower()
    subject = read_webhook(topic, raw)
    if subject is None:
        return None
    webhook_id = headers.get("x-shopify-webhook-id") or sha256(topic.encode() + raw).hexdigest()
    return Webhook(
        webhook_id=webhook_id[:128],
        topic=topic,
        subject=subject,
        triggered_utc=_moment(headers.get("x-shopify-triggered-at")),
        received_utc=received_utc,
    )


def _doorbell(signer: WebhookSigner, webhook: Webhook) -> Doorbell:
    return Doorbell(
        row_id=f"{signer.channel_id}/{webhook.webhook_id}",
        webhook_id=webhook.webhook_id,
        channel_id=signer.channel_id,
        topic=webhook.topic,
        shop_domain=signer.shop_domain,
        resource_id=webhook.subject.resource_id,
        location_id=webhook.subject.location_id,
        available=webhook.subject.available,
        triggered_utc=webhook.triggered_utc,
        received_utc=webhook.received_utc,
    )


def _moment(text: str | None) -> Utc | None:
    try:
        found = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return utc(found if found.tzinfo else found.replace(tzinfo=UTC))

"""Credentials of channels: what a token must pass before it is stored, and what is shown of it."""

import hmac
from hashlib import sha256
from typing import Any, Literal

from msgspec.structs import replace

from chassis.clock import Utc as Moment
from chassis.clock import later
from chassis.entity import Document
from chassis.errors import Refusal
from chassis.key_ring import KeyRing
from chassis.sealed import Sealed
from chassis.values import Id, Utc
from services.slc.channel.domain import Credentials, StoredChannel
from services.slc.channel.scopes import missing_scopes
from services.slc.shopify.states import ShopFacts
from services.slc.words import ShopDomain

Check = Literal["reachable", "accepted", "shop", "scopes"]
CredentialKind = Literal["oauth", "admin_token"]

REFRESH_SECONDS = 600
"""How long before its end an expiring token is refreshed."""

FINGERPRINT_DIGITS = 16


class CredentialTestFailed(Refusal):
    """A credential that was tried at Shopify and did not pass."""

    status, tag, reason = 422, "credential-test-failed", "validation_failed"


class StoredCredential(Document, omit_defaults=True):
    """The secrets of a channel. The token is absent after an uninstall, when only the webhook secret is left."""

    channel_id: Id
    orgcode: str = ""
    shop_domain: ShopDomain
    kind: CredentialKind
    access_token: Sealed | None = None
    refresh_token: Sealed | None = None
    webhook_secret: Sealed | None = None
    expires_utc: Utc | None = None
    refresh_expires_utc: Utc | None = None
    rotated_utc: Utc | None = None


class Given(Document):
    """A token on its way to be tested and stored. Seconds count from when it was given."""

    kind: CredentialKind
    access_token: str
    refresh_token: str | None = None
    expires_in: int | None = None
    refresh_token_expires_in: int | None = None
    webhook_secret: str | None = None

    def __repr__(self) -> str:
        return "Given(…)"


def check_facts(channel: StoredChannel, facts: ShopFacts) -> None:
    """Raise `CredentialTestFailed` unless the token is of the channel's shop and has the scopes the channel needs."""
    if facts.domain.lower() != channel.shop_domain:
        raise CredentialTestFailed("the token belongs to another shop", check="shop")
    missing = missing_scopes(channel.type, channel.config, facts.scopes)
    if missing:
        raise CredentialTestFailed("the token lacks scopes", check="scopes", missing_scopes=missing)


def fingerprint_of(token: str, key: KeyRing) -> str:
    """What identifies a token without showing it."""
    return hmac.new(key.current[1], token.encode(), sha256).hexdigest()[:FINGERPRINT_DIGITS]


def stored_of(channel: StoredChannel, given: Given, before: StoredCredential | None, now: Moment) -> StoredCredential:
    """The credential to store. A webhook secret that is not given anew is not kept: the stack's own app is assumed."""
    return StoredCredential(
        channel_id=channel.channel_id,
        orgcode=before.orgcode if before else "",
        shop_domain=channel.shop_domain,
        kind=given.kind,
        access_token=Sealed.of(given.access_token),
        refresh_token=Sealed.of(given.refresh_token) if given.refresh_token else None,
        webhook_secret=Sealed.of(given.webhook_secret) if given.webhook_secret else None,
        expires_utc=later(now, given.expires_in) if given.expires_in else None,
        refresh_expires_utc=later(now, given.refresh_token_expires_in) if given.refresh_token_expires_in else None,
        rotated_utc=now,
    )


def shown(stored: StoredCredential, facts: ShopFacts, fingerprint: str, now: Moment) -> Credentials:
    """What may be shown of credentials that have just passed their test."""
    return Credentials(
        present=True,
        kind=stored.kind,
        health="healthy",
        scopes=sorted(set(facts.scopes))[:64],
        fingerprint=fingerprint,
        shop_id=facts.shop_id,
        shop_name=facts.name,
        shop_currency=facts.currency,
        expires_utc=stored.expires_utc,
        refresh_expires_utc=stored.refresh_expires_utc,
        checked_utc=now,
        rotated_utc=stored.rotated_utc,
    )


def erased(stored: StoredCredential) -> StoredCredential:
    """The credential without tokens; the webhook secret stays, for it signs what Shopify still sends."""
    changes: dict[str, Any] = {"access_token": None, "refresh_token": None}
    return replace(stored, **changes, expires_utc=None, refresh_expires_utc=None)

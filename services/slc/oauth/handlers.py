"""OAuth as callers use it: the address that asks a shop for a token, and binding a token to a channel."""

from collections.abc import Sequence
from typing import Annotated

from msgspec import Meta

from chassis.caller import Call
from chassis.clock import Clock, later
from chassis.endpoint import Answer, Endpoints, Request
from chassis.entity import Value
from chassis.errors import Invalid, InvalidState
from chassis.key_ring import KeyRing
from chassis.rpc.client import Channels
from chassis.sealing import Sealer
from chassis.unit import Change, Units, View
from chassis.values import Id, Name, Text, Utc
from services.slc.channel.domain import StoredChannel
from services.slc.channel.handlers import ChannelEnvelope
from services.slc.channel.scopes import needed_scopes
from services.slc.channel.store import CHANNELS, channel_answer
from services.slc.closing.store import refused_while_emptied
from services.slc.connection.storing import store_credentials
from services.slc.credential.access import ShopAccess
from services.slc.credential.domain import Given
from services.slc.lifecycle.store import OAUTH_STATES, OauthState
from services.slc.oauth import pages
from services.slc.oauth.callback import Callback, take_state
from services.slc.oauth.domain import (
    STATE_SECONDS,
    authorise_url,
    digest_of,
    new_state,
    refused,
    seconds_left,
)
from services.slc.settings import SlcSettings
from services.slc.shopify.states import ShopFacts
from services.slc.words import MANAGE, VIEW, SecretText, ShopDomain

endpoints = Endpoints("slc")
endpoints.raw_declared += pages.endpoints.raw_declared

Url = Annotated[str, Meta(max_length=2048)]


class App(Value):
    """The stack's own app: its id, and where shops send browsers back to."""

    client_id: str
    redirect_uri: str


class OauthInstallUrlRequest(Request):
    channel_id: Id


class OauthInstallUrlAnswer(Answer):
    url: Url
    scopes: list[Name]
    expires_utc: Utc


async def own_app(call: Call, body: OauthInstallUrlRequest, settings: SlcSettings) -> App:
    """The stack's own app. Raises `InvalidState` if there is none."""
    del call, body
    if not settings.slc_shopify_client_id:
        raise InvalidState("the stack has no app", missing=["app"])
    return App(client_id=settings.slc_shopify_client_id, redirect_uri=pages.redirect_uri(settings))


@endpoints.post(
    "/slc",
    action="oauth/install-url",
    roles=VIEW,
    prepare=own_app,
    refusals={"invalid-state": "SLC_SHOPIFY_CLIENT_ID is not set; details.missing [app]"},
)
async def slc_oauth_install_url(
    call: Call, change: Change, body: OauthInstallUrlRequest, prepared: App
) -> OauthInstallUrlAnswer:
    """Give the address at which a channel's shop authorises the app; it is good for ten minutes."""
    channel = await change.load(CHANNELS, body.channel_id)
    state = new_state()
    given = OauthState(
        digest=digest_of(state),
        orgcode=call.orgcode,
        channel_id=channel.channel_id,
        kind="channel",
        shop_domain=channel.shop_domain,
        asked_kind=call.caller.kind,
        asked_by=call.caller.actor,
        expires_utc=later(change.now, STATE_SECONDS),
    )
    await change.insert(OAUTH_STATES, given)
    scopes = needed_scopes(channel.type, channel.config)
    url = authorise_url(channel.shop_domain, prepared.client_id, scopes, prepared.redirect_uri, state)
    return OauthInstallUrlAnswer(url=url, scopes=scopes, expires_utc=given.expires_utc)


class OauthExchangeRequest(Request):
    channel_id: Id
    shop: ShopDomain | None = None
    code: SecretText | None = None
    state: SecretText | None = None
    hmac: Text | None = None
    timestamp: Text | None = None
    host: Text | None = None
    claim: SecretText | None = None

    def problems(self) -> Sequence[tuple[str, str]]:
        needed = (self.shop, self.code, self.state, self.hmac, self.timestamp)
        given = [each is not None for each in needed]
        if self.claim is not None:
            return [("claim", "can't be combined with a callback")] if any(given) or self.host else ()
        return [] if all(given) else [("claim", "either a claim or all fields of a callback are needed")]

    def __repr__(self) -> str:
        return "OauthExchangeRequest(…)"


class Obtained(Value):
    """A token that passed its test, and the state or claim it is used with."""

    state: OauthState
    given: Given
    facts: ShopFacts
    fingerprints: KeyRing

    def __repr__(self) -> str:
        return "Obtained(…)"


async def obtain(
    call: Call,
    body: OauthExchangeRequest,
    units: Units,
    access: ShopAccess,
    channels: Channels,
    settings: SlcSettings,
    clock: Clock,
    sealer: Sealer,
) -> Obtained:
    """Obtain the token and test it. Raises `Invalid`, `CredentialTestFailed`, `ShopFailed`."""

    async def read(view: View) -> StoredChannel:
        return await view.load(CHANNELS, body.channel_id)

    channel = await units.view(call, read)
    if body.claim is not None:
        state, given = await _claimed(units, call, body.claim, sealer)
        return Obtained(
            state=state, given=given, facts=await access.tested(call, channel, given), fingerprints=access.fingerprints
        )
    callback = Callback(units, access, channels, settings, clock)
    names = ("shop", "code", "state", "hmac", "timestamp", "host")
    fields = {name: value for name in names if (value := getattr(body, name)) is not None}
    state = await callback.checked(call, fields)
    if state.kind != "channel" or (state.orgcode, state.channel_id) != (call.orgcode, channel.channel_id):
        raise refused()
    given, facts = await callback.obtained(state.shop_domain, fields["code"])
    return Obtained(state=state, given=given, facts=facts, fingerprints=access.fingerprints)


async def _claimed(units: Units, call: Call, claim: str, sealer: Sealer) -> tuple[OauthState, Given]:
    """What is kept under a claim. Raises `Invalid` if it is unknown, used or has ended."""

    async def read(view: View) -> tuple[OauthState, Given]:
        state = await view.get(OAUTH_STATES, digest_of(claim))
        if state is None or state.kind != "claim" or state.expires_utc <= view.now or state.obtained_utc is None:
            raise Invalid("the claim is unknown, used, or older than an hour")
        given = Given(
            kind="oauth",
            access_token=sealer.open(OAUTH_STATES, state, "access_token"),
            refresh_token=sealer.open(OAUTH_STATES, state, "refresh_token") if state.refresh_token else None,
            expires_in=seconds_left(state.expires_in, state.obtained_utc, view.now),
            refresh_token_expires_in=seconds_left(state.refresh_token_expires_in, state.obtained_utc, view.now),
        )
        return state, given

    return await units.view(call, read)


@endpoints.post(
    "/slc",
    action="oauth/exchange",
    roles=MANAGE,
    emits=["slc.credentials.rotated", "slc.channel.resumed"],
    prepare=obtain,
    refusals={
        "validation-error": "neither or both; signature, state, shop or timestamp do not hold (one answer for all); "
        "claim unknown, used or older than 1 hour",
        "credential-test-failed": "Shopify refused the code, or the token's test failed",
        "upstream-failed": "Shopify did not answer; the state or claim stays good",
    },
)
@refused_while_emptied
async def slc_oauth_exchange(change: Change, body: OauthExchangeRequest, prepared: Obtained) -> ChannelEnvelope:
    """Bind the token of a callback, or of a claim, to a channel."""
    channel = await change.load(CHANNELS, body.channel_id)
    await take_state(change, prepared.state)
    stored = await store_credentials(change, channel, prepared.given, prepared.facts, prepared.fingerprints)
    return ChannelEnvelope(channel=await channel_answer(change, stored))

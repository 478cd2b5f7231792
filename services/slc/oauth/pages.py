"""The two addresses that browsers come to: the app's entry, and the callback."""

from msgspec.structs import replace

from chassis.caller import Call
from chassis.clock import Clock, later, to_seconds
from chassis.endpoint import Endpoints, Request
from chassis.errors import NotFound
from chassis.key_ring import KeyRing
from chassis.raw import Content, Cookie, RawRequest, Redirect
from chassis.rpc.client import Channels
from chassis.unit import Change, Units
from chassis.values import Text
from services.slc.channel.config import default_config
from services.slc.channel.scopes import needed_scopes
from services.slc.credential.access import ShopAccess
from services.slc.lifecycle.store import OAUTH_STATES, OauthState
from services.slc.oauth.callback import Callback, CallbackOutcome
from services.slc.oauth.domain import (
    COOKIE,
    STATE_SECONDS,
    authorise_url,
    cookie_holds,
    cookie_of,
    digest_of,
    done_url,
    new_state,
    query_fields,
    refused,
)
from services.slc.settings import SlcSettings
from services.slc.shopify.signatures import query_holds
from services.slc.words import ShopDomain

endpoints = Endpoints("slc")

CALLBACK_PATH = "/slc/oauth/callback"


class OauthInstallQuery(Request):
    shop: ShopDomain
    hmac: Text
    timestamp: Text
    host: Text | None = None


def redirect_uri(settings: SlcSettings) -> str:
    """Where a shop sends the browser back to."""
    return f"{settings.slc_public_url.rstrip('/')}{CALLBACK_PATH}"


def cookie_keys(settings: SlcSettings) -> KeyRing:
    """The key that cookies are signed with."""
    return KeyRing.derived(settings.caller_key, "slc oauth cookies")


@endpoints.raw(
    "GET",
    "/slc",
    lenient=True,
    tenant=False,
    refusals={
        "invalid-input": "shop, signature or timestamp do not hold (one answer for all, no redirect)",
        "not-found": "SLC_SHOPIFY_CLIENT_ID is not set",
    },
)
async def slc_oauth_install(
    call: Call, http: RawRequest, query: OauthInstallQuery, units: Units, settings: SlcSettings, clock: Clock
) -> Redirect:
    """Send a browser that comes from a shop to the shop's authorisation."""
    if not settings.slc_shopify_client_id:
        raise NotFound("the stack has no app")
    if not query_holds(query_fields(http.query), settings.client_secrets(), to_seconds(clock.now())):
        raise refused()
    shop, state = query.shop.lower(), new_state()

    async def write(change: Change) -> None:
        given = OauthState(
            digest=digest_of(state), kind="shop", shop_domain=shop, expires_utc=later(change.now, STATE_SECONDS)
        )
        await change.insert(OAUTH_STATES, given)

    await units.change(call, write)
    scopes = needed_scopes("standard", default_config("standard", "APP"))
    url = authorise_url(shop, settings.slc_shopify_client_id, scopes, redirect_uri(settings), state)
    cookie = Cookie(name=COOKIE, value=cookie_of(state, cookie_keys(settings)), max_age_seconds=STATE_SECONDS)
    return Redirect(location=url, cookies=(replace(cookie, path="/slc"),))


class OauthCallbackQuery(Request):
    shop: ShopDomain
    code: Text
    state: Text
    hmac: Text
    timestamp: Text
    host: Text | None = None


@endpoints.raw(
    "GET",
    "/slc/oauth/callback",
    lenient=True,
    tenant=False,
    produces=["text/plain"],
    emits=["slc.credentials.rotated", "slc.channel.resumed"],
    refusals={
        "invalid-input": "signature, state, cookie, shop or timestamp do not hold (one answer for all)",
        "credential-test-failed": "Shopify refused the code, or the token's test failed",
        "upstream-failed": "Shopify did not answer; the state stays good",
    },
)
async def slc_oauth_callback(
    call: Call,
    http: RawRequest,
    query: OauthCallbackQuery,
    units: Units,
    access: ShopAccess,
    channels: Channels,
    settings: SlcSettings,
    clock: Clock,
) -> Redirect | Content:
    """Take the token of a shop that has authorised the app."""
    callback = Callback(units, access, channels, settings, clock)
    state = await callback.checked(call, query_fields(http.query))
    if state.kind == "shop" and not cookie_holds(http.cookies.get(COOKIE, ""), query.state, cookie_keys(settings)):
        raise refused()
    outcome = await callback.served(call, state, query.code)
    return _answer(settings, outcome)


def _answer(settings: SlcSettings, outcome: CallbackOutcome) -> Redirect | Content:
    fields = (
        {"result": "connected", "channel_id": outcome.channel_id}
        if outcome.channel_id is not None
        else {"result": "claim", "claim": outcome.claim or ""}
    )
    if settings.slc_app_url:
        return Redirect(location=done_url(settings.slc_app_url, fields))
    text = "\n".join(f"{name}: {value}" for name, value in fields.items())
    return Content(body=f"{text}\n".encode(), content_type="text/plain; charset=utf-8")

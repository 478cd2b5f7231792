"""OAuth: one-time states and claims, the address a browser is sent to, and what a callback must hold."""

import hmac
import secrets
from collections.abc import Mapping, Sequence
from hashlib import sha256
from urllib.parse import parse_qsl, urlencode

from chassis.clock import Utc, seconds_between
from chassis.errors import Invalid
from chassis.key_ring import KeyRing
from services.slc.lifecycle.store import OauthState

STATE_BYTES = 32
CLAIM_BYTES = 16
STATE_SECONDS = 600
CLAIM_SECONDS = 3600
COOKIE = "slc_oauth"


def new_state() -> str:
    """A one-time state."""
    return secrets.token_urlsafe(STATE_BYTES)


def new_claim() -> str:
    """A claim to a token, shown once."""
    return secrets.token_urlsafe(CLAIM_BYTES)


def digest_of(secret: str) -> str:
    """What is stored of a state or claim."""
    return sha256(secret.encode()).hexdigest()


def refused() -> Invalid:
    """The one answer for everything that does not hold in a callback."""
    return Invalid("signature, state, shop or timestamp do not hold")


def query_fields(query: str) -> dict[str, str]:
    """The fields of a query string; a name that is given twice is refused. Raises `Invalid`."""
    pairs = parse_qsl(query, keep_blank_values=True)
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise refused()
    return fields


def authorise_url(shop: str, client_id: str, scopes: Sequence[str], redirect_uri: str, state: str) -> str:
    """Where a browser asks the shop for a token that does not depend on a person."""
    fields = {"client_id": client_id, "scope": ",".join(scopes), "redirect_uri": redirect_uri, "state": state}
    return f"https://{shop}/admin/oauth/authorize?{urlencode(fields)}"


def done_url(app_url: str, fields: Mapping[str, str]) -> str:
    """Where a browser goes after the callback."""
    return f"{app_url}{'&' if '?' in app_url else '?'}{urlencode(fields)}"


def cookie_of(state: str, keys: KeyRing) -> str:
    """The cookie that binds a state to the browser that asked for it."""
    return hmac.new(keys.current[1], state.encode(), sha256).hexdigest()


def cookie_holds(cookie: str, state: str, keys: KeyRing) -> bool:
    """Whether the cookie belongs to the state."""
    return hmac.compare_digest(cookie.encode(), cookie_of(state, keys).encode())


def is_good(state: OauthState | None, shop: str, now: Utc) -> bool:
    """Whether a state is one that was given out for this shop, and has not ended."""
    return state is not None and state.kind != "claim" and state.shop_domain == shop and state.expires_utc > now


def seconds_left(seconds: int | None, obtained_utc: Utc, now: Utc) -> int | None:
    """What is left of a time that was given when a token was obtained; at least a minute."""
    return None if seconds is None else max(60, round(seconds - seconds_between(obtained_utc, now)))

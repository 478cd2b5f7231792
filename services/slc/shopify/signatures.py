"""Shopify's signatures: of webhook bodies, and of the queries a browser brings from the shop."""

import base64
import binascii
import hmac
from collections.abc import Iterable, Mapping
from hashlib import sha256
from urllib.parse import urlencode

QUERY_SECONDS_MAX = 90
"""How far the timestamp of a signed query may lie from now, either way."""


def sign_body(raw: bytes, secret: str) -> str:
    """The signature of a webhook body: base64."""
    return base64.b64encode(hmac.new(secret.encode(), raw, sha256).digest()).decode()


def body_holds(raw: bytes, signature: str, secrets: Iterable[str]) -> bool:
    """Whether one of the secrets signed this body. Compares in constant time, and every secret."""
    try:
        given = base64.b64decode(signature, validate=True)
    except (binascii.Error, ValueError):
        return False
    holds = False
    for secret in secrets:
        holds |= hmac.compare_digest(hmac.new(secret.encode(), raw, sha256).digest(), given)
    return holds


def sign_query(fields: Mapping[str, str], secret: str) -> str:
    """The signature of a query: lower-case hex over its other fields, sorted by name."""
    text = urlencode(sorted((name, value) for name, value in fields.items() if name != "hmac"))
    return hmac.new(secret.encode(), text.encode(), sha256).hexdigest()


def query_holds(fields: Mapping[str, str], secrets: Iterable[str], now: float) -> bool:
    """Whether one of the secrets signed this query, lately. `now` is in seconds since 1970."""
    given, timestamp = fields.get("hmac", ""), fields.get("timestamp", "")
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 15):
        return False
    holds = False
    for secret in secrets:
        holds |= hmac.compare_digest(sign_query(fields, secret).encode(), given.encode())
    return holds and abs(now - int(timestamp)) <= QUERY_SECONDS_MAX

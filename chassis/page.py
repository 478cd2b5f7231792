"""Pages: how many items, where to continue, and the sealed token that says so.

A token holds the order's values of the last record of a page. It is sealed with a key of the service and bound to its
query, so that it can neither be altered nor used with other filters.
"""

import hashlib
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from collections.abc import Sequence
from typing import Annotated, Any, Generic, Protocol, TypeVar

import msgspec
from msgspec import Meta

from chassis.errors import Invalid, invalid_field
from chassis.frozen import Frozen
from chassis.values import PAGE_ITEMS_DEFAULT, PAGE_ITEMS_MAX, Token

T = TypeVar("T")

PageLimit = Annotated[int, Meta(ge=1)]
"""Items on a page; anything above the maximum counts as the maximum."""

_SEAL_BYTES = 16
_SPLIT = "."
_MARK_DIGITS = 16


class Paged(Protocol):
    """A request for a page."""

    @property
    def limit(self) -> int | None:
        """How many items, at least 1; None for the default."""
        ...

    @property
    def next_token(self) -> str | None:
        """Where to continue; None for the first page."""
        ...


class PageRequest(Frozen):
    """Which page is asked for."""

    limit: PageLimit | None = None
    next_token: Token | None = None


class Page(Frozen, Generic[T]):
    """One page: its items, how many they are, and the token of the next one (None on the last)."""

    items: list[T]
    count: int
    next_token: str | None


def items_of(page: Paged) -> int:
    """How many items the page should have."""
    if page.limit is None:
        return PAGE_ITEMS_DEFAULT
    if page.limit < 1:
        raise invalid_field("limit", "must be at least 1")
    return min(page.limit, PAGE_ITEMS_MAX)


def query_mark(asked: Any) -> str:
    """A short digest of a query (any JSON value), which page tokens made for it begin with."""
    return hashlib.sha256(msgspec.json.encode(asked)).hexdigest()[:_MARK_DIGITS]


def token_for(mark: str, inner: str | None) -> str | None:
    """A token valid only for the query with this mark; None where there is no next page."""
    return None if inner is None else f"{mark}{_SPLIT}{inner}"


def token_within(mark: str, token: str | None) -> str | None:
    """What `token_for` wrapped; `Invalid` if the token was made for another query."""
    if token is None:
        return None
    known, _, inner = token.partition(_SPLIT)
    if known != mark or not inner:
        raise wrong_token()
    return inner


def wrong_token() -> Invalid:
    """The refusal of a page token."""
    return invalid_field("next_token", "was not made for this query")


class Seal:
    """Seals page tokens with a key all replicas of a service share."""

    def __init__(self, key: bytes) -> None:
        self._key = hashlib.sha256(b"page tokens\0" + key).digest()

    def seal(self, query: Any, position: Sequence[Any]) -> str:
        """The token to continue after `position` in this query (any JSON value that identifies the query)."""
        body = msgspec.json.encode(list(position))
        return urlsafe_b64encode(self._mark(query, body) + body).decode().rstrip("=")

    def open(self, query: Any, token: str) -> list[Any]:
        """The position in a token. Raises `Invalid` if it is not of this query, or not one of ours."""
        try:
            raw = urlsafe_b64decode(token + "=" * (-len(token) % 4))
        except (NotBase64, ValueError) as cause:
            raise wrong_token() from cause
        mark, body = raw[:_SEAL_BYTES], raw[_SEAL_BYTES:]
        # The decoder ignores stray bits at the end; only the exact text that we wrote is valid.
        ours = urlsafe_b64encode(raw).decode().rstrip("=") == token
        if not ours or not hmac.compare_digest(mark, self._mark(query, body)):
            raise wrong_token()
        return msgspec.json.decode(body, type=list[Any])

    def _mark(self, query: Any, body: bytes) -> bytes:
        bound = hashlib.sha256(msgspec.json.encode(query, order="deterministic")).digest()
        return hmac.new(self._key, bound + body, hashlib.sha256).digest()[:_SEAL_BYTES]

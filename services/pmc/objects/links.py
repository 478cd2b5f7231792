"""Signed links to objects of the directory store: HMAC-SHA-256 over all that the request may say."""

import hashlib
import hmac
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from urllib.parse import quote, urlencode

from chassis.clock import Utc, from_seconds, to_seconds
from services.pmc.objects.port import SignedRequest


class ObjectLinks:
    """Makes and verifies links. `base_url` is where callers reach `/pmc`."""

    def __init__(self, key: bytes, base_url: str) -> None:
        self._key = hashlib.sha256(b"object links\0" + key).digest()
        self._base_url = base_url.rstrip("/")

    def put(
        self, key: str, *, size: int, sha256: str, headers: Mapping[str, str], now: Utc, seconds: int
    ) -> SignedRequest:
        """A signed upload of exactly this body."""
        expires = int(to_seconds(now)) + seconds
        query = {
            "expires": str(expires),
            "size": str(size),
            "sha256": sha256,
            "signature": self.signature("PUT", key, expires, size, sha256),
        }
        return SignedRequest(
            method="PUT",
            url=self._url(key, query),
            headers=dict(headers),
            expires_utc=from_seconds(expires),
            max_bytes=size,
        )

    def get(self, key: str, *, now: Utc, seconds: int) -> SignedRequest:
        """A signed download."""
        expires = int(to_seconds(now)) + seconds
        query = {"expires": str(expires), "signature": self.signature("GET", key, expires)}
        return SignedRequest(method="GET", url=self._url(key, query), headers={}, expires_utc=from_seconds(expires))

    def signature(self, method: str, key: str, expires: int, size: int | None = None, sha256: str = "") -> str:
        """The signature of a request, base64url without padding."""
        parts = [method, key, str(expires)] + ([] if size is None else [str(size), sha256])
        digest = hmac.new(self._key, "\n".join(parts).encode(), hashlib.sha256).digest()
        return urlsafe_b64encode(digest).decode().rstrip("=")

    def is_valid(
        self, given: str, now: Utc, method: str, key: str, expires: int, size: int | None = None, sha256: str = ""
    ) -> bool:
        """Whether a signature is ours and has not expired."""
        ours = self.signature(method, key, expires, size, sha256)
        return hmac.compare_digest(given.encode(), ours.encode()) and to_seconds(now) <= expires

    def _url(self, key: str, query: Mapping[str, str]) -> str:
        return f"{self._base_url}/pmc/objects/{quote(key)}?{urlencode(query)}"

"""Signed links to objects of the folder store, as requests that callers can send."""

import hashlib
from collections.abc import Mapping

from chassis.clock import Utc, from_seconds, to_seconds
from chassis.key_ring import KeyRing
from chassis.signed_links import LinkSigner, Permission
from services.pmc.objects.port import SignedRequest

PREFIX = "/pmc/objects"


class ObjectLinks:
    """Makes and checks links. `base_url` is where callers reach the gateway."""

    def __init__(self, key: bytes, base_url: str) -> None:
        self._signer = LinkSigner(KeyRing({"link": hashlib.sha256(b"object links\0" + key).digest()}))
        self._base_url = base_url.rstrip("/")

    def put(
        self, key: str, *, size: int, sha256: str, headers: Mapping[str, str], now: Utc, seconds: int
    ) -> SignedRequest:
        """A signed upload of exactly this body."""
        expires = int(to_seconds(now)) + seconds
        permission = Permission(method="PUT", key=key, expires=expires, size=size, sha256=sha256)
        return SignedRequest(
            method="PUT",
            url=self._url(permission),
            headers=dict(headers),
            expires_utc=from_seconds(expires),
            max_bytes=size,
        )

    def get(self, key: str, *, now: Utc, seconds: int) -> SignedRequest:
        """A signed download."""
        expires = int(to_seconds(now)) + seconds
        url = self._url(Permission(method="GET", key=key, expires=expires))
        return SignedRequest(method="GET", url=url, headers={}, expires_utc=from_seconds(expires))

    def check(self, method: str, key: str, query: Mapping[str, str], now: float) -> Permission:
        """What the link of a request permits. Raises `Forbidden` if it is altered, expired or for another request."""
        return self._signer.check(method, key, query, now)

    def _url(self, permission: Permission) -> str:
        return f"{self._base_url}{self._signer.path(PREFIX, permission)}"

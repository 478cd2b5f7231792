"""Signed links: addresses that let their holder do one thing, once named, for a limited time, without a session.

The signature is an HMAC-SHA-256 over method, key of the object and time of expiry, and over size and SHA-256 of the
body where they are given; nothing of it can be changed without the signing key.
"""

import re
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from hmac import compare_digest, digest
from urllib.parse import quote, urlencode

from chassis.entity import Value
from chassis.errors import Forbidden
from chassis.key_ring import KeyRing

_WHOLE = re.compile(r"0|[1-9][0-9]{0,15}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_FIELDS = frozenset({"expires", "signature", "size", "sha256"})
_REFUSAL = "the link is not valid for this"


class Permission(Value):
    """What a link allows: a method on the object of that key until `expires` (Unix seconds, exclusive).

    `size` (bytes) and `sha256` (64 lower-case hex digits) bind it to one body, both or neither.
    """

    method: str
    key: str
    expires: int
    size: int | None = None
    sha256: str | None = None


class LinkSigner:
    """Makes and checks signed links under keys from settings: the first key signs, all are accepted."""

    def __init__(self, keys: KeyRing) -> None:
        self._keys = keys

    def path(self, prefix: str, permission: Permission) -> str:
        """The address of a permission below `prefix`: `<prefix>/<key>?expires=…&signature=…`."""
        query = {"expires": str(permission.expires), "signature": _signature(permission, self._keys.current[1])}
        if permission.size is not None and permission.sha256 is not None:
            query |= {"size": str(permission.size), "sha256": permission.sha256}
        return f"{prefix}/{quote(permission.key)}?{urlencode(query)}"

    def check(self, method: str, key: str, query: Mapping[str, str], now: float) -> Permission:
        """The permission of the link that a request uses. `now` in Unix seconds; HEAD counts as GET.

        Raises `Forbidden` for a link that is altered, expired, made for another method or key, or incomplete. The
        caller then compares the body with `size` and `sha256` (see `check_length`).
        """
        permission = _read("GET" if method == "HEAD" else method, key, query)
        given = query.get("signature", "").encode()
        # Every key is tried, so that the time taken tells nothing.
        if not any([compare_digest(given, _signature(permission, each).encode()) for each in self._keys]):  # noqa: C419
            raise Forbidden(_REFUSAL)
        if now >= permission.expires:
            raise Forbidden("the link has expired")
        return permission


def check_length(permission: Permission, length: int | None) -> None:
    """Compare the announced size of a body with the link's. `Forbidden` if they differ or none is announced."""
    if length is None or length != permission.size:
        raise Forbidden("the body has another size than the link allows")


def _read(method: str, key: str, query: Mapping[str, str]) -> Permission:
    """The permission that a query claims; `Forbidden` where it is none."""
    expires, size, sha256 = query.get("expires", ""), query.get("size"), query.get("sha256")
    fits = (
        _WHOLE.fullmatch(expires)
        and (size is None) == (sha256 is None)
        and (size is None or _WHOLE.fullmatch(size))
        and (sha256 is None or _SHA256.fullmatch(sha256))
        and set(query) <= _FIELDS
    )
    if not fits:
        raise Forbidden(_REFUSAL)
    return Permission(
        method=method, key=key, expires=int(expires), size=None if size is None else int(size), sha256=sha256
    )


def _signature(permission: Permission, key: bytes) -> str:
    fields = (permission.method, permission.key, permission.expires, permission.size, permission.sha256)
    parts = [b"" if each is None else str(each).encode() for each in fields]
    # Each part with its length before it, so that no two permissions read the same.
    message = b"link/1" + b"".join(b"%d:%b" % (len(part), part) for part in parts)
    return urlsafe_b64encode(digest(key, message, "sha256")).rstrip(b"=").decode()

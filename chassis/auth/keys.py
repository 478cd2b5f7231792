"""The keys that callers are signed with (Ed25519): a private key for each holder, and the public keys of all.

A holder is the gateway or a service. As settings:

    CALLER_SIGNING_KEYS   <id>:<32 bytes in base64>            the first one signs
    CALLER_PUBLIC_KEYS    <holder>/<id>:<32 bytes in base64>   all are accepted

Several are separated by commas, spaces or lines. Files with keys are read again after a change. To replace a key, add
the new public key, then replace the private one, then remove the old public key (`stackctl keys rotate`).
"""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as BinasciiError
from collections.abc import Callable, Mapping
from pathlib import Path
from time import monotonic
from typing import Generic, TypeVar

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from chassis.key_ring import KEY_BYTES, KeyRing
from chassis.telemetry.log import get_logger

LOOK_AGAIN_SECONDS = 1.0
"""Shortest time between two checks whether a file with keys has changed."""

PUBLIC_KEYS_MAX = 64
_PUBLIC = re.compile(r"([a-z][a-z0-9-]{0,31})/([A-Za-z0-9][A-Za-z0-9_-]{0,31}):([A-Za-z0-9+/_-]{43}=?)")

T = TypeVar("T")

log = get_logger("chassis.auth")


class SigningKey:
    """The private key of a holder. `name` is `<holder>/<id>`."""

    __slots__ = ("key", "name")

    def __init__(self, name: str, key: Ed25519PrivateKey) -> None:
        self.name = name
        self.key = key

    def __repr__(self) -> str:
        return f"SigningKey({self.name})"


class PublicKey:
    """A public key and its holder."""

    __slots__ = ("holder", "key", "name")

    def __init__(self, name: str, key: Ed25519PublicKey) -> None:
        self.name = name
        self.holder = name.partition("/")[0]
        self.key = key

    def __repr__(self) -> str:
        return f"PublicKey({self.name})"


def signing_key(holder: str, text: str) -> SigningKey:
    """The key that a holder signs with, from the text of its setting. Raises `ValueError` if the text is wrong."""
    key_id, seed = KeyRing.from_text(text).current
    return SigningKey(f"{holder}/{key_id}", Ed25519PrivateKey.from_private_bytes(seed))


def public_keys(text: str) -> Mapping[str, PublicKey]:
    """The public keys of all holders by name, from the text of the setting. Raises `ValueError` if it is wrong."""
    found: dict[str, PublicKey] = {}
    parts = [part for part in re.split(r"[,\s]+", text) if part]
    for place, part in enumerate(parts, 1):
        match = _PUBLIC.fullmatch(part)
        if match is None:
            raise ValueError(f"key {place} is not written <holder>/<id>:<{KEY_BYTES} bytes in base64>")
        name = f"{match[1]}/{match[2]}"
        if name in found:
            raise ValueError(f"{name} is there twice")
        try:
            raw = urlsafe_b64decode(match[3].rstrip("=").replace("+", "-").replace("/", "_") + "=")
        except BinasciiError:
            raise ValueError(f"key {place} is not base64") from None
        found[name] = PublicKey(name, Ed25519PublicKey.from_public_bytes(raw))
    if not 0 < len(found) <= PUBLIC_KEYS_MAX:
        raise ValueError(f"needs 1 to {PUBLIC_KEYS_MAX} keys")
    return found


def public_text(holder: str, signing_text: str) -> str:
    """The public keys of a holder's private keys, one a line, as they are written in the setting."""
    ring = KeyRing.from_text(signing_text)
    lines = []
    for key_id in ring.ids:
        private = Ed25519PrivateKey.from_private_bytes(ring[key_id])
        lines.append(f"{holder}/{key_id}:{urlsafe_b64encode(private.public_key().public_bytes_raw()).decode()}")
    return "\n".join(lines)


class Reread(Generic[T]):
    """The parsed value of a setting. A setting that came from a file is read again after the file has changed.

    If the file cannot be read or parsed then, the earlier value stays in use.
    """

    __slots__ = ("_look_again", "_made_of", "_now", "_parse", "_path", "_seen", "generation", "value")

    def __init__(
        self, text: str, path: Path | None, parse: Callable[[str], T], now: Callable[[], float] = monotonic
    ) -> None:
        self.value = parse(text)
        self.generation = 0
        self._made_of = text
        self._path = path
        self._parse = parse
        self._now = now
        self._seen = self._stamp()
        self._look_again = now() + LOOK_AGAIN_SECONDS

    def current(self) -> T:
        """The value, after a check whether the file has changed."""
        if self._path is not None and self._now() >= self._look_again:
            self._look()
        return self.value

    def _look(self) -> None:
        self._look_again = self._now() + LOOK_AGAIN_SECONDS
        stamp = self._stamp()
        if stamp is None or stamp == self._seen:
            return
        assert self._path is not None
        try:
            text = self._path.read_text(encoding="utf-8").strip()
            if text != self._made_of:
                self.value = self._parse(text)
                self.generation += 1
                log.info("keys were read again", file=self._path.name)
            self._made_of = text
        except (OSError, ValueError) as problem:
            log.warning("keys can't be read again: those known stay", file=self._path.name, problem=str(problem))
        self._seen = stamp

    def _stamp(self) -> tuple[int, int, int] | None:
        """Changes with the file, also when a link on its path is exchanged, as Kubernetes does."""
        if self._path is None:
            return None
        try:
            about = self._path.stat()
        except OSError:
            return None
        return about.st_ino, about.st_mtime_ns, about.st_size

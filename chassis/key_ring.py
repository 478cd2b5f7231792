"""Secret keys from settings, by id: the first one is current, all are accepted, so that keys can be exchanged."""

import re
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as BinasciiError
from collections.abc import Iterator, Mapping
from hashlib import blake2b

KEY_BYTES = 32
KEYS_MAX = 16
_KEY = re.compile(r"([A-Za-z0-9][A-Za-z0-9_-]{0,31}):([A-Za-z0-9+/_-]{43}=?)")


class KeyRing:
    """Keys of 32 bytes by id, in order; never shown.

    As a setting: `<id>:<32 bytes in base64>`, several separated by commas, spaces or lines. To exchange a key, put the
    new one first in every process, then remove the old one once nothing depends on it.
    """

    __slots__ = ("_keys",)

    def __init__(self, keys: Mapping[str, bytes] | None = None) -> None:
        self._keys = dict(keys or {})
        if any(len(key) != KEY_BYTES for key in self._keys.values()):
            raise ValueError(f"a key has {KEY_BYTES} bytes")

    @classmethod
    def from_text(cls, text: str) -> "KeyRing":
        """The keys of a setting. Raises `ValueError` if the text is wrong; the message does not quote it."""
        parts = [part for part in re.split(r"[,\s]+", text) if part]
        keys: dict[str, bytes] = {}
        for place, part in enumerate(parts, 1):
            match = _KEY.fullmatch(part)
            if match is None:
                raise ValueError(f"key {place} is not written <id>:<{KEY_BYTES} bytes in base64>")
            key_id, encoded = match.groups()
            if key_id in keys:
                raise ValueError(f"key id {key_id} is there twice")
            try:
                keys[key_id] = urlsafe_b64decode(encoded.rstrip("=").replace("+", "-").replace("/", "_") + "=")
            except BinasciiError:
                raise ValueError(f"key {place} is not base64") from None
        if not 0 < len(keys) <= KEYS_MAX:
            raise ValueError(f"needs 1 to {KEYS_MAX} keys")
        return cls(keys)

    @classmethod
    def derived(cls, secret: str, purpose: str) -> "KeyRing":
        """One key made from another secret, for one purpose: the same in every process that knows the secret."""
        key = blake2b(secret.encode(), digest_size=KEY_BYTES, person=b"keys", key=purpose.encode()[:64]).digest()
        return cls({"derived": key})

    @property
    def current(self) -> tuple[str, bytes]:
        """Id and key that new things are made with; LookupError where there are no keys."""
        for each in self._keys.items():
            return each
        raise LookupError("there are no keys")

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids of the keys, the current one first."""
        return tuple(self._keys)

    def __getitem__(self, key_id: str) -> bytes:
        return self._keys[key_id]

    def find(self, key_id: str) -> bytes | None:
        """The key of this id, or None."""
        return self._keys.get(key_id)

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._keys.values())

    def __len__(self) -> int:
        return len(self._keys)

    def __repr__(self) -> str:
        return f"KeyRing({', '.join(self._keys)})"


def new_key(key_id: str) -> str:
    """A new random key, as it is written in a setting."""
    return f"{key_id}:{urlsafe_b64encode(secrets.token_bytes(KEY_BYTES)).decode()}"

"""Sealing secrets of records: AES-256-GCM under a data key of their own, itself wrapped by a key from settings.

Both layers are bound to the place of the secret (org, entity, record id, field), so a sealed text that is copied to
another record or field does not open. After a key was exchanged, `Sealer.rewrapped` wraps the data key anew; the secret
itself is neither opened nor sealed again.

    s1.<id of the wrapping key>.<nonce and wrapped data key>.<nonce and sealed secret>      both in base64url
"""

import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from msgspec.structs import replace

from chassis.entity import Document, Entity, R
from chassis.key_ring import KEY_BYTES, KeyRing
from chassis.sealed import Sealed

VERSION = "s1"
NONCE_BYTES = 12


class SealError(Exception):
    """A sealed text that can't be opened: altered, copied from another record, or sealed under an unknown key."""


class Sealer:
    """Seals and opens the secrets of records under keys from settings: the first key seals, all open."""

    def __init__(self, keys: KeyRing) -> None:
        self._keys = keys

    @property
    def usable(self) -> bool:
        """Whether there is a key."""
        return len(self._keys) > 0

    def sealed(self, entity: Entity[R], record: R) -> R:
        """The record with every secret sealed that is not sealed yet; its id and org must be set. LookupError without
        a key."""
        found: dict[str, Sealed] = {}
        for field in entity.seals:
            value = getattr(record, field)
            if isinstance(value, Sealed) and value.secret is not None:
                found[field] = Sealed(text=self._seal(value.secret, _place(entity, record, field)))
        return replace(record, **found) if found else record

    def open(self, entity: Entity[R], record: R, field: str) -> str:
        """The secret in a field of a record as it was read. Raises `SealError`; KeyError for a field without value."""
        value = getattr(record, field)
        if not isinstance(value, Sealed):
            raise KeyError(f"{entity.name} {field} holds no secret")
        if value.secret is not None:
            return value.secret
        place = _place(entity, record, field)
        key_id, wrapped, body = _parts(value.text)
        return _decrypt(self._data_key(key_id, wrapped, place), body, place).decode()

    def rewrapped(self, entity: Entity[R], record: R, field: str) -> str | None:
        """The sealed text under the current key; None where the field holds none, or it is under that key already.

        Raises `SealError`.
        """
        value = getattr(record, field)
        if not isinstance(value, Sealed):
            return None
        key_id, wrapped, body = _parts(value.text)
        current_id, current = self._keys.current
        if key_id == current_id:
            return None
        place = _place(entity, record, field)
        anew = _encrypt(current, self._data_key(key_id, wrapped, place), place)
        return ".".join((VERSION, current_id, _encode(anew), _encode(body)))

    def _seal(self, secret: str, place: bytes) -> str:
        key_id, key = self._keys.current
        data_key = secrets.token_bytes(KEY_BYTES)
        body = _encrypt(data_key, secret.encode(), place)
        return ".".join((VERSION, key_id, _encode(_encrypt(key, data_key, place)), _encode(body)))

    def _data_key(self, key_id: str, wrapped: bytes, place: bytes) -> bytes:
        key = self._keys.find(key_id)
        if key is None:
            raise SealError(f"the settings hold no key {key_id}")
        return _decrypt(key, wrapped, place)


def _place(entity: Entity[Any], record: Document, field: str) -> bytes:
    """What a sealed secret is bound to. Each part has its length before it."""
    parts = (getattr(record, "orgcode", ""), entity.name, entity.id_of(record), field)
    return b"".join(b"%d:%b" % (len(part), part) for part in (each.encode() for each in parts))


def _encrypt(key: bytes, data: bytes, place: bytes) -> bytes:
    nonce = secrets.token_bytes(NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, data, place)


def _decrypt(key: bytes, sealed: bytes, place: bytes) -> bytes:
    try:
        return AESGCM(key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], place)
    except (InvalidTag, ValueError):
        raise SealError("the sealed text was altered, or belongs to another record") from None


def _parts(text: str) -> tuple[str, bytes, bytes]:
    """Id of the wrapping key, wrapped data key and sealed secret."""
    try:
        version, key_id, wrapped, body = text.split(".")
        if version != VERSION:
            raise ValueError(version)
        return key_id, _decode(wrapped), _decode(body)
    except ValueError:
        raise SealError("the text is not sealed as it should be") from None


def _encode(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))

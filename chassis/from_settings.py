"""Addresses and keys of a process, read from its settings."""

from collections.abc import Callable, Mapping
from hashlib import blake2b
from typing import TypeVar

from chassis.auth.keys import PublicKey, Reread, SigningKey, public_keys, signing_key
from chassis.rpc.client import PEERS
from chassis.sealing import Sealer
from chassis.service import Parts
from chassis.settings import BaseSettings, KeyText, SettingsError

T = TypeVar("T")


def addresses_of(settings: BaseSettings) -> dict[str, tuple[str, ...]]:
    """The gRPC addresses of the replicas of each peer, as `Channels` takes them."""
    return {peer: getattr(settings, f"{peer}_grpc") for peer in PEERS}


def sealer_of(settings: BaseSettings, parts: Parts) -> Sealer:
    """Seals secrets of records under the keys that the settings name. Raises `SettingsError` if keys are missing."""
    sealer = Sealer(settings.sealing_keys())
    having = [entity.name for entity in parts.entities if entity.seals]
    if having and not sealer.usable:
        raise SettingsError(f"the settings name no keys to seal the secrets of {', '.join(having)} with")
    return sealer


def signing_key_of(settings: BaseSettings, holder: str) -> Reread[SigningKey]:
    """The private key of this process's service. Raises `SettingsError` if it cannot be used."""
    return _keys("CALLER_SIGNING_KEYS", settings.caller_signing_keys, lambda text: signing_key(holder, text))


def public_keys_of(settings: BaseSettings) -> Reread[Mapping[str, PublicKey]]:
    """The public keys of the stack. Raises `SettingsError` if they cannot be used."""
    return _keys("CALLER_PUBLIC_KEYS", settings.caller_public_keys, public_keys)


def _keys(name: str, given: KeyText, parse: Callable[[str], T]) -> Reread[T]:
    try:
        return Reread(given, given.path, parse)
    except ValueError as failure:
        raise SettingsError(f"{name}: {failure}") from None


def page_key_of(settings: BaseSettings) -> bytes:
    """The key that seals page tokens, the same in all replicas; derived from the caller key if none is given."""
    if settings.page_key:
        return settings.page_key.encode()
    return blake2b(b"page tokens", key=settings.caller_key.encode()[:64]).digest()

"""What a process makes of its settings."""

from hashlib import blake2b

from chassis.rpc.client import PEERS
from chassis.sealing import Sealer
from chassis.service import Parts
from chassis.settings import BaseSettings, SettingsError


def addresses_of(settings: BaseSettings) -> dict[str, tuple[str, ...]]:
    """Each peer of the stack -> where its replicas answer gRPC, as `Channels` takes it."""
    return {peer: getattr(settings, f"{peer}_grpc") for peer in PEERS}


def sealer_of(settings: BaseSettings, parts: Parts) -> Sealer:
    """Seals secrets of records under the keys that the settings name. Raises `SettingsError` if keys are missing."""
    sealer = Sealer(settings.sealing_keys())
    having = [entity.name for entity in parts.entities if entity.seals]
    if having and not sealer.usable:
        raise SettingsError(f"the settings name no keys to seal the secrets of {', '.join(having)} with")
    return sealer


def page_key_of(settings: BaseSettings) -> bytes:
    """The key that seals page tokens, the same in all replicas; derived from the caller key if none is given."""
    if settings.page_key:
        return settings.page_key.encode()
    return blake2b(b"page tokens", key=settings.caller_key.encode()[:64]).digest()

"""API keys: service accounts of one org. The key `rsk_<key id>_<secret>` is shown once; only its SHA-256 is stored."""

import secrets
from hmac import compare_digest

from msgspec.structs import replace

from chassis.clock import Utc
from chassis.entity import ONE_SHARD, Document, Entity, Record, edge, index
from chassis.values import Id, Name
from gateway.directory.session import hash_of

SECRET_BYTES = 32


class ApiKey(Record):
    """A key of an org, and the roles it holds there. The time of its last use is a record of its own, `KeyUse`."""

    key_id: Id
    secret_hash: str
    name: Name
    roles: list[str]
    expires_utc: Utc | None
    revoked_utc: Utc | None = None


class KeyUse(Document):
    """When a key was used last, to the minute. Written in batches, without changing the key's revision."""

    key_id: Id
    orgcode: str
    last_used_utc: Utc


API_KEYS = Entity(
    "api_key",
    ApiKey,
    collection="api_keys",
    id="key_id",
    shard_key=ONE_SHARD,
    keys=("ORG#{orgcode}", "KEY#{key_id}"),
    indexes=[index("key_id")],
    edges=[edge("in", to="org", by="orgcode")],
    sealed=("secret_hash",),
    label="name",
)

KEY_USES = Entity(
    "api_key_use",
    KeyUse,
    collection="api_key_uses",
    id="key_id",
    shard_key=ONE_SHARD,
    indexes=[index("key_id")],
    history=False,
    technical=True,
)


def made(key_id: str) -> str:
    """The text of a new key."""
    return f"rsk_{key_id}_{secrets.token_urlsafe(SECRET_BYTES)}"


def id_in(text: str) -> str:
    """The key id in the text of a key."""
    return text.split("_", 2)[1]


def opens(key: ApiKey, text: str, now: Utc) -> bool:
    """Whether the text is this key and the key is neither expired nor revoked."""
    right = compare_digest(key.secret_hash, hash_of(text))
    return right and is_open_key(key, now)


def is_open_key(key: ApiKey, now: Utc) -> bool:
    """Whether the key is neither expired nor revoked."""
    return key.revoked_utc is None and (key.expires_utc is None or now < key.expires_utc)


def revoked(key: ApiKey, now: Utc) -> ApiKey:
    """The key, revoked. One that was revoked before stays as it is."""
    return key if key.revoked_utc is not None else replace(key, revoked_utc=now)

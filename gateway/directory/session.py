"""Sessions: a user who is signed in. The guid is shown once; only its SHA-256 is stored.

A session ends some time after its last use, and in any case some days after it was opened.
"""

from datetime import datetime
from hashlib import sha256

from msgspec.structs import replace

from chassis.clock import Utc, later, seconds_between, to_datetime
from chassis.entity import ONE_SHARD, Entity, Record, edge, expiring, index, unique
from chassis.values import Id

KEPT_SECONDS = 30 * 86400
"""How long an ended session is kept."""

SLIDES = 24
"""Writes of a used session per session length, at most one a minute."""


class Session(Record):
    """A user's session.

    idle_seconds    how long it lasts unused
    ends_utc        when it ends for good
    opened_from     the address that it was opened from
    """

    session_id: Id
    secret_hash: str
    user_id: Id
    idle_seconds: int
    expires_utc: Utc
    ends_utc: Utc
    revoked_utc: Utc | None = None
    opened_from: str | None = None


def _forgotten_at(session: Session) -> datetime:
    return to_datetime(later(session.ends_utc, KEPT_SECONDS))


SESSIONS = Entity(
    "session",
    Session,
    collection="sessions",
    id="session_id",
    shard_key=ONE_SHARD,
    keys=("STACK", "SESSION#{session_id}"),
    indexes=[
        unique("secret_hash", refusal="the session exists already"),
        index("user_id"),
        expiring("forgotten_at"),
    ],
    edges=[edge("of", to="user", by="user_id")],
    derived={"forgotten_at": _forgotten_at},
    org_scoped=False,
    sealed=("secret_hash",),
    label="{user_id} since {created_utc}",
)


def hash_of(secret: str) -> str:
    """The hash that is stored of a credential."""
    return sha256(secret.encode()).hexdigest()


def opened(
    session_id: str, guid: str, user_id: str, now: Utc, idle_seconds: int, seconds_max: int, opened_from: str | None
) -> Session:
    """A new session."""
    ends = later(now, max(seconds_max, idle_seconds))
    return Session(
        session_id=session_id,
        secret_hash=hash_of(guid),
        user_id=user_id,
        idle_seconds=idle_seconds,
        expires_utc=later(now, idle_seconds),
        ends_utc=ends,
        opened_from=opened_from,
    )


def is_open(session: Session, now: Utc) -> bool:
    """Whether the session is valid at `now`."""
    return session.revoked_utc is None and now < session.expires_utc


def revoked(session: Session, now: Utc) -> Session:
    """The session, revoked. One that was revoked before stays as it is."""
    return session if session.revoked_utc is not None else replace(session, revoked_utc=now)


def used(session: Session, now: Utc) -> Session:
    """The session after a use at `now`, extended if the gain is worth a write."""
    if not is_open(session, now):
        return session
    expires = min(later(now, session.idle_seconds), session.ends_utc)
    worth = max(60.0, session.idle_seconds / SLIDES)
    enough = seconds_between(session.expires_utc, expires) >= worth
    return replace(session, expires_utc=expires) if enough else session

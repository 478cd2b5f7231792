"""States of a channel, and what moves it from one to another."""

from collections.abc import Collection
from typing import Literal

from msgspec.structs import replace

from chassis.clock import Utc
from chassis.errors import InvalidState
from services.slc.channel.domain import CredentialFailure, Credentials, Pause, PauseCode, StoredChannel
from services.slc.channel.scopes import missing_scopes
from services.slc.words import clipped

Missing = Literal["credentials", "credentials_health", "scopes", "facility", "location", "shop_active_elsewhere"]


def missing_to_activate(
    channel: StoredChannel, credentials: Credentials, active_locations: Collection[str] | None, *, elsewhere: bool
) -> list[Missing]:
    """What a channel lacks to be active. `active_locations` is None where the shop was not asked."""
    found: list[Missing] = []
    healthy = credentials.present and credentials.health == "healthy"
    if not credentials.present:
        found.append("credentials")
    elif not healthy:
        found.append("credentials_health")
    if credentials.present and missing_scopes(channel.type, channel.config, credentials.scopes):
        found.append("scopes")
    if not channel.facilities:
        found.append("facility")
    elif active_locations is not None and not set(channel.locations()) <= set(active_locations):
        found.append("location")
    if elsewhere and healthy:
        found.append("shop_active_elsewhere")
    return found


def activated(channel: StoredChannel, now: Utc) -> StoredChannel:
    """The channel, active. Raises `InvalidState` unless it is inactive."""
    if channel.state != "inactive":
        raise InvalidState(f"the channel is {channel.state}", state=channel.state)
    return replace(channel, state="active", pause=None, activated_utc=channel.activated_utc or now, state_utc=now)


def paused(channel: StoredChannel, reason: str | None, now: Utc) -> StoredChannel:
    """The channel, paused by a user; a pause of the system becomes the user's and keeps its cause."""
    if channel.state == "inactive" or (channel.pause is not None and channel.pause.by == "user"):
        raise InvalidState(f"the channel is {channel.state}", state=channel.state)
    code: PauseCode = "requested" if channel.pause is None else channel.pause.code
    since = now if channel.pause is None else channel.pause.since_utc
    pause = Pause(by="user", code=code, reason=reason, since_utc=since)
    return replace(channel, state="paused", pause=pause, state_utc=now)


def paused_by_system(channel: StoredChannel, code: PauseCode, message: str, now: Utc) -> StoredChannel | None:
    """The channel, paused by the system; None if it is not active."""
    if channel.state != "active":
        return None
    pause = Pause(by="system", code=code, reason=clipped(message)[:256], since_utc=now)
    return replace(channel, state="paused", pause=pause, state_utc=now)


def resumed(channel: StoredChannel, now: Utc) -> StoredChannel:
    """The channel, active again. Raises `InvalidState` unless it is paused."""
    if channel.state != "paused":
        raise InvalidState(f"the channel is {channel.state}", state=channel.state)
    return replace(channel, state="active", pause=None, state_utc=now)


def recovered(channel: StoredChannel, now: Utc) -> StoredChannel | None:
    """The channel once the cause of a system's pause is gone; None if the system did not pause it."""
    if channel.pause is None or channel.pause.by != "system":
        return None
    return replace(channel, state="active", pause=None, state_utc=now)


def deactivated(channel: StoredChannel, now: Utc) -> StoredChannel:
    """The channel, inactive."""
    return replace(channel, state="inactive", pause=None, state_utc=now)


def failing(credentials: Credentials, failure: CredentialFailure, now: Utc) -> Credentials:
    """Credentials that were tried and do not work: revoked where the shop refuses them, else failing."""
    health: Literal["failing", "revoked"] = "revoked" if failure.code in {"refused", "uninstalled"} else "failing"
    return replace(credentials, health=health, checked_utc=now, failure=failure)

"""Channels: one shop under one set of rules. What a channel holds, and which settings its type allows."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from msgspec import Meta, field
from msgspec.structs import replace

from chassis.entity import Document, Record, Value
from chassis.errors import InvalidState
from chassis.values import Code, Count, Guid, Id, Name, Reason, Revision, Text, Utc
from services.slc.channel.config import ChannelConfig, with_config
from services.slc.words import (
    ChannelState,
    ChannelType,
    Gid,
    Part,
    ShopDomain,
    SyncField,
    SyncState,
)

PauseCode = Literal["requested", "credentials", "shop_unavailable"]
Health = Literal["none", "healthy", "failing", "revoked"]
FailureCode = Literal["unreachable", "refused", "shop_mismatch", "scopes_missing", "expired", "uninstalled"]


class FacilityBinding(Part):
    """A facility whose stock the channel sells, and the location of the shop that shows it."""

    logical_guid: Guid
    location_id: Gid
    location_name: Name | None = None
    primary: bool
    bound_utc: Utc
    bound_by: Name


class CredentialFailure(Value):
    """Why the credentials do not work, or the shop does not answer."""

    code: FailureCode
    message: Text
    at_utc: Utc


class Credentials(Part):
    """What may be shown of a channel's credentials."""

    present: bool
    kind: Literal["oauth", "admin_token"] | None = None
    health: Health
    scopes: Annotated[list[Name], Meta(max_length=64)]
    fingerprint: Text | None = None
    shop_id: Gid | None = None
    shop_name: Text | None = None
    shop_currency: Text | None = None
    expires_utc: Utc | None = None
    refresh_expires_utc: Utc | None = None
    checked_utc: Utc | None = None
    rotated_utc: Utc | None = None
    failure: CredentialFailure | None = None


class Pause(Part):
    """Who paused the channel and why. `code` keeps the system's cause when a user pauses a paused channel."""

    by: Literal["user", "system"]
    code: PauseCode
    reason: Reason | None = None
    since_utc: Utc


class VariantTally(Value):
    """The included variants of a channel, and how many of them are in each state."""

    included: Count
    pending: Count
    queued: Count
    synced: Count
    waiting: Count
    failed: Count
    quarantined: Count


class DriftSummary(Value):
    """The outcome of one comparison of a channel with its shop, counted in variants."""

    report_id: Id
    started_utc: Utc
    finished_utc: Utc
    trigger: Literal["schedule", "operator"]
    checked: Count
    in_sync: Count
    drifted: Count
    missing: Count
    repaired: Count
    errors: Count


class Channel(Part):
    """A channel as callers see it."""

    channel_id: Id
    channel_code: Code
    name: Name
    type: ChannelType
    state: ChannelState
    pause: Pause | None = None
    shop_domain: ShopDomain
    config: ChannelConfig
    facilities: Annotated[list[FacilityBinding], Meta(max_length=50)]
    credentials: Credentials
    variants: VariantTally
    webhooks: Annotated[list[Name], Meta(max_length=16)]
    api_version: Name
    last_drift: DriftSummary | None = None
    activated_utc: Utc | None = None
    revision: Revision
    created_utc: Utc
    created_by: Name
    updated_utc: Utc
    updated_by: Name


class StoredChannel(Record, omit_defaults=True):
    """A channel. Its revision counts changes of name, config, state, facilities and credentials.

    credentials_rotated  how often its credentials were set or erased
    state_utc            when its state changed last
    """

    channel_id: Id
    channel_code: Code
    name: Name
    type: ChannelType
    state: ChannelState
    pause: Pause | None = None
    shop_domain: ShopDomain
    config: ChannelConfig
    facilities: list[FacilityBinding] = field(default_factory=list)
    credentials_rotated: Count = 0
    activated_utc: Utc | None = None
    state_utc: Utc | None = None

    @property
    def is_open(self) -> bool:
        """Whether changes are noted and orders recorded: active or paused."""
        return self.state != "inactive"

    def locations(self) -> list[str]:
        """The bound locations, each once, in the order they were bound."""
        return list(dict.fromkeys(each.location_id for each in self.facilities))

    def facilities_at(self, location_id: str) -> list[str]:
        """The facilities bound to a location: the primary first, then as bound."""
        found = [each for each in self.facilities if each.location_id == location_id]
        return [each.logical_guid for each in sorted(found, key=lambda each: not each.primary)]

    @property
    def primary(self) -> FacilityBinding | None:
        """The primary facility; None while none is bound."""
        return next((each for each in self.facilities if each.primary), None)

    def syncs(self, field: SyncField) -> bool:
        """Whether the field is synced."""
        return field in self.config.sync_fields


class ChannelStatus(Document, omit_defaults=True):
    """What is known of a channel beside its revision: health, subscriptions, the latest catch-up and drift report.

    webhooks           topics subscribed in the shop
    caught_up_utc      start of the last full catch-up that ended well
    """

    channel_id: Id
    orgcode: str = ""
    credentials: Credentials
    webhooks: list[Name] = field(default_factory=list)
    api_version: Name
    last_drift: DriftSummary | None = None
    caught_up_utc: Utc | None = None


class TallySlot(Document):
    """One process' share of a channel's tally; single numbers may be below 0, their sums over all slots are not.

    mapped  rows, included or not, of which something is known at Shopify
    """

    slot_id: str
    channel_id: Id
    orgcode: str = ""
    included: int = 0
    mapped: int = 0
    pending: int = 0
    queued: int = 0
    synced: int = 0
    waiting: int = 0
    failed: int = 0
    quarantined: int = 0


NO_CREDENTIALS = Credentials(present=False, health="none", scopes=[])


def updated(channel: StoredChannel, name: str | None, given: Mapping[str, Any]) -> tuple[StoredChannel, list[str]]:
    """The channel with another name and config, and the names of what changed (`name`, `config.<field>`).

    Raises `InvalidState` for another metafield_namespace outside of state inactive.
    """
    config = with_config(channel.type, channel.config, given)
    changed = [f"config.{field}" for field in given if getattr(config, field) != getattr(channel.config, field)]
    if "config.metafield_namespace" in changed and channel.state != "inactive":
        raise InvalidState("metafield_namespace changes in state inactive only", state=channel.state)
    if name is not None and name != channel.name:
        changed.insert(0, "name")
    return replace(channel, name=name or channel.name, config=config), changed


STATES: tuple[SyncState, ...] = ("pending", "queued", "synced", "waiting", "failed", "quarantined")


def tally_of(slots: list[TallySlot]) -> VariantTally:
    """The sum of a channel's slots."""
    names = VariantTally.__struct_fields__
    return VariantTally(**{name: max(0, sum(getattr(slot, name) for slot in slots)) for name in names})

"""Channels: one shop under one set of rules. What a channel holds, and which settings its type allows."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, get_args

from msgspec import Meta, field
from msgspec.structs import replace

from chassis.entity import Document, Record, Value
from chassis.errors import FieldProblem, InvalidState, invalid_fields
from chassis.values import Code, Count, Guid, Id, Name, Reason, Revision, Text, Utc
from services.slc.words import (
    ChannelState,
    ChannelType,
    Gid,
    Part,
    ShopDomain,
    SyncField,
    SyncState,
)

MatchBy = Literal["sku", "barcode", "sku_then_barcode", "none"]
StockSource = Literal["promisable", "atp", "available"]
OrderTrigger = Literal["created", "paid"]
OrderEffect = Literal["commit", "ship"]
OfflineEffect = Literal["draft", "zero_stock", "none"]
OnRemove = Literal["archive", "zero_stock", "leave"]
PauseCode = Literal["requested", "credentials", "shop_unavailable"]
Health = Literal["none", "healthy", "failing", "revoked"]
FailureCode = Literal["unreachable", "refused", "shop_mismatch", "scopes_missing", "expired", "uninstalled"]

STANDARD_FIELDS: tuple[SyncField, ...] = get_args(SyncField)
CUSTOM_FIELDS: tuple[SyncField, ...] = ("price", "inventory", "cost", "barcode", "metafields")

RESYNCED = frozenset(
    {
        "pmc_channel_code",
        "sync_fields",
        "match_by",
        "stock_source",
        "stock_buffer",
        "stock_cap",
        "offline_effect",
    }
)
"""Config fields whose change concerns every included variant."""


class ChannelConfig(Part):
    """The rules a channel is synced by. `debounce_ms` is in milliseconds, `reserve_percent` of the shop's bucket."""

    pmc_channel_code: Code
    sync_fields: Annotated[list[SyncField], Meta(min_length=1, max_length=17)]
    match_by: MatchBy
    stock_source: StockSource
    stock_buffer: Annotated[int, Meta(ge=0, le=1_000_000)]
    stock_cap: Annotated[int, Meta(ge=0, le=1_000_000)] | None = None
    order_trigger: OrderTrigger
    order_effect: OrderEffect
    offline_effect: OfflineEffect
    on_remove: OnRemove
    drift_repair: bool
    watch_shop_edits: bool
    shadow: bool
    fulfilment_push: bool
    debounce_ms: Annotated[int, Meta(ge=0, le=60_000)]
    reserve_percent: Annotated[int, Meta(ge=0, le=90)]
    media_mode: Literal["create_only"]
    publication_ids: Annotated[list[Gid], Meta(max_length=20)]
    metafield_namespace: Name


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


def default_config(kind: ChannelType, channel_code: str) -> ChannelConfig:
    """The config of a new channel of this type."""
    standard = kind == "standard"
    return ChannelConfig(
        pmc_channel_code=channel_code,
        sync_fields=list(STANDARD_FIELDS if standard else CUSTOM_FIELDS),
        match_by="sku",
        stock_source="promisable",
        stock_buffer=0,
        order_trigger="created",
        order_effect="commit",
        offline_effect="draft" if standard else "zero_stock",
        on_remove="archive" if standard else "leave",
        drift_repair=True,
        watch_shop_edits=True,
        shadow=False,
        fulfilment_push=False,
        debounce_ms=1000,
        reserve_percent=20,
        media_mode="create_only",
        publication_ids=[],
        metafield_namespace="retailstack",
    )


def with_config(kind: ChannelType, before: ChannelConfig, given: Mapping[str, Any]) -> ChannelConfig:
    """The config with these fields replaced. Raises `Invalid`, naming every value that the type does not allow."""
    after = replace(before, **given)
    problems = [FieldProblem(f"config.{field}", problem) for field, problem in _config_problems(kind, after)]
    if problems:
        raise invalid_fields(problems)
    return after


def _config_problems(kind: ChannelType, config: ChannelConfig) -> Iterator[tuple[str, str]]:
    if len(set(config.sync_fields)) < len(config.sync_fields):
        yield "sync_fields", "names a field twice"
    if len(set(config.publication_ids)) < len(config.publication_ids):
        yield "publication_ids", "names a publication twice"
    if kind == "standard":
        return
    if refused := sorted(set(config.sync_fields) - set(CUSTOM_FIELDS)):
        yield "sync_fields", f"a custom channel does not sync {', '.join(refused)}"
    if config.match_by == "none":
        yield "match_by", "a custom channel needs sku, barcode or sku_then_barcode"
    if config.offline_effect == "draft":
        yield "offline_effect", "a custom channel needs zero_stock or none"
    if config.on_remove == "archive":
        yield "on_remove", "a custom channel needs zero_stock or leave"
    if config.publication_ids:
        yield "publication_ids", "a custom channel does not publish"


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


def concerns_all(changed: list[str]) -> bool:
    """Whether these changes of the config concern every included variant."""
    return any(each.removeprefix("config.") in RESYNCED for each in changed if each.startswith("config."))


STATES: tuple[SyncState, ...] = ("pending", "queued", "synced", "waiting", "failed", "quarantined")


def tally_of(slots: list[TallySlot]) -> VariantTally:
    """The sum of a channel's slots."""
    names = VariantTally.__struct_fields__
    return VariantTally(**{name: max(0, sum(getattr(slot, name) for slot in slots)) for name in names})

"""Events published about the variants of a channel."""

from typing import Annotated

from msgspec import Meta

from chassis.entity import Value
from chassis.event import EventType
from chassis.values import Count, Guid, Id, Name
from services.slc.words import BATCH_VARIANTS_MAX, Gid, Part, Rev, SyncError


class VariantsListed(Value):
    """Variants that came on a channel's inclusion list, or were taken off it."""

    channel_id: Id
    variant_ids: Annotated[list[Guid], Meta(min_length=1, max_length=BATCH_VARIANTS_MAX)]


class MapsPurged(Value):
    """How many maps of a channel were forgotten."""

    channel_id: Id
    deleted: Count


class SyncRequested(Value):
    """How many variants were asked to be synced."""

    channel_id: Id
    batch_id: Id
    enqueued: Count
    coalesced: Count


class SyncSucceeded(Part):
    """What was written for a variant. `lag_ms` runs from the change to Shopify's confirmation."""

    channel_id: Id
    variant_id: Guid
    shopify_variant_id: Gid | None = None
    changed: list[Name]
    rev: Rev | None = None
    lag_ms: float


class SyncFailed(Value):
    """Why a variant could not be synced."""

    channel_id: Id
    variant_id: Guid
    error: SyncError


EVENTS = [
    EventType(
        type="slc.variants.added",
        subject="channel_id",
        body=VariantsListed,
        summary="Variants were added to a channel's inclusion list.",
    ),
    EventType(
        type="slc.variants.removed",
        subject="channel_id",
        body=VariantsListed,
        summary="Variants were taken off a channel's inclusion list.",
    ),
    EventType(
        type="slc.maps.purged",
        subject="channel_id",
        body=MapsPurged,
        summary="What a channel knew of its shop was forgotten.",
    ),
    EventType(
        type="slc.sync.requested",
        subject="channel_id",
        body=SyncRequested,
        summary="Variants were asked to be synced.",
    ),
    EventType(
        type="slc.sync.succeeded",
        subject="variant_id",
        body=SyncSucceeded,
        summary="A sync wrote something to the shop.",
    ),
    EventType(type="slc.sync.failed", subject="variant_id", body=SyncFailed, summary="A sync was refused for good."),
    EventType(
        type="slc.sync.quarantined",
        subject="variant_id",
        body=SyncFailed,
        summary="A sync was given up after all attempts.",
    ),
]

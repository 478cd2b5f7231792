"""Drift reports: how one comparison of a channel with its shop ended, and what differed."""

from typing import Annotated, Any, Literal

from msgspec import Meta

from chassis.entity import Document, Value
from chassis.values import Count, Guid, Id, Name, Sku, Utc
from services.slc.channel.domain import DriftSummary
from services.slc.words import Gid, Part

ITEMS_MAX = 200


class DriftItem(Part):
    """One difference: what the shop should show, what it shows, and what was done about it."""

    variant_id: Guid
    sku: Sku | None = None
    shopify_variant_id: Gid | None = None
    field: Name
    location_id: Gid | None = None
    expected: Any
    actual: Any
    action: Literal["enqueued", "reported", "forgotten"]


class FieldCount(Value):
    """How many differences a field has."""

    field: Name
    count: Count


class DriftReport(Value):
    """A report as callers see it: the first 200 differences."""

    summary: DriftSummary
    by_field: Annotated[list[FieldCount], Meta(max_length=32)]
    items: Annotated[list[DriftItem], Meta(max_length=200)]
    truncated: bool


class StoredDrift(Document):
    """A report as it is stored. `repaired` of the summary grows after it finished."""

    report_id: Id
    channel_id: Id
    orgcode: str = ""
    finished_utc: Utc
    summary: DriftSummary
    by_field: list[FieldCount]
    items: list[DriftItem]
    truncated: bool


def drift_answer(stored: StoredDrift) -> DriftReport:
    """A report as callers see it."""
    return DriftReport(summary=stored.summary, by_field=stored.by_field, items=stored.items, truncated=stored.truncated)

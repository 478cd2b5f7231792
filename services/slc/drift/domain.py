"""Drift reports: how one comparison of a channel with its shop ended, and what differed."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from msgspec import Meta
from msgspec.structs import replace

from chassis.clock import Utc as Moment
from chassis.entity import Document, Value
from chassis.values import Count, Guid, Id, Name, Sku, Utc
from services.slc.channel.domain import DriftSummary
from services.slc.words import Gid, Part

ITEMS_MAX = 200
FIELDS_MAX = 32

Trigger = Literal["schedule", "operator"]
Action = Literal["enqueued", "reported", "forgotten"]


class DriftItem(Part):
    """One difference: what the shop should show, what it shows, and what was done about it."""

    variant_id: Guid
    sku: Sku | None = None
    shopify_variant_id: Gid | None = None
    field: Name
    location_id: Gid | None = None
    expected: Any
    actual: Any
    action: Action


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


class StoredDrift(Document, omit_defaults=True):
    """A report as it is stored, from its first page on. `repaired` of the summary grows after it finished.

    finished_utc  None while it is under way; the summary then has the time of its start
    """

    report_id: Id
    channel_id: Id
    orgcode: str = ""
    finished_utc: Utc | None = None
    summary: DriftSummary
    by_field: list[FieldCount]
    items: list[DriftItem]
    truncated: bool = False


class Compared(Value):
    """What a page of variants adds to a report, counted in variants; `items` are all its differences."""

    in_sync: int = 0
    drifted: int = 0
    missing: int = 0
    errors: int = 0
    items: tuple[DriftItem, ...] = ()


def drift_answer(stored: StoredDrift) -> DriftReport:
    """A report as callers see it."""
    return DriftReport(summary=stored.summary, by_field=stored.by_field, items=stored.items, truncated=stored.truncated)


def new_report(report_id: str, channel_id: str, trigger: Trigger, now: Moment) -> StoredDrift:
    """A report that begins now."""
    summary = DriftSummary(
        report_id=report_id,
        started_utc=now,
        finished_utc=now,
        trigger=trigger,
        checked=0,
        in_sync=0,
        drifted=0,
        missing=0,
        repaired=0,
        errors=0,
    )
    return StoredDrift(report_id=report_id, channel_id=channel_id, summary=summary, by_field=[], items=[])


def with_page(report: StoredDrift, page: Compared) -> StoredDrift:
    """The report with one more page."""
    known = report.summary
    summary = replace(
        known,
        checked=known.checked + page.in_sync + page.drifted + page.missing,
        in_sync=known.in_sync + page.in_sync,
        drifted=known.drifted + page.drifted,
        missing=known.missing + page.missing,
        errors=known.errors + page.errors,
    )
    room = ITEMS_MAX - len(report.items)
    return replace(
        report,
        summary=summary,
        by_field=_counted(report.by_field, page.items),
        items=[*report.items, *page.items[:room]],
        truncated=report.truncated or len(page.items) > room,
    )


def finished(report: StoredDrift, now: Moment) -> StoredDrift:
    """The report at its end."""
    return replace(report, finished_utc=now, summary=replace(report.summary, finished_utc=now))


def repaired(report: StoredDrift, jobs: int) -> StoredDrift:
    """The report after a number of its forced jobs ended well."""
    return replace(report, summary=replace(report.summary, repaired=report.summary.repaired + jobs))


def _counted(known: Sequence[FieldCount], items: Sequence[DriftItem]) -> list[FieldCount]:
    numbers = {each.field: each.count for each in known}
    for item in items:
        numbers[item.field] = numbers.get(item.field, 0) + 1
    return [FieldCount(field=name, count=number) for name, number in sorted(numbers.items())][:FIELDS_MAX]

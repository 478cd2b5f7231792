"""Audit records: what SLC wrote, was refused, posted or found, one record for each variant concerned."""

from collections.abc import Iterable
from typing import Annotated, Any, Literal

from msgspec import Meta

from chassis.entity import Document
from chassis.values import Code, Count, Guid, Id, Name, Sku, Text, Utc
from services.slc.shopify.errors import UserError
from services.slc.shopify.words import ShopCall
from services.slc.words import Cause, Gid, Part, SyncError, clipped

CALLS_MAX = 20
CHANGES_MAX = 64
ERRORS_MAX = 50

AuditKind = Literal[
    "sync.created",
    "sync.updated",
    "sync.inventory",
    "sync.archived",
    "sync.removed",
    "sync.shadow",
    "sync.failed",
    "sync.dead",
    "map.created",
    "map.forgotten",
    "order.committed",
    "order.released",
    "order.shipped",
    "order.restocked",
    "order.oversold",
    "order.ignored",
    "order.fulfilled",
    "shop.edited",
    "drift.found",
    "drift.repaired",
]
Outcome = Literal["done", "partial", "refused", "recorded"]


class FieldChange(Part):
    """A field that was written, or would be; of inventory one per location."""

    field: Name
    location_id: Gid | None = None
    before: Any = None
    after: Any = None


class ShopifyUserError(Part):
    """What Shopify refused of a request."""

    code: Name | None = None
    field: Text | None = None
    message: Text


class ShopifyCall(Part):
    """A request that was sent to Shopify. `cost` in points."""

    operation: Name
    request_id: Text | None = None
    cost: float | None = None
    user_errors: Annotated[list[ShopifyUserError], Meta(max_length=50)]


class IcsDocument(Part):
    """A document of ICS that was made."""

    document_type: Name
    document_id: Id


class AuditRecord(Part):
    """One audit record, as callers see it."""

    audit_id: Id
    at_utc: Utc
    channel_id: Id
    channel_code: Code
    kind: AuditKind
    outcome: Outcome
    variant_id: Guid | None = None
    style_id: Guid | None = None
    sku: Sku | None = None
    shopify_product_id: Gid | None = None
    shopify_variant_id: Gid | None = None
    location_id: Gid | None = None
    logical_guid: Guid | None = None
    shopify_order_id: Gid | None = None
    job_id: Id | None = None
    attempt: Count | None = None
    cause: Cause
    cause_event_id: Id | None = None
    changes: Annotated[list[FieldChange], Meta(max_length=64)]
    calls: Annotated[list[ShopifyCall], Meta(max_length=20)]
    ics_documents: Annotated[list[IcsDocument], Meta(max_length=20)]
    error: SyncError | None = None
    actor: Name
    trace_id: Text | None = None


class StoredAudit(Document, omit_defaults=True):
    """An audit record as it is stored. `sku_key` is the SKU without regard to case."""

    audit_id: Id
    orgcode: str = ""
    at_utc: Utc
    channel_id: Id
    channel_code: Code
    kind: AuditKind
    outcome: Outcome
    variant_id: Guid | None = None
    style_id: Guid | None = None
    sku: Sku | None = None
    sku_key: str | None = None
    shopify_product_id: Gid | None = None
    shopify_variant_id: Gid | None = None
    location_id: Gid | None = None
    logical_guid: Guid | None = None
    shopify_order_id: Gid | None = None
    job_id: Id | None = None
    attempt: Count | None = None
    cause: Cause
    cause_event_id: Id | None = None
    changes: list[FieldChange]
    calls: list[ShopifyCall]
    ics_documents: list[IcsDocument]
    error: SyncError | None = None
    actor: Name
    trace_id: Text | None = None


def audit_answer(stored: StoredAudit) -> AuditRecord:
    """A record as callers see it."""
    return AuditRecord(**{name: getattr(stored, name) for name in AuditRecord.__struct_fields__})


def shown_calls(calls: Iterable[ShopCall]) -> list[ShopifyCall]:
    """Requests to Shopify as an audit record names them, the first 20."""
    return [
        ShopifyCall(
            operation=call.operation,
            request_id=call.request_id,
            cost=call.cost,
            user_errors=[
                ShopifyUserError(
                    code=each.code, field=".".join(each.field)[:512] or None, message=clipped(each.message)
                )
                for each in call.user_errors[:ERRORS_MAX]
            ],
        )
        for call in list(calls)[:CALLS_MAX]
    ]


def _shown_error(error: UserError) -> ShopifyUserError:
    path = ".".join(error.field)[:512]
    return ShopifyUserError(code=error.code, field=path or None, message=clipped(error.message))


def trace_of(traceparent: str | None) -> str | None:
    """The trace id in a W3C `traceparent`."""
    parts = (traceparent or "").split("-")
    return parts[1] if len(parts) == 4 else None

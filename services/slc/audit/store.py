"""Storage of audit records, and `record`, which adds one in the transaction that stores a result."""

from collections.abc import Sequence
from typing import Any

from chassis.clock import Utc
from chassis.entity import HUB, Entity, edge, index
from chassis.page import Page, Paged
from chassis.record_history import WrittenOnce
from chassis.unit import Change, View, between
from services.slc.audit.domain import (
    CHANGES_MAX,
    AuditKind,
    FieldChange,
    IcsDocument,
    Outcome,
    StoredAudit,
    shown_calls,
    trace_of,
)
from services.slc.channel.domain import StoredChannel
from services.slc.shopify.words import ShopCall
from services.slc.variant.domain import StoredVariant
from services.slc.words import Cause

_BY = ("variant_id", "shopify_variant_id", "sku_key")

AUDIT = Entity(
    "audit",
    StoredAudit,
    collection="slc_audit",
    id="audit_id",
    shard_key=("orgcode", "channel_id", "audit_id"),
    keys=("ORG#{orgcode}", "AUDIT#{audit_id}"),
    lookups={
        2: ("VARIANT#{variant_id}", "AUDIT#{audit_id}"),
        3: ("SHOPIFYVARIANT#{shopify_variant_id}", "AUDIT#{audit_id}"),
        4: ("SKU#{sku}", "AUDIT#{audit_id}"),
    },
    label="{kind} {sku} {outcome} {at_utc}",
    indexes=[
        index("audit_id", name="org"),
        # The operator looks these up over all orgs.
        *(
            index(field, "orgcode", name=f"{field}_everywhere", every_org=True)
            for field in ("variant_id", "shopify_variant_id", "sku")
        ),
        index("channel_id", "audit_id", name="channel"),
        *(index(field, "at_utc") for field in _BY),
        *(index(field, "channel_id", "at_utc") for field in _BY),
        index("at_utc", name="age", every_org=True),
    ],
    edges=[
        edge("about", to="channel_variant", by="variant_id", cardinality="many"),
        edge("of", to="variant", by="variant_id", service=HUB),
        edge("in", to="channel", by="channel_id"),
    ],
    history=False,
    history_from=WrittenOnce(at="at_utc", by="actor"),
)


async def record(
    change: Change,
    channel: StoredChannel,
    kind: AuditKind,
    *,
    cause: Cause,
    outcome: Outcome = "done",
    row: StoredVariant | None = None,
    changes: Sequence[FieldChange] = (),
    calls: Sequence[ShopCall] = (),
    documents: Sequence[IcsDocument] = (),
    **fields: Any,
) -> StoredAudit:
    """Add an audit record; `row` gives what is known of the variant, `fields` are further fields of the record."""
    sku = fields.pop("sku", row.sku if row else None)
    known = (
        {}
        if row is None
        else {
            "variant_id": row.variant_id,
            "style_id": row.style_id,
            "shopify_product_id": row.shopify_product_id,
            "shopify_variant_id": row.shopify_variant_id,
        }
    )
    return await change.insert(
        AUDIT,
        StoredAudit(
            audit_id=change.new_id(),
            at_utc=change.now,
            channel_id=channel.channel_id,
            channel_code=channel.channel_code,
            kind=kind,
            outcome=outcome,
            sku=sku,
            sku_key=sku.casefold() if sku else None,
            cause=cause,
            changes=list(changes)[:CHANGES_MAX],
            calls=shown_calls(calls),
            ics_documents=list(documents),
            actor=fields.pop("actor", change.call.caller.actor),
            trace_id=trace_of(change.call.traceparent),
            **{**known, **fields},
        ),
    )


async def history(
    view: View,
    where: dict[str, Any],
    channel_id: str | None,
    since: Utc | None,
    until: Utc | None,
    page: Paged,
) -> Page[StoredAudit]:
    """Records with this value, newest first. Index: that of the field, with channel_id where it is given."""
    if channel_id is not None:
        where["channel_id"] = channel_id
    if since is not None or until is not None:
        where["at_utc"] = between(at_least=since, below=until)
    return await view.page(AUDIT, where, page=page, order=("-at_utc",))

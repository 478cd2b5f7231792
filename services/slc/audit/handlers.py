"""The three audit histories: by variant, by Shopify variant, by SKU."""

from chassis.endpoint import Endpoints, Listed, Request
from chassis.page import PageLimit
from chassis.unit import View
from chassis.values import Guid, Id, Sku, Token, Utc
from services.slc.audit.domain import AuditRecord, audit_answer
from services.slc.audit.store import history
from services.slc.words import VIEW, AskedGid, gid_of

endpoints = Endpoints("slc")


class AuditRange(Request):
    """Which records: of one channel, of a time, and which page."""

    channel_id: Id | None = None
    from_utc: Utc | None = None
    to_utc: Utc | None = None
    limit: PageLimit | None = None
    next_token: Token | None = None


class AuditRecordList(Listed[AuditRecord]):
    """Audit records, newest first."""


async def _page(view: View, where: dict[str, str], body: AuditRange) -> AuditRecordList:
    page = await history(view, where, body.channel_id, body.from_utc, body.to_utc, body)
    return AuditRecordList(
        items=[audit_answer(each) for each in page.items], count=page.count, next_token=page.next_token
    )


class AuditVariantHistoryRequest(AuditRange):
    variant_id: Guid


@endpoints.post("/slc", action="audit/variant-history", roles=VIEW)
async def slc_audit_variant_history(view: View, body: AuditVariantHistoryRequest) -> AuditRecordList:
    """List what was audited about a variant, newest first."""
    return await _page(view, {"variant_id": body.variant_id}, body)


class AuditShopifyHistoryRequest(AuditRange):
    shopify_variant_id: AskedGid


@endpoints.post("/slc", action="audit/shopify-history", roles=VIEW)
async def slc_audit_shopify_history(view: View, body: AuditShopifyHistoryRequest) -> AuditRecordList:
    """List what was audited about a variant of a shop, over all channels it was ever mapped in, newest first."""
    gid = gid_of("ProductVariant", body.shopify_variant_id, "shopify_variant_id")
    return await _page(view, {"shopify_variant_id": gid}, body)


class AuditSkuHistoryRequest(AuditRange):
    sku: Sku


@endpoints.post("/slc", action="audit/sku-history", roles=VIEW)
async def slc_audit_sku_history(view: View, body: AuditSkuHistoryRequest) -> AuditRecordList:
    """List what was audited about a SKU, as it was at that moment and without regard to case, newest first."""
    return await _page(view, {"sku_key": body.sku.casefold()}, body)

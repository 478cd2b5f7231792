"""Products as callers see them: whole, with the content of a view, and as summaries."""

from typing import Annotated

from msgspec import Meta

from chassis.values import Code, Guid, Id, Name, Revision
from chassis.values import Utc as UtcText
from services.pmc.content import ProductContent
from services.pmc.product.cards import ProductCard
from services.pmc.product.domain import Findings, Pointers, ProductState, StoredProduct
from services.pmc.words import (
    LocaleText,
    OnlineState,
    Part,
    Price,
    QualityScore,
    Rev,
    RevRef,
    ServedBy,
    Url,
    ViewName,
)


class Product(Part, forbid_unknown_fields=False):
    """A product as callers see it."""

    product_id: Id
    channel_guid: Guid
    channel_code: Code
    style_id: Guid
    variant_id: Guid
    online_state: OnlineState
    online_changed_utc: UtcText
    online_reason_code: Code | None = None
    held: bool
    first_online_utc: UtcText | None = None
    publishable: bool
    reasons: Findings
    warnings: Findings
    quality_score: QualityScore
    head: RevRef
    live: RevRef | None = None
    live_since_utc: UtcText | None = None
    served: RevRef | None = None
    served_by: ServedBy | None = None
    pointers: Pointers
    view: ViewName | None = None
    view_rev: Rev
    content: ProductContent
    last_run_id: Id
    revision: Revision
    created_utc: UtcText
    created_by: Name
    updated_utc: UtcText
    updated_by: Name


class ProductSummary(Part, forbid_unknown_fields=False):
    """A product as lists, search and events show it."""

    product_id: Id
    channel_guid: Guid
    channel_code: Code
    style_id: Guid
    variant_id: Guid
    variant_code: Code
    sku: Annotated[str, Meta(min_length=1, max_length=64)]
    title: LocaleText
    price: Price | None = None
    image_url: Url | None = None
    online_state: OnlineState
    publishable: bool
    served: RevRef | None = None
    revision: Revision
    updated_utc: UtcText


def summary_of(product: StoredProduct | ProductCard) -> ProductSummary:
    """The summary of a product, by its indexed content."""
    return ProductSummary(
        product_id=product.product_id,
        channel_guid=product.channel_guid,
        channel_code=product.channel_code,
        style_id=product.style_id,
        variant_id=product.variant_id,
        variant_code=product.indexed.variant_code,
        sku=product.indexed.sku,
        title=product.indexed.title,
        price=product.indexed.price,
        image_url=product.indexed.image_url,
        online_state=product.online_state,
        publishable=product.publishable,
        served=product.served,
        revision=product.revision,
        updated_utc=product.updated_utc,
    )


def answer_of(product: ProductState, content: ProductContent, view: ViewName | None, view_rev: int) -> Product:
    """The product with the content of a view."""
    plain = {
        name: getattr(product, name)
        for name in Product.__struct_fields__
        if name not in {"served", "served_by", "view", "view_rev", "content"}
    }
    return Product(
        **plain, served=product.served, served_by=product.served_by, view=view, view_rev=view_rev, content=content
    )

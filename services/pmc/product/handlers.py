"""The product endpoints that read. What each promises its callers is in the contract's pmc.yaml."""

from collections.abc import Sequence
from typing import Any

from chassis.endpoint import Answer, Endpoints, Request
from chassis.errors import NotFound
from chassis.page import PageLimit, PageRequest
from chassis.unit import View
from chassis.values import Barcode, Code, Count, Guid, Id, Revision, Sku, Text, Token
from services.pmc.content import read_content
from services.pmc.product.answers import Product, ProductSummary, answer_of, summary_of
from services.pmc.product.domain import Pointers, ProductState, view_revision
from services.pmc.product.filters import FilterFields, filter_of, filter_problems
from services.pmc.product.history import ProductRevision
from services.pmc.product.history import to_answer as revision_answer
from services.pmc.product.store import find_product, list_products, list_revisions, load_revision
from services.pmc.profile.store import channel_of
from services.pmc.words import VIEW, AskedState, Rev, RevRef, ServedBy, ViewName

endpoints = Endpoints("pmc", "/product")


class ProductNamed(Request):
    """A product, named by its id or by variant and channel."""

    product_id: Id | None = None
    variant_id: Guid | None = None
    channel_guid: Guid | None = None
    channel_code: Code | None = None

    def problems(self) -> Sequence[tuple[str, str]]:
        by_key = self.variant_id is not None or self.channel_guid is not None or self.channel_code is not None
        if self.product_id is not None:
            return [("product_id", "can't stand beside variant_id, channel_guid or channel_code")] if by_key else []
        if self.variant_id is None:
            return [("variant_id", "product_id, or variant_id with channel_guid or channel_code, is required")]
        if self.channel_guid is None and self.channel_code is None:
            return [("channel_guid", "channel_guid or channel_code is required beside variant_id")]
        return []


async def named_product(view: View, body: ProductNamed) -> ProductState:
    """The product a request names. Raises `NotFound`."""
    if body.product_id is not None:
        return await find_product(view, body.product_id, None, None)
    channel = await channel_of(view, body.channel_guid, body.channel_code, None)
    if channel is None:
        raise NotFound("there is no such product")
    return await find_product(view, None, body.variant_id, channel.channel_guid)


class ProductGetRequest(ProductNamed):
    view: ViewName | None = None
    rev: Rev | None = None

    def problems(self) -> Sequence[tuple[str, str]]:
        both = self.view is not None and self.rev is not None
        return [*super().problems(), *([("rev", "can't stand beside view")] if both else [])]


class ProductGetEnvelope(Answer):
    product: Product


@endpoints.get(
    "/get",
    roles=VIEW,
    refusals={
        "invalid-input": "neither or both ways of naming the product; view together with rev",
        "not-found": "no such product, or no such revision of it",
    },
)
async def pmc_product_get(view: View, body: ProductGetRequest) -> ProductGetEnvelope:
    """Show a product with the content of a view, or of one revision."""
    product = await named_product(view, body)
    chosen = None if body.rev is not None else body.view or "live"
    rev = body.rev if chosen is None else view_revision(product, chosen)
    assert rev is not None
    revision = await load_revision(view, product.product_id, rev)
    return ProductGetEnvelope(product=answer_of(product, read_content(revision.content), chosen, rev))


class ProductListRequest(FilterFields, PageRequest):
    style_id: Guid | None = None
    vendor_id: Guid | None = None
    channel_guid: Guid | None = None
    channel_code: Code | None = None
    logical_guid: Guid | None = None
    category_id: Guid | None = None
    department_id: Guid | None = None
    division_id: Guid | None = None
    variant_id: Guid | None = None
    variant_code: Code | None = None
    style_code: Code | None = None
    sku: Sku | None = None
    barcode_value: Barcode | None = None
    identifier_type: Code | None = None
    identifier_value: Text | None = None
    alias_tag: Code | None = None
    alias_value: Text | None = None
    online_state: AskedState | None = None
    only_online: bool | None = None

    def problems(self) -> Sequence[tuple[str, str]]:
        return filter_problems(self)


class ProductListEnvelope(Answer):
    items: list[ProductSummary]
    count: Count
    next_token: Token | None


@endpoints.get(
    "/list",
    roles=VIEW,
    refusals={
        "invalid-input": "parts of more than one filter, or half of one; only_online=true with another online_state",
        "not-found": "the channel context names no known channel",
    },
)
async def pmc_product_list(view: View, body: ProductListRequest) -> ProductListEnvelope:
    """List products by one exact match on their indexed content."""
    channel = await channel_of(view, body.channel_guid, body.channel_code, body.logical_guid)
    where: dict[str, Any] = {} if channel is None else {"channel_guid": channel.channel_guid}
    state: AskedState = "online" if body.only_online else body.online_state or "both"
    page = await list_products(view, {**where, **filter_of(body)}, state, body)
    items = [summary_of(each) for each in page.items]
    return ProductListEnvelope(items=items, count=page.count, next_token=page.next_token)


class ProductPointerGetRequest(ProductNamed):
    pass


class ProductPointerGetEnvelope(Answer, omit_defaults=True):
    product_id: Id
    pointers: Pointers
    head: RevRef
    live: RevRef | None = None
    served: RevRef | None = None
    served_by: ServedBy | None = None
    revision: Revision


@endpoints.get("/pointer/get", roles=VIEW)
async def pmc_product_pointer_get(view: View, body: ProductPointerGetRequest) -> ProductPointerGetEnvelope:
    """Show what points where in a product."""
    product = await named_product(view, body)
    return ProductPointerGetEnvelope(
        product_id=product.product_id,
        pointers=product.pointers,
        head=product.head,
        live=product.live,
        served=product.served,
        served_by=product.served_by,
        revision=product.revision,
    )


class ProductRevisionListRequest(ProductNamed):
    include_content: bool | None = None
    limit: PageLimit | None = None
    next_token: Token | None = None


class ProductRevisionListEnvelope(Answer):
    items: list[ProductRevision]
    count: Count
    next_token: Token | None


@endpoints.get("/revision/list", roles=VIEW)
async def pmc_product_revision_list(view: View, body: ProductRevisionListRequest) -> ProductRevisionListEnvelope:
    """List the revisions of a product, newest first."""
    product = await named_product(view, body)
    page = await list_revisions(view, product.product_id, body)
    items = [revision_answer(each, product, with_content=bool(body.include_content)) for each in page.items]
    return ProductRevisionListEnvelope(items=items, count=page.count, next_token=page.next_token)

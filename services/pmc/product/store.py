"""Storage of products and their revisions. Each filter of product/list has an index of its own, and one by online state
beside it where many products may have the same value."""

from collections.abc import Iterable, Sequence
from typing import Any

from chassis.entity import HUB, Entity, Excerpt, edge, index, unique
from chassis.errors import NotFound
from chassis.page import Page, Paged
from chassis.record_history import WrittenOnce
from chassis.unit import View, Where, one_of
from services.pmc.pack.store import FOUND_BY_VERSION
from services.pmc.product.answers import summary_of
from services.pmc.product.cards import ProductCard
from services.pmc.product.domain import ProductState, StoredProduct
from services.pmc.product.history import StoredRevision, revision_id_of
from services.pmc.words import AskedState

STYLE_PRODUCTS_MAX = 2_048
"""Variants of a style: a pack has no more."""

_FILTERS = (
    "indexed.vendor.vendor_id",
    "indexed.variant_code",
    "indexed.style_code",
    "indexed.sku_key",
    "indexed.barcodes",
    "indexed.identifiers",
    "indexed.aliases",
    "channel_guid",
    "channel_code",
)
_CHANNEL_FILTERS = ("indexed.category.node_id", "indexed.department.node_id", "indexed.division.node_id")
_SHARED: Sequence[tuple[str, ...]] = (
    (),
    ("style_id",),
    ("indexed.vendor.vendor_id",),
    ("channel_guid",),
    *(("channel_guid", field) for field in _CHANNEL_FILTERS),
)
"""The filters that may match any number of products: those in one online state are read without the others."""
_ASKED_IN_CHANNEL = (
    "style_id",
    "indexed.variant_code",
    "indexed.sku_key",
    "indexed.barcodes",
    "indexed.handle",
)
"""What other services and rules of kind unique ask for: products of other channels are not read."""

PRODUCTS = Entity(
    "product",
    StoredProduct,
    collection="pmc_products",
    id="product_id",
    shard_key=("orgcode", "channel_guid", "variant_id"),
    keys=("ORG#{orgcode}", "PRODUCT#{product_id}"),
    lookups={
        1: ("VARIANT#{variant_id}", "CHANNEL#{channel_guid}"),
        2: ("STYLE#{style_id}", "PRODUCT#{product_id}"),
    },
    label="{indexed.title} · {indexed.sku} · {channel_code}",
    indexes=[
        index("product_id", name="org"),
        unique("channel_guid", "variant_id", name="key", refusal="the variant has a product in the channel already"),
        *(index(field, "product_id") for field in _FILTERS),
        # The operator looks these up over all orgs.
        *(index(field, "orgcode", "product_id", name=field, every_org=True) for field in ("style_id", "variant_id")),
        *(index("channel_guid", field, "product_id") for field in _CHANNEL_FILTERS),
        *(index(*fields, "online_state", "product_id") for fields in _SHARED),
        *(index("channel_guid", field) for field in _ASKED_IN_CHANNEL),
        index("channel_guid", "indexed.terms.words", name="search_words"),
        index("channel_guid", "indexed.terms.bares", name="search_bares"),
        index("channel_guid", "indexed.terms.trigrams", name="search_trigrams"),
    ],
    edges=[
        edge("has", to="revision", by="product_id", cardinality="many"),
        edge("in", to="profile", by="channel_guid", at="channel_guid"),
        edge("of", to="variant", by="variant_id", service=HUB),
        edge("on", to="channel_code", by="channel_code", service=HUB),
        edge("stocked-as", to="balance", by="variant_id", service="ics", cardinality="many"),
        edge("listed-as", to="channel_variant", by="variant_id", service="slc", cardinality="many"),
    ],
    in_history=summary_of,
)
CARDS = Excerpt(PRODUCTS, ProductCard)
STATES = Excerpt(PRODUCTS, ProductState)
REVISIONS = Entity(
    "revision",
    StoredRevision,
    collection="pmc_product_revisions",
    id="revision_id",
    shard_key=("orgcode", "product_id"),
    keys=("ORG#{orgcode}", "PRODUCT#{product_id}#REV#{rev}"),
    id_pattern="{product_id}/{rev:09d}",
    label="rev {rev} of {product_id}",
    indexes=[
        index("product_id", "revision_id", name="product"),
        index("pack_id", "pack_rev", "revision_id", name="pack"),
        index("run_id", "revision_id", name="run"),
    ],
    edges=[
        edge("of", to="product", by="product_id"),
        edge("from", to="pack", by="{pack_id}/{pack_rev}", back="version"),
        edge("by", to="run", by="run_id"),
    ],
    finders={"version": FOUND_BY_VERSION},
    history=False,
    history_from=WrittenOnce(at="created_utc", by="created_by"),
)


async def find_product(
    view: View, product_id: str | None, variant_id: str | None, channel_guid: str | None
) -> ProductState:
    """The product named by its id, or by variant and channel. Raises `NotFound`. Index: org, key."""
    where: Where = {"product_id": product_id}
    if product_id is None:
        where = {"channel_guid": channel_guid, "variant_id": variant_id}
    found = await view.find(STATES, where, limit=1)
    if not found:
        raise NotFound("there is no such product")
    return found[0]


async def load_revision(view: View, product_id: str, rev: int) -> StoredRevision:
    """A revision of a product. Raises `NotFound`. Index: id."""
    revision = await view.get(REVISIONS, revision_id_of(product_id, rev))
    if revision is None:
        raise NotFound("the product has no such revision")
    return revision


async def list_revisions(view: View, product_id: str, page: Paged) -> Page[StoredRevision]:
    """The revisions of a product, newest first. Index: product."""
    return await view.page(REVISIONS, {"product_id": product_id}, page=page, order=("-revision_id",))


async def list_products(view: View, where: dict[str, Any], state: AskedState, page: Paged) -> Page[ProductCard]:
    """Products that have these indexed values, newest first. Index: that of the filter."""
    if state == "both":
        return await view.page(CARDS, where, page=page)
    if tuple(where) in _SHARED:
        return await view.page(CARDS, {**where, "online_state": state}, page=page)
    return await view.page(CARDS, where, page=page, rest={"online_state": state})


async def cards_by_id(view: View, product_ids: Iterable[str]) -> dict[str, ProductCard]:
    """These products, as far as there are any. Index: org."""
    wanted = list(dict.fromkeys(product_ids))
    if not wanted:
        return {}
    found = await view.find(CARDS, {"product_id": one_of(wanted)}, limit=len(wanted))
    return {each.product_id: each for each in found}


async def cards_of_variants(view: View, channel_guid: str, variant_ids: Sequence[str]) -> list[ProductCard]:
    """As `products_of_variants`, without what only changes need. Index: key."""
    where = {"channel_guid": channel_guid, "variant_id": one_of(variant_ids)}
    return await view.find(CARDS, where, limit=len(variant_ids))


async def cards_of_style(view: View, channel_guid: str, style_id: str) -> list[ProductCard]:
    """The products of a style in a channel. Index: channel_guid_style_id."""
    where = {"channel_guid": channel_guid, "style_id": style_id}
    return await view.find(CARDS, where, limit=STYLE_PRODUCTS_MAX)


async def products_of_variants(view: View, channel_guid: str, variant_ids: Sequence[str]) -> list[StoredProduct]:
    """The products of these variants in a channel, as far as there are any. Index: key."""
    if not variant_ids:
        return []
    where = {"channel_guid": channel_guid, "variant_id": one_of(variant_ids)}
    return await view.find(PRODUCTS, where, limit=len(variant_ids))

"""The online endpoints: people who put products online or take them off. See the contract's pmc.yaml."""

from chassis.endpoint import Answer, Endpoints, Revised
from chassis.unit import Change
from chassis.values import Code, Id
from services.pmc.content import read_content
from services.pmc.product.answers import Product, answer_of
from services.pmc.product.changing import keep_product
from services.pmc.product.domain import StoredProduct, clear_online_by_person, set_online_by_person
from services.pmc.product.events import emit_online
from services.pmc.product.store import PRODUCTS, load_revision
from services.pmc.words import PUBLISH

endpoints = Endpoints("pmc", "/product/online")


class ProductOnlineSetRequest(Revised):
    product_id: Id
    reason_code: Code | None = None


class ProductOnlineSetEnvelope(Answer):
    product: Product


@endpoints.post(
    "/set",
    roles=PUBLISH,
    emits=["pmc.product.online_set"],
    refusals={"invalid-state": "nothing is served, or the product is not publishable"},
)
async def pmc_product_online_set(change: Change, body: ProductOnlineSetRequest) -> ProductOnlineSetEnvelope:
    """Put a product online, and end a hold."""
    before = await change.load(PRODUCTS, body.product_id, body.expected_revision)
    after = await _kept(change, before, set_online_by_person(before, body.reason_code, change.now))
    return ProductOnlineSetEnvelope(product=await live_answer(change, after))


class ProductOnlineClearRequest(Revised):
    product_id: Id
    reason_code: Code | None = None


class ProductOnlineClearEnvelope(Answer):
    product: Product


@endpoints.post("/clear", roles=PUBLISH, schema="Envelope", emits=["pmc.product.online_cleared"])
async def pmc_product_online_clear(change: Change, body: ProductOnlineClearRequest) -> ProductOnlineClearEnvelope:
    """Take a product offline and hold it there, so that no run puts it online."""
    before = await change.load(PRODUCTS, body.product_id, body.expected_revision)
    after = await _kept(change, before, clear_online_by_person(before, body.reason_code, change.now))
    return ProductOnlineClearEnvelope(product=await live_answer(change, after))


async def _kept(change: Change, before: StoredProduct, after: StoredProduct) -> StoredProduct:
    if after == before:
        return before
    kept = await keep_product(change, before, after)
    emit_online(change, before, kept)
    return kept


async def live_answer(change: Change, product: StoredProduct) -> Product:
    """The product with the content of its live view."""
    revision = await load_revision(change, product.product_id, product.shown.rev)
    return answer_of(product, read_content(revision.content), "live", product.shown.rev)

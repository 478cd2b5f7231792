"""The pointer endpoints that write. What each promises its callers is in the contract's pmc.yaml."""

from typing import Literal

from chassis.caller import Call
from chassis.endpoint import Answer, Endpoints, Request, Revised
from chassis.errors import Conflict, InvalidState, StaleRevision
from chassis.unit import Change
from chassis.values import Code, Id, Revision
from services.pmc.content import read_content
from services.pmc.product.answers import Product, answer_of
from services.pmc.product.changing import keep_product, served_difference
from services.pmc.product.domain import PointerRef, StoredProduct, clear_pointer, set_pointer, take_offline
from services.pmc.product.events import emit_pointer_cleared, emit_pointer_set
from services.pmc.product.history import StoredRevision
from services.pmc.product.store import PRODUCTS, load_revision
from services.pmc.words import PUBLISH, Rev, RevId

endpoints = Endpoints("pmc", "/product/pointer")

PointerName = Literal["staged", "preview", "fallback"]


class ProductPointerSetRequest(Request):
    product_id: Id
    pointer: PointerName
    rev: Rev
    rev_id: RevId
    reason_code: Code | None = None
    expected_revision: Revision | None = None


class ProductPointerSetEnvelope(Answer):
    product: Product


@endpoints.post(
    "/set",
    roles=PUBLISH,
    emits=["pmc.product.pointer_set"],
    refusals={
        "not-found": "the product has no revision rev",
        "conflict": "rev exists but its hash is not rev_id, or expected_revision is stale",
        "invalid-state": "fallback to a revision that is not publishable",
    },
)
async def pmc_product_pointer_set(
    call: Call, change: Change, body: ProductPointerSetRequest
) -> ProductPointerSetEnvelope:
    """Point at a revision, named by number and hash."""
    before = await change.load(PRODUCTS, body.product_id)
    revision = await load_revision(change, before.product_id, body.rev)
    if body.expected_revision is not None and body.expected_revision != before.revision:
        raise StaleRevision(before.revision)
    _check_target(revision, body)
    ref = PointerRef(
        rev=body.rev,
        rev_id=body.rev_id,
        set_utc=change.now,
        set_by=call.caller.actor,
        reason_code=body.reason_code,
    )
    after = set_pointer(before, body.pointer, ref)
    if after != before:
        changed = await served_difference(change, before, after)
        after = await keep_product(change, before, after)
        emit_pointer_set(change, after, body.pointer, body.rev, body.rev_id, changed=changed)
    return ProductPointerSetEnvelope(product=await _answer(change, after))


def _check_target(revision: StoredRevision, body: ProductPointerSetRequest) -> None:
    if revision.rev_id != body.rev_id:
        raise Conflict("the revision has another hash", rev=revision.rev, rev_id=revision.rev_id)
    if body.pointer == "fallback" and not revision.publishable:
        raise InvalidState("the revision is not publishable", reasons=revision.reasons)


class ProductPointerClearRequest(Revised):
    product_id: Id
    pointer: PointerName


class ProductPointerClearEnvelope(Answer):
    product: Product


@endpoints.post("/clear", roles=PUBLISH, schema="Envelope", emits=["pmc.product.pointer_cleared"])
async def pmc_product_pointer_clear(change: Change, body: ProductPointerClearRequest) -> ProductPointerClearEnvelope:
    """Remove a pointer; without fallback live is served again."""
    before = await change.load(PRODUCTS, body.product_id, body.expected_revision)
    after = clear_pointer(before, body.pointer)
    if after != before:
        changed = await served_difference(change, before, after)
        if after.served is None and after.online_state == "online":
            # What serves nothing is offline.
            after = take_offline(after, None, change.now)
        after = await keep_product(change, before, after)
        emit_pointer_cleared(change, after, body.pointer, changed=changed)
    return ProductPointerClearEnvelope(product=await _answer(change, after))


async def _answer(change: Change, product: StoredProduct) -> Product:
    revision = await load_revision(change, product.product_id, product.shown.rev)
    return answer_of(product, read_content(revision.content), "live", product.shown.rev)

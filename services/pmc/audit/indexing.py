"""Comparing the search index: what lists and search know of each product, against the content it shows."""

import asyncio
from collections.abc import Mapping, Sequence

from chassis.caller import Call
from chassis.unit import Units
from services.pmc.audit.counting import PAUSE_SECONDS, ranges_of
from services.pmc.content import read_content
from services.pmc.product.domain import StoredProduct, index_of
from services.pmc.product.history import StoredRevision, revision_id_of
from services.pmc.product.store import PRODUCTS, REVISIONS


async def badly_indexed(units: Units, call: Call, channel_guid: str) -> list[StoredProduct]:
    """The products of a channel whose index is not that of the revision they show. Index: channel_guid, id."""
    found: list[StoredProduct] = []
    for where in (await ranges_of(units, call, channel_guid)).where:
        # A product and its revisions are read as of one moment; ranges may be of different moments.
        async with units.snapshot_reader(call) as reader:
            ids = [each["_id"] async for part in reader.parts(PRODUCTS, where, fields=["product_id"]) for each in part]
            products = list((await reader.get_many(PRODUCTS, ids)).values())
            revisions = await reader.get_many(REVISIONS, [_shown_id(each) for each in products])
        found += await asyncio.to_thread(_differing, products, revisions)
        await asyncio.sleep(PAUSE_SECONDS)
    return found


def _shown_id(product: StoredProduct) -> str:
    return revision_id_of(product.product_id, product.shown.rev)


def _differing(products: Sequence[StoredProduct], revisions: Mapping[str, StoredRevision]) -> list[StoredProduct]:
    found = []
    for product in products:
        revision = revisions.get(_shown_id(product))
        if revision is None:
            found.append(product)
            continue
        content = read_content(revision.content)
        if product.indexed != index_of(content, revision.rev) or product.style_id != content.style_id:
            found.append(product)
    return found

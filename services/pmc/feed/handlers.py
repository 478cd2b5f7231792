"""The change feed's endpoint. What it promises its callers is in the contract's pmc.yaml."""

from chassis.caller import Call
from chassis.endpoint import Answer, Endpoints, Request
from chassis.errors import Invalid, invalid_field
from chassis.page import PageLimit, PageRequest, Seal, items_of
from chassis.unit import Units, View
from chassis.values import Code, Count, Guid, Token, Utc
from services.pmc.feed.domain import ChangeKind
from services.pmc.feed.store import entries_after
from services.pmc.product.answers import ProductSummary, summary_of
from services.pmc.product.store import cards_by_id
from services.pmc.profile.store import channel_of
from services.pmc.settings import PmcSettings
from services.pmc.words import VIEW, Part

endpoints = Endpoints("pmc", "/product")


class ProductChange(Part):
    """A product as it is now, and its latest change of what its channel shows."""

    product: ProductSummary
    change: ChangeKind
    at_utc: Utc


class ProductChangesRequest(Request):
    after: Token | None = None
    channel_guid: Guid | None = None
    channel_code: Code | None = None
    logical_guid: Guid | None = None
    limit: PageLimit | None = None


class ProductChangesEnvelope(Answer):
    items: list[ProductChange]
    count: Count
    next_token: Token


@endpoints.get(
    "/changes",
    roles=VIEW,
    refusals={
        "invalid-input": "after was altered, or made for another channel context",
        "not-found": "the channel context names no known channel",
    },
)
async def pmc_product_changes(
    call: Call, units: Units, settings: PmcSettings, body: ProductChangesRequest
) -> ProductChangesEnvelope:
    """List products by their latest change, oldest first, from a token on."""
    seal = Seal((settings.page_key or settings.caller_key).encode())
    limit = items_of(PageRequest(limit=body.limit))

    async def read(view: View) -> ProductChangesEnvelope:
        channel = await channel_of(view, body.channel_guid, body.channel_code, body.logical_guid)
        guid = channel.channel_guid if channel is not None else None
        query = ["product/changes", call.orgcode, guid]
        position = _position(seal, query, body.after)
        entries = await entries_after(view, guid, position, limit)
        products = await cards_by_id(view, [each.entry_id for each in entries])
        items = [
            ProductChange(product=summary_of(products[each.entry_id]), change=each.change, at_utc=each.at_utc)
            for each in entries
            if each.entry_id in products
        ]
        position = entries[-1].position if entries else position
        return ProductChangesEnvelope(items=items, count=len(items), next_token=seal.seal(query, [position]))

    return await units.view(call, read, snapshot=True)


def _position(seal: Seal, query: list[str | None], token: str | None) -> int:
    if token is None:
        return 0
    try:
        return int(seal.open(query, token)[0])
    except Invalid:
        raise invalid_field("after", "was not made for this query") from None

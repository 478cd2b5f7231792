"""What other services ask about products: served content of many variants, a style, and who has a SKU or barcode."""

from collections.abc import Mapping, Sequence
from typing import Any

from chassis.caller import Call
from chassis.errors import NotFound, invalid_field
from chassis.jobs.orgs import within
from chassis.rpc.context import current_call
from chassis.rpc.declaration import Servicer
from chassis.unit import Units, View, one_of
from retailstack.pmc.v1 import catalogue_pb2 as pb
from retailstack.pmc.v1 import catalogue_pb2_grpc
from services.pmc.product.cards import ProductCard
from services.pmc.product.domain import StoredProduct
from services.pmc.product.history import StoredRevision, revision_id_of
from services.pmc.product.store import PRODUCTS, REVISIONS, cards_of_style, cards_of_variants
from services.pmc.profile.domain import StoredProfile
from services.pmc.profile.store import channel_of

ASKED_MAX = 250
FOUND_MAX = 10_000

_STORED: Mapping[int, str] = {
    pb.RESOLVE_KIND_SKU: "indexed.sku_key",
    pb.RESOLVE_KIND_BARCODE: "indexed.barcodes",
    pb.RESOLVE_KIND_VARIANT_CODE: "indexed.variant_code",
}


class CatalogueServicer(catalogue_pb2_grpc.CatalogueServicer):
    """Answers services of the stack, within the org that they name."""

    callers = ("slc",)

    def __init__(self, units: Units) -> None:
        self._units = units

    async def GetListings(self, request: pb.GetListingsRequest, context: Any) -> pb.GetListingsResponse:
        variant_ids = _asked("variant_ids", request.variant_ids)

        async def look(view: View) -> pb.GetListingsResponse:
            channel = await _channel(view, request.channel_code)
            products = await cards_of_variants(view, channel.channel_guid, variant_ids)
            listings = await _listings(view, products)
            unknown = [pb.Listing(variant_id=each, found=False) for each in variant_ids]
            return pb.GetListingsResponse(
                channel_guid=channel.channel_guid,
                listings=[listings.get(each.variant_id, each) for each in unknown],
            )

        return await self._units.view(_call(request.orgcode), look, snapshot=True)

    async def GetStyle(self, request: pb.GetStyleRequest, context: Any) -> pb.GetStyleResponse:
        async def look(view: View) -> pb.GetStyleResponse:
            channel = await _channel(view, request.channel_code)
            products = await cards_of_style(view, channel.channel_guid, request.style_id)
            listings = await _listings(view, products)
            ordered = sorted(products, key=lambda each: each.indexed.variant_code)
            return pb.GetStyleResponse(
                channel_guid=channel.channel_guid, listings=[listings[each.variant_id] for each in ordered]
            )

        return await self._units.view(_call(request.orgcode), look, snapshot=True)

    async def Resolve(self, request: pb.ResolveRequest, context: Any) -> pb.ResolveResponse:
        values = _asked("values", request.values)
        if request.kind not in _STORED:
            raise invalid_field("kind", "must be sku, barcode or variant_code")

        async def look(view: View) -> pb.ResolveResponse:
            channel = await _channel(view, request.channel_code)
            keys = {value: _key_of(request.kind, value) for value in values}
            asked = one_of(dict.fromkeys(keys.values()))
            where = {"channel_guid": channel.channel_guid, _STORED[request.kind]: asked}
            products = await view.find(PRODUCTS, where, limit=FOUND_MAX)
            matches = [
                pb.Match(value=value, variant_ids=sorted(_having(products, request.kind, key)))
                for value, key in keys.items()
            ]
            return pb.ResolveResponse(matches=matches)

        return await self._units.view(_call(request.orgcode), look, snapshot=True)


servicers = [Servicer(catalogue_pb2_grpc.add_CatalogueServicer_to_server, CatalogueServicer)]


def _call(orgcode: str) -> Call:
    """The call within the org it names. Only the stack itself may name another org than its caller's."""
    call = current_call()
    if call.caller.kind != "service" and call.caller.orgcode != orgcode:
        raise NotFound("there is no such organisation")
    return within(call, orgcode)


async def _channel(view: View, channel_code: str) -> StoredProfile:
    channel = await channel_of(view, None, channel_code, None)
    if channel is None:
        raise invalid_field("channel_code", "is required")
    return channel


def _asked(name: str, values: Sequence[str]) -> list[str]:
    if not 1 <= len(values) <= ASKED_MAX:
        raise invalid_field(name, f"must have 1 to {ASKED_MAX} entries")
    return list(values)


async def _listings(view: View, products: Sequence[ProductCard]) -> dict[str, pb.Listing]:
    """The listings of products, by variant_id."""
    served = {each.variant_id: each.served for each in products}
    ids = [
        revision_id_of(each.product_id, ref.rev) for each in products if (ref := served[each.variant_id]) is not None
    ]
    revisions = await view.get_many(REVISIONS, ids)
    return {each.variant_id: listing_to_proto(each, revisions) for each in products}


def listing_to_proto(product: ProductCard, revisions: Mapping[str, StoredRevision]) -> pb.Listing:
    """A product as its channel shows it."""
    listing = pb.Listing(
        variant_id=product.variant_id,
        product_id=product.product_id,
        found=True,
        online_state=product.online_state,
    )
    if product.served is not None:
        listing.served.rev = product.served.rev
        listing.served.rev_id = product.served.rev_id
        listing.content = revisions[revision_id_of(product.product_id, product.served.rev)].content
    return listing


def _key_of(kind: int, value: str) -> str:
    if kind == pb.RESOLVE_KIND_SKU:
        return value.casefold()
    return value.upper() if kind == pb.RESOLVE_KIND_VARIANT_CODE else value


def _having(products: Sequence[StoredProduct], kind: int, key: str) -> set[str]:
    found = set()
    for product in products:
        indexed = product.indexed
        has: dict[int, bool] = {
            pb.RESOLVE_KIND_SKU: indexed.sku_key == key,
            pb.RESOLVE_KIND_BARCODE: key in indexed.barcodes,
            pb.RESOLVE_KIND_VARIANT_CODE: indexed.variant_code == key,
        }
        if has[kind]:
            found.add(product.variant_id)
    return found

"""PMC and ICS as SLC asks them, in memory: what is listed, and what may be sold."""

import hashlib
import json
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc

from retailstack.ics.v1 import stock_pb2, stock_pb2_grpc
from retailstack.pmc.v1 import catalogue_pb2, catalogue_pb2_grpc


class Catalogue(catalogue_pb2_grpc.CatalogueServicer):
    """PMC: content of variants, by org."""

    def __init__(self) -> None:
        self.listed: dict[str, dict[str, catalogue_pb2.Listing]] = defaultdict(dict)
        self.styles: dict[str, str] = {}
        self.asked: list[int] = []
        self.down = False

    def put(
        self, orgcode: str, variant_id: str, *, style_id: str = "st-tee", online: bool = True, **content: Any
    ) -> None:
        """Publish a variant."""
        known = self.listed[orgcode].get(variant_id)
        body = json.loads(known.content) if known is not None else _content(style_id, variant_id)
        text = json.dumps({**body, **content}, sort_keys=True)
        listing = catalogue_pb2.Listing(
            variant_id=variant_id,
            product_id=f"p-{variant_id}",
            found=True,
            online_state="online" if online else "offline",
            content=text,
        )
        listing.served.rev = known.served.rev + 1 if known is not None else 1
        listing.served.rev_id = hashlib.sha256(text.encode()).hexdigest()
        self.listed[orgcode][variant_id] = listing

    async def GetListings(self, request: Any, context: Any) -> catalogue_pb2.GetListingsResponse:
        await self._answering(context)
        self.asked.append(len(request.variant_ids))
        found = self.listed[request.orgcode]
        return catalogue_pb2.GetListingsResponse(
            channel_guid="ch",
            listings=[found.get(each, catalogue_pb2.Listing(variant_id=each)) for each in request.variant_ids],
        )

    async def GetStyle(self, request: Any, context: Any) -> catalogue_pb2.GetStyleResponse:
        await self._answering(context)
        found = self.listed[request.orgcode].values()
        return catalogue_pb2.GetStyleResponse(
            channel_guid="ch",
            listings=[each for each in found if json.loads(each.content)["style_id"] == request.style_id],
        )

    async def _answering(self, context: Any) -> None:
        if self.down:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "down")


class Inventory(stock_pb2_grpc.InventoryServicer):
    """ICS: promisable units by variant and facility."""

    def __init__(self) -> None:
        self.units: dict[tuple[str, str], int] = {}
        self.down = False

    async def AtpQuery(self, request: Any, context: Any) -> stock_pb2.AtpQueryResponse:
        if self.down:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "down")
        items = []
        for variant_id in request.variant_ids:
            facilities = [
                stock_pb2.AtpFacility(
                    logical_guid=each,
                    promisable=self.units.get((variant_id, each), 0),
                    available=self.units.get((variant_id, each), 0),
                )
                for each in request.logical_guids
            ]
            items.append(stock_pb2.AtpItem(variant_id=variant_id, facilities=facilities))
        return stock_pb2.AtpQueryResponse(items=items)


class Peers:
    """Both, on one port."""

    def __init__(self) -> None:
        self.pmc = Catalogue()  # type: ignore[abstract]  # what SLC does not call is not there
        self.ics = Inventory()  # type: ignore[abstract]
        self.address = ""

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Peers"]:
        """Serve until the block ends."""
        server = grpc.aio.server()
        catalogue_pb2_grpc.add_CatalogueServicer_to_server(self.pmc, server)
        stock_pb2_grpc.add_InventoryServicer_to_server(self.ics, server)
        self.address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
        await server.start()
        try:
            yield self
        finally:
            await server.stop(0)


def _content(style_id: str, variant_id: str) -> dict[str, Any]:
    return {
        "style_id": style_id,
        "style_code": style_id.upper(),
        "variant_id": variant_id,
        "variant_code": variant_id.upper(),
        "sku": f"SKU-{variant_id}".upper(),
        "title": f"Tee {variant_id}",
        "style_title": "Tee",
        "tags": ["summer"],
        "options": [{"name": "Variant", "value": variant_id}],
        "barcodes": [],
        "identifiers": [],
        "aliases": [],
        "price": {"amount": "19.9", "currency": "EUR"},
        "media": [],
        "attributes": {},
        "metafields": [],
    }

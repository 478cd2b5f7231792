"""What sync asks of PMC and ICS: content of variants, and units that may be sold."""

from collections.abc import Iterable, Sequence

import msgspec

from chassis.caller import Call
from chassis.errors import NotFound
from chassis.rpc.client import Channels
from chassis.rpc.context import acting_for
from retailstack.ics.v1 import stock_pb2
from retailstack.ics.v1.stock_pb2_grpc import InventoryStub
from retailstack.pmc.v1 import catalogue_pb2
from retailstack.pmc.v1.catalogue_pb2_grpc import CatalogueStub
from services.slc.channel.domain import StoredChannel
from services.slc.sync.content import ListedContent, Units, VariantListing

ASKED_MAX = 100
"""Variants that one call asks about."""

CALL_SECONDS = 10.0


async def style_listings(channels: Channels, call: Call, channel: StoredChannel, style_id: str) -> list[VariantListing]:
    """All variants of a style in the channel of PMC, by variant_code; none if there is no such channel."""
    request = catalogue_pb2.GetStyleRequest(
        orgcode=channel.orgcode, channel_code=channel.config.pmc_channel_code, style_id=style_id
    )
    stub = CatalogueStub(channels.channel("pmc"))
    with acting_for(call, CALL_SECONDS):
        try:
            answer = await stub.GetStyle(request)
        except NotFound:
            return []
    return [listing_from_proto(each) for each in answer.listings]


async def listings(
    channels: Channels, call: Call, channel: StoredChannel, variant_ids: Sequence[str]
) -> dict[str, VariantListing]:
    """Variants as the channel of PMC shows them; all of those asked for."""
    stub = CatalogueStub(channels.channel("pmc"))
    found = {each: VariantListing(variant_id=each) for each in variant_ids}
    for start in range(0, len(variant_ids), ASKED_MAX):
        request = catalogue_pb2.GetListingsRequest(
            orgcode=channel.orgcode,
            channel_code=channel.config.pmc_channel_code,
            variant_ids=variant_ids[start : start + ASKED_MAX],
        )
        with acting_for(call, CALL_SECONDS):
            try:
                answer = await stub.GetListings(request)
            except NotFound:
                return found
        found.update({each.variant_id: listing_from_proto(each) for each in answer.listings})
    return found


async def units_of(channels: Channels, call: Call, channel: StoredChannel, variant_ids: Sequence[str]) -> Units:
    """Units of variants at the bound facilities that the channel may sell."""
    stub = InventoryStub(channels.channel("ics"))
    facilities = [each.logical_guid for each in channel.facilities]
    found: Units = {}
    for start in range(0, len(variant_ids) if facilities else 0, ASKED_MAX):
        request = stock_pb2.AtpQueryRequest(
            variant_ids=variant_ids[start : start + ASKED_MAX],
            logical_guids=facilities,
            channel_code=channel.channel_code,
        )
        with acting_for(call, CALL_SECONDS):
            answer = await stub.AtpQuery(request)
        for item in answer.items:
            for facility in item.facilities:
                units = getattr(facility, channel.config.stock_source)
                found[item.variant_id, facility.logical_guid] = int(units)
    return found


def units_at(channel: StoredChannel, units: Units, variant_id: str, location_id: str) -> int:
    """Units of a variant at all facilities that are bound to a location."""
    return sum(units.get((variant_id, each), 0) for each in channel.facilities_at(location_id))


def listing_from_proto(message: catalogue_pb2.Listing) -> VariantListing:
    """A listing; without content where nothing is served."""
    if not (message.found and message.HasField("served")):
        return VariantListing(variant_id=message.variant_id)
    return VariantListing(
        variant_id=message.variant_id,
        online=message.online_state == "online",
        rev=message.served.rev,
        rev_id=message.served.rev_id,
        content=msgspec.json.decode(message.content, type=ListedContent),
    )


def in_order(found: Iterable[VariantListing]) -> list[VariantListing]:
    """Listings with content, by variant_code."""
    return sorted((each for each in found if each.content), key=lambda each: each.content.variant_code)  # type: ignore[union-attr]

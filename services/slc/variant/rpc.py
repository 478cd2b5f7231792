"""What other services ask about channels: those of an org, and where variants are listed."""

from typing import Any

from chassis.caller import Call
from chassis.errors import NotFound, invalid_field
from chassis.jobs.orgs import within
from chassis.rpc.context import current_call
from chassis.rpc.declaration import Servicer
from chassis.unit import Units, View
from retailstack.slc.v1 import channels_pb2 as pb
from retailstack.slc.v1 import channels_pb2_grpc
from services.slc.channel.domain import StoredChannel
from services.slc.channel.store import org_channels
from services.slc.variant.domain import StoredVariant
from services.slc.variant.store import rows_in_channels

ASKED_MAX = 250


class ChannelsServicer(channels_pb2_grpc.ChannelsServicer):
    """Answers services of the stack, within the org that they name."""

    callers = ("pmc", "visualgrid")

    def __init__(self, units: Units) -> None:
        self._units = units

    async def ListChannels(self, request: pb.ListChannelsRequest, context: Any) -> pb.ListChannelsResponse:
        async def look(view: View) -> pb.ListChannelsResponse:
            found = sorted(await org_channels(view), key=lambda each: each.channel_id, reverse=True)
            return pb.ListChannelsResponse(channels=[channel_to_proto(each) for each in found])

        return await self._units.view(_call(request.orgcode), look)

    async def FindListings(self, request: pb.FindListingsRequest, context: Any) -> pb.FindListingsResponse:
        variant_ids = list(request.variant_ids)
        if not 1 <= len(variant_ids) <= ASKED_MAX:
            raise invalid_field("variant_ids", f"must have 1 to {ASKED_MAX} entries")

        async def look(view: View) -> pb.FindListingsResponse:
            rows = await rows_in_channels(view, variant_ids)
            return pb.FindListingsResponse(listings=[listing_to_proto(row) for row in rows])

        return await self._units.view(_call(request.orgcode), look)


servicers = [Servicer(channels_pb2_grpc.add_ChannelsServicer_to_server, ChannelsServicer)]


def _call(orgcode: str) -> Call:
    """The call within the org it names. Only the stack itself may name another org than its caller's."""
    call = current_call()
    if call.caller.kind != "service" and call.caller.orgcode != orgcode:
        raise NotFound("there is no such organisation")
    return within(call, orgcode)


def channel_to_proto(channel: StoredChannel) -> pb.Channel:
    """A channel as other services see it."""
    return pb.Channel(
        channel_id=channel.channel_id,
        channel_code=channel.channel_code,
        name=channel.name,
        type=channel.type,
        state=channel.state,
        shop_domain=channel.shop_domain,
        pmc_channel_code=channel.config.pmc_channel_code,
        logical_guids=[each.logical_guid for each in channel.facilities],
    )


def listing_to_proto(row: StoredVariant) -> pb.Listing:
    """A variant of a channel as other services see it."""
    return pb.Listing(
        channel_id=row.channel_id,
        variant_id=row.variant_id,
        sync_state=row.sync_state,
        style_id=row.style_id,
        sku=row.sku,
        shopify_product_id=row.shopify_product_id,
        shopify_variant_id=row.shopify_variant_id,
        last_synced_utc=row.last_synced_utc,
    )

"""What other services ask about products over gRPC."""

import hashlib

from chassis.caller import Call, Caller
from chassis.clock import SystemClock
from chassis.ids import new_id
from chassis.rpc.client import Channels
from chassis.rpc.context import acting_for
from chassis.testing.keys import signs_as
from retailstack.pmc.v1 import catalogue_pb2 as pb
from retailstack.pmc.v1.catalogue_pb2_grpc import CatalogueStub
from tests.pmc.given import Catalogue, spring


async def test_services_are_told_served_content_styles_and_who_has_a_value(pmc: Catalogue) -> None:
    await pmc.scenario_profiles()
    await pmc.run(pack_id=(await pmc.pack(spring()))["pack_id"])
    caller = pmc.client.caller
    assert caller is not None
    orgcode = caller.orgcode or ""
    now = SystemClock().now()
    call = Call(
        caller=Caller(kind="service", actor="slc", orgcode=orgcode), name="t", request_id=new_id(now), started_utc=now
    )
    channels = Channels(
        {"pmc": (f"127.0.0.1:{pmc.client.application.runtime.grpc_port}",)},
        sign=signs_as("slc"),
        clock=SystemClock(),
    )
    try:
        catalogue = CatalogueStub(channels.channel("pmc"))
        with acting_for(call):
            listings = await catalogue.GetListings(
                pb.GetListingsRequest(orgcode=orgcode, channel_code="WEB", variant_ids=["v-red-m", "no", "v-mug"])
            )
            style = await catalogue.GetStyle(pb.GetStyleRequest(orgcode=orgcode, channel_code="WEB", style_id="st-tee"))
            found = await catalogue.Resolve(
                pb.ResolveRequest(
                    orgcode=orgcode, channel_code="WEB", kind=pb.RESOLVE_KIND_SKU, values=["tee-RED-l", "x"]
                )
            )
    finally:
        await channels.close()

    red, unknown, mug = listings.listings
    assert listings.channel_guid == "ch-web"
    assert hashlib.sha256(red.content.encode()).hexdigest() == red.served.rev_id
    assert (unknown.found, mug.found, mug.HasField("content")) == (False, True, False)
    assert [each.variant_id for each in style.listings] == ["v-blu-m", "v-red-l", "v-red-m"]
    assert [list(each.variant_ids) for each in found.matches] == [["v-red-l"], []]

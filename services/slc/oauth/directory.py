"""What the directory of the stack says of the caller who asked for an address."""

from msgspec.structs import replace

from chassis.caller import SYSTEM, Call
from chassis.rpc.client import Channels
from chassis.rpc.context import acting_for
from retailstack.identity.v1.directory_pb2 import FindMembershipRequest
from retailstack.identity.v1.directory_pb2_grpc import DirectoryStub
from services.slc.lifecycle.store import OauthState
from services.slc.words import MANAGE

FIND_SECONDS = 3.0


async def may_manage(channels: Channels, call: Call, state: OauthState) -> bool:
    """Whether the caller who asked for the address may manage channels of the org at this moment.

    Raises `Unavailable` if the directory does not answer.
    """
    if not state.asked_by:
        return False
    request = FindMembershipRequest(orgcode=state.orgcode, kind=state.asked_kind, actor=state.asked_by)
    with acting_for(replace(call, caller=SYSTEM), FIND_SECONDS):
        answer = await DirectoryStub(channels.channel("gateway")).FindMembership(request)
    if not answer.HasField("membership"):
        return False
    return answer.membership.owner or not set(MANAGE).isdisjoint(answer.membership.roles)

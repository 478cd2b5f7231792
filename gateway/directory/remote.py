"""A directory in another process, asked over gRPC."""

from chassis.clock import Utc
from chassis.errors import Unauthorized
from chassis.rpc.client import Channels
from gateway.caller.credential import Credential
from gateway.caller.resolve import UNKNOWN, Identity, Membership, Resolution
from retailstack.identity.v1 import directory_pb2 as pb
from retailstack.identity.v1.directory_pb2_grpc import DirectoryStub

PEER = "directory"


class RemoteDirectory:
    """Asks `Directory/Resolve` of another process."""

    def __init__(self, channels: Channels) -> None:
        self._channels = channels

    async def resolve(self, credential: Credential, orgcode: str | None) -> Resolution:
        """The identity of the credential, and its membership in the org."""
        given = pb.Credential()
        if credential.kind == "key":
            given.api_key = credential.text
        else:
            given.session_guid = credential.text
        stub = DirectoryStub(self._channels.channel(PEER))
        try:
            answer = await stub.Resolve(pb.ResolveRequest(credential=given, orgcode=orgcode))
        except Unauthorized:
            return UNKNOWN
        return from_proto(answer)

    async def membership(self, kind: str, actor: str, orgcode: str) -> Membership | None:
        """What a user or key may do in the org now."""
        stub = DirectoryStub(self._channels.channel(PEER))
        answer = await stub.FindMembership(pb.FindMembershipRequest(orgcode=orgcode, kind=kind, actor=actor))
        return _membership(answer.membership) if answer.HasField("membership") else None


def from_proto(answer: pb.ResolveResponse) -> Resolution:
    """A resolution from its message."""
    identity = Identity(
        kind="key" if answer.identity.kind == "key" else "user",
        actor=answer.identity.actor,
        orgcode=answer.identity.orgcode or None,
        expires_utc=Utc(answer.identity.expires_utc) if answer.identity.expires_utc else None,
    )
    found = _membership(answer.membership) if answer.HasField("membership") else None
    return Resolution(identity=identity, membership=found)


def _membership(message: pb.Membership) -> Membership:
    return Membership(orgcode=message.orgcode, owner=message.owner, roles=frozenset(message.roles))


def to_proto(resolution: Resolution) -> pb.ResolveResponse:
    """A resolution as a message; the identity must be known."""
    identity = resolution.identity
    assert identity is not None
    answer = pb.ResolveResponse(
        identity=pb.Identity(
            kind=identity.kind,
            actor=identity.actor,
            orgcode=identity.orgcode or "",
            expires_utc=identity.expires_utc or "",
        )
    )
    if (member := resolution.membership) is not None:
        answer.membership.CopyFrom(membership_to_proto(member))
    return answer


def membership_to_proto(member: Membership) -> pb.Membership:
    """A membership as a message."""
    return pb.Membership(orgcode=member.orgcode, owner=member.owner, roles=sorted(member.roles))

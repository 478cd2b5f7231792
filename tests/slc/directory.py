"""The gateway's directory as SLC asks it, in memory."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc

from retailstack.identity.v1 import directory_pb2 as pb
from retailstack.identity.v1 import directory_pb2_grpc


class Directory(directory_pb2_grpc.DirectoryServicer):
    """Everybody may manage channels, but in the orgs of `roles`, whose members hold these roles; none: a stranger."""

    def __init__(self) -> None:
        self.roles: dict[str, list[str] | None] = {}
        self.asked: list[pb.FindMembershipRequest] = []
        self.down = False
        self.address = ""

    async def FindMembership(self, request: pb.FindMembershipRequest, context: Any) -> pb.FindMembershipResponse:
        if self.down:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "down")
        self.asked.append(request)
        roles = self.roles.get(request.orgcode, ["slc_manage"])
        if roles is None:
            return pb.FindMembershipResponse()
        return pb.FindMembershipResponse(membership=pb.Membership(orgcode=request.orgcode, roles=roles))

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Directory"]:
        """Serve until the block ends."""
        server = grpc.aio.server()
        directory_pb2_grpc.add_DirectoryServicer_to_server(self, server)
        self.address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
        await server.start()
        try:
            yield self
        finally:
            await server.stop(0)

"""A whole gateway for tests: real database, real broker, an operator's channel, and OPS's answer to the secret code."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc

from chassis.caller import SYSTEM
from chassis.clock import FixedClock
from chassis.rpc.client import Channels
from gateway.app import GATEWAY, Gateway
from retailstack.identity.v1 import administration_pb2 as pb
from retailstack.identity.v1.administration_pb2_grpc import AdministrationStub
from retailstack.identity.v1.directory_pb2_grpc import DirectoryStub
from retailstack.ops.v1 import secret_pb2, secret_pb2_grpc
from tests.gateway.given import ORG, Reply, Upstream, request, send, some_settings

CODE = "correct horse battery staple"


class Secrets(secret_pb2_grpc.SecretServicer):
    """The part of OPS that the gateway calls."""

    def __init__(self) -> None:
        self.peers: list[str] = []

    async def Set(self, request: secret_pb2.SetSecretRequest, context: Any) -> secret_pb2.SetSecretResponse:
        raise AssertionError

    async def Check(self, request: secret_pb2.CheckSecretRequest, context: Any) -> secret_pb2.CheckSecretResponse:
        self.peers.append(request.peer)
        locked = request.code == "locked"
        return secret_pb2.CheckSecretResponse(ok=request.code == CODE, locked=locked, retry_after_seconds=900)

    async def Current(self, request: secret_pb2.CurrentSecretRequest, context: Any) -> secret_pb2.CurrentSecretResponse:
        raise AssertionError


class Stack:
    """A gateway with its directory, a service behind it, and OPS's answer to the secret code."""

    def __init__(self, gateway: Gateway, ics: Upstream, channels: Channels, secrets: Secrets) -> None:
        self.gateway = gateway
        self.ics = ics
        self.secrets = secrets
        self.channels = channels
        self.unsigned = Channels(channels.addresses)
        self.operator = AdministrationStub(self.unsigned.channel("gateway"))
        self.directory = DirectoryStub(channels.channel("gateway"))

    async def get(self, session: str | None = None, *, key: str | None = None, orgcode: str = ORG) -> Reply:
        headers = {"x-orgcode": orgcode}
        headers |= {"x-session-guid": session} if session else {}
        headers |= {"x-api-key": key} if key else {}
        return await send(self.gateway.http_port, request("GET", "/ics/stock/get", headers))

    async def an_org(self, orgcode: str = ORG) -> None:
        await self.operator.CreateOrg(pb.CreateOrgRequest(secret_code=CODE, orgcode=orgcode, name="Demo"))

    async def a_user(self) -> str:
        answer = await self.operator.CreateUser(pb.CreateUserRequest(secret_code=CODE, name="Ada", email="a@x.example"))
        return str(answer.user.user_id)

    async def a_session(self, user_id: str, seconds: int | None = None) -> str:
        answer = await self.operator.OpenSession(
            pb.OpenSessionRequest(secret_code=CODE, user_id=user_id, ttl_seconds=seconds)
        )
        return str(answer.session_guid)

    async def a_member(self, user_id: str, *roles: str, owner: bool = False, orgcode: str = ORG) -> None:
        await self.operator.SetAssociation(
            pb.SetAssociationRequest(secret_code=CODE, orgcode=orgcode, user_id=user_id, owner=owner, roles=roles)
        )

    async def a_key(self, *roles: str, seconds: int | None = None) -> pb.CreateKeyResponse:
        return await self.operator.CreateKey(
            pb.CreateKeyRequest(secret_code=CODE, orgcode=ORG, name="till", roles=roles, ttl_seconds=seconds)
        )


@asynccontextmanager
async def a_stack(
    mongodb_uri: str, database: str, amqp_url: str, clock: FixedClock | None = None, **different: str
) -> AsyncIterator[Stack]:
    secrets, ics = Secrets(), Upstream()
    ops = grpc.aio.server()
    secret_pb2_grpc.add_SecretServicer_to_server(secrets, ops)
    ops_port = ops.add_insecure_port("127.0.0.1:0")
    await ops.start()
    await ics.start()
    settings = some_settings(
        MONGODB_URI=mongodb_uri,
        MONGODB_DATABASE=database,
        AMQP_URL=amqp_url,
        OPS_GRPC=f"127.0.0.1:{ops_port}",
        ICS_HTTP=ics.address,
        **different,
    )
    gateway = Gateway(GATEWAY, settings, clock)
    await gateway.start()
    where = {"gateway": [f"127.0.0.1:{gateway.runtime.grpc_port}"]}
    channels = Channels(where, sign=gateway.runtime.signer.sign, caller=SYSTEM)
    stack = Stack(gateway, ics, channels, secrets)
    try:
        yield stack
    finally:
        await stack.unsigned.close()
        await channels.close()
        await gateway.stop()
        await ics.stop()
        await ops.stop(None)

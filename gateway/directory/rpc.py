"""The directory over gRPC: `Directory/Resolve` for the stack, `Administration` for operators, with the secret code."""

import re
from typing import Any

from msgspec.structs import replace

from chassis.caller import SYSTEM
from chassis.decoding.fields import read_field
from chassis.errors import Unauthorized, invalid_field
from chassis.page import Page, PageRequest
from chassis.rpc.client import Channels
from chassis.rpc.context import acting_for, current_call, require_stack
from chassis.rpc.declaration import Servicer
from chassis.unit import Units
from chassis.values import Name, Text
from gateway.caller import credential
from gateway.caller import named_code as contexts
from gateway.caller.resolve import Directory
from gateway.directory.administration import Administration
from gateway.directory.api_key import ApiKey
from gateway.directory.association import Association
from gateway.directory.context import DirectoryContext
from gateway.directory.org import Org
from gateway.directory.remote import membership_to_proto, to_proto
from gateway.directory.session import Session
from gateway.directory.user import User
from gateway.settings import GatewaySettings
from retailstack.identity.v1 import administration_pb2 as pb
from retailstack.identity.v1 import administration_pb2_grpc, directory_pb2, directory_pb2_grpc

_ID = re.compile(r"[0-9a-f-]{36}")


class DirectoryServicer(directory_pb2_grpc.DirectoryServicer):
    """Answers other gateways and services of the stack."""

    callers = ("gateway", "ops", "slc")

    def __init__(self, directory_context: DirectoryContext, directory: Directory) -> None:
        self._context = directory_context
        self._directory = directory

    async def Resolve(self, request: directory_pb2.ResolveRequest, context: Any) -> directory_pb2.ResolveResponse:
        require_stack()
        given = request.credential
        found = credential.find(given.session_guid, given.api_key, None, None).credential
        if found is None:
            raise credential.unknown()
        orgcode = contexts.named_code("orgcode", request.orgcode or None, None).code
        resolution = await self._context.directory.resolve(found, orgcode)
        if resolution.identity is None:
            raise credential.unknown()
        return to_proto(resolution)

    async def FindOrg(self, request: directory_pb2.FindOrgRequest, context: Any) -> directory_pb2.FindOrgResponse:
        require_stack()
        return directory_pb2.FindOrgResponse(found=await self._context.directory.has_org(_orgcode(request.orgcode)))

    async def FindMembership(
        self, request: directory_pb2.FindMembershipRequest, context: Any
    ) -> directory_pb2.FindMembershipResponse:
        require_stack()
        found = await self._directory.membership(request.kind, request.actor, _orgcode(request.orgcode))
        return directory_pb2.FindMembershipResponse(membership=membership_to_proto(found) if found else None)


class AdministrationServicer(administration_pb2_grpc.AdministrationServicer):
    """Needs no caller header: every method checks the secret code of its request with OPS."""

    access = "open"

    def __init__(
        self, units: Units, directory_context: DirectoryContext, settings: GatewaySettings, channels: Channels
    ) -> None:
        self._does = Administration(units, directory_context, settings)
        self._channels = channels

    async def CreateOrg(self, request: pb.CreateOrgRequest, context: Any) -> pb.OrgAnswer:
        await self._check(request)
        org = await self._does.create_org(_orgcode(request.orgcode), read_field("name", request.name, Name))
        return pb.OrgAnswer(org=org_to_proto(org))

    async def ListOrgs(self, request: pb.ListOrgsRequest, context: Any) -> pb.ListOrgsResponse:
        await self._check(request)
        page = await self._does.list_orgs(_page(request))
        return pb.ListOrgsResponse(items=map(org_to_proto, page.items), **_rest(page))

    async def CloseOrg(self, request: pb.CloseOrgRequest, context: Any) -> pb.OrgAnswer:
        await self._check(request)
        return pb.OrgAnswer(org=org_to_proto(await self._does.close_org(_orgcode(request.orgcode))))

    async def CreateUser(self, request: pb.CreateUserRequest, context: Any) -> pb.UserAnswer:
        await self._check(request)
        email = read_field("email", request.email, Text) if request.HasField("email") else None
        return pb.UserAnswer(
            user=user_to_proto(await self._does.create_user(read_field("name", request.name, Name), email))
        )

    async def ListUsers(self, request: pb.ListUsersRequest, context: Any) -> pb.ListUsersResponse:
        await self._check(request)
        page = await self._does.list_users(_page(request))
        return pb.ListUsersResponse(items=map(user_to_proto, page.items), **_rest(page))

    async def CloseUser(self, request: pb.CloseUserRequest, context: Any) -> pb.UserAnswer:
        await self._check(request)
        return pb.UserAnswer(user=user_to_proto(await self._does.close_user(_id("user_id", request.user_id))))

    async def SetAssociation(self, request: pb.SetAssociationRequest, context: Any) -> pb.AssociationAnswer:
        await self._check(request)
        association = await self._does.set_association(
            _orgcode(request.orgcode), _id("user_id", request.user_id), owner=request.owner, roles=list(request.roles)
        )
        return pb.AssociationAnswer(association=association_to_proto(association))

    async def RemoveAssociation(self, request: pb.RemoveAssociationRequest, context: Any) -> pb.AssociationAnswer:
        await self._check(request)
        gone = await self._does.remove_association(_orgcode(request.orgcode), _id("user_id", request.user_id))
        return pb.AssociationAnswer(association=association_to_proto(gone))

    async def OpenSession(self, request: pb.OpenSessionRequest, context: Any) -> pb.OpenSessionResponse:
        await self._check(request)
        seconds = request.ttl_seconds if request.HasField("ttl_seconds") else None
        guid, session = await self._does.open_session(_id("user_id", request.user_id), seconds)
        return pb.OpenSessionResponse(
            session_guid=guid, session_id=session.session_id, user_id=session.user_id, expires_utc=session.expires_utc
        )

    async def RevokeSession(self, request: pb.RevokeSessionRequest, context: Any) -> pb.SessionAnswer:
        await self._check(request)
        revoked = await self._does.revoke_session(request.session_guid, request.session_id)
        return pb.SessionAnswer(session=session_to_proto(revoked))

    async def RevokeSessions(self, request: pb.RevokeSessionsRequest, context: Any) -> pb.RevokeSessionsResponse:
        await self._check(request)
        revoked = await self._does.revoke_sessions(_id("user_id", request.user_id))
        return pb.RevokeSessionsResponse(revoked=revoked)

    async def ListSessions(self, request: pb.ListSessionsRequest, context: Any) -> pb.ListSessionsResponse:
        await self._check(request)
        page = await self._does.list_sessions(_id("user_id", request.user_id), _page(request))
        return pb.ListSessionsResponse(items=map(session_to_proto, page.items), **_rest(page))

    async def CreateKey(self, request: pb.CreateKeyRequest, context: Any) -> pb.CreateKeyResponse:
        await self._check(request)
        seconds = request.ttl_seconds if request.HasField("ttl_seconds") else None
        name = read_field("name", request.name, Name)
        text, key = await self._does.create_key(_orgcode(request.orgcode), name, list(request.roles), seconds)
        return pb.CreateKeyResponse(api_key=text, key_id=key.key_id, orgcode=key.orgcode, expires_utc=key.expires_utc)

    async def RevokeKey(self, request: pb.RevokeKeyRequest, context: Any) -> pb.KeyAnswer:
        await self._check(request)
        return pb.KeyAnswer(key=key_to_proto(await self._does.revoke_key(_id("key_id", request.key_id))))

    async def ListKeys(self, request: pb.ListKeysRequest, context: Any) -> pb.ListKeysResponse:
        await self._check(request)
        page, uses = await self._does.list_keys(_orgcode(request.orgcode), _page(request))
        items = [key_to_proto(key, uses.get(key.key_id)) for key in page.items]
        return pb.ListKeysResponse(items=items, **_rest(page))

    async def _check(self, request: Any) -> None:
        """Raises unless OPS accepts the secret code. OPS counts failures by the peer's address."""
        call = current_call()
        if not request.secret_code:
            raise Unauthorized("the secret code is wrong or missing")
        with acting_for(replace(call, caller=SYSTEM)):
            verdict = await self._channels.check_secret(request.secret_code, call.peer or "")
        verdict.insist()


def org_to_proto(org: Org) -> pb.Org:
    return pb.Org(
        orgcode=org.orgcode,
        name=org.name,
        state=org.state,
        owner_user_id=org.owner_user_id,
        revision=org.revision,
        created_utc=org.created_utc,
        updated_utc=org.updated_utc,
    )


def user_to_proto(user: User) -> pb.User:
    return pb.User(
        user_id=user.user_id,
        name=user.name,
        email=user.email,
        state=user.state,
        revision=user.revision,
        created_utc=user.created_utc,
        updated_utc=user.updated_utc,
    )


def association_to_proto(association: Association) -> pb.Association:
    return pb.Association(
        orgcode=association.orgcode,
        user_id=association.user_id,
        owner=association.owner,
        roles=association.roles,
        revision=association.revision,
        created_utc=association.created_utc,
        updated_utc=association.updated_utc,
    )


def session_to_proto(session: Session) -> pb.Session:
    return pb.Session(
        session_id=session.session_id,
        user_id=session.user_id,
        expires_utc=session.expires_utc,
        revoked_utc=session.revoked_utc,
        created_utc=session.created_utc,
        opened_from=session.opened_from,
    )


def key_to_proto(key: ApiKey, last_used_utc: str | None = None) -> pb.ApiKey:
    return pb.ApiKey(
        key_id=key.key_id,
        orgcode=key.orgcode,
        name=key.name,
        roles=key.roles,
        expires_utc=key.expires_utc,
        revoked_utc=key.revoked_utc,
        last_used_utc=last_used_utc,
        created_utc=key.created_utc,
    )


def _orgcode(text: str) -> str:
    named = contexts.named_code("orgcode", text, None)
    if named.code is None:
        raise named.problem or invalid_field("orgcode", "is required")
    return named.code


def _id(field: str, text: str) -> str:
    if not _ID.fullmatch(text):
        raise invalid_field(field, "is not an id")
    return text


def _page(request: Any) -> PageRequest:
    return PageRequest(
        limit=request.limit if request.HasField("limit") else None,
        next_token=request.next_token if request.HasField("next_token") else None,
    )


def _rest(page: Page[Any]) -> dict[str, Any]:
    return {"count": page.count, "next_token": page.next_token}


servicers = [
    Servicer(directory_pb2_grpc.add_DirectoryServicer_to_server, DirectoryServicer),
    Servicer(administration_pb2_grpc.add_AdministrationServicer_to_server, AdministrationServicer),
]

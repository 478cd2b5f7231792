"""`stackctl org|user|member|session|key`: the directory, as the gateway keeps it."""

import re
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter

from retailstack.identity.v1 import administration_pb2 as pb
from retailstack.identity.v1.administration_pb2_grpc import AdministrationStub
from services.ops.cli.options import UsageError, seconds_of
from services.ops.cli.output import plain
from services.ops.cli.stack import Given, Stack

if TYPE_CHECKING:
    from retailstack.identity.v1.administration_pb2_grpc import AdministrationAsyncStub

PAGE_ITEMS = 256

Roles = Annotated[Sequence[str], Parameter(name="--role", negative="", help="A role to hold; may be repeated.")]
Ttl = Annotated[str | None, Parameter(help="How long it lasts: 90s, 30m, 12h, 7d.")]

org = App(name="org", help="The directory of orgs.")
user = App(name="user", help="The people in it.")
member = App(name="member", help="Who belongs to which org, with which roles.")
session = App(name="session", help="Sessions of users.")
key = App(name="key", help="API keys of orgs.")


def _directory(stack: Stack) -> "AdministrationAsyncStub":
    return AdministrationStub(stack.open_channels.channel("gateway"))


@org.command(name="create")
async def org_create(orgcode: str, /, *, name: str, stack: Given) -> dict[str, Any]:
    """Make an org."""
    request = pb.CreateOrgRequest(secret_code=stack.secret, orgcode=orgcode, name=name)
    return plain(await _directory(stack).CreateOrg(request))


@org.command(name="list")
async def org_list(*, stack: Given) -> dict[str, Any]:
    """Show every org."""
    return await _every(_directory(stack).ListOrgs, lambda page: pb.ListOrgsRequest(secret_code=stack.secret, **page))


@org.command(name="close")
async def org_close(orgcode: str, /, *, stack: Given) -> dict[str, Any]:
    """Close an org: its callers are strangers from then on."""
    stack.confirm(f"{orgcode} and all its callers will be shut out.")
    request = pb.CloseOrgRequest(secret_code=stack.secret, orgcode=orgcode)
    return plain(await _directory(stack).CloseOrg(request))


@user.command(name="create")
async def user_create(*, name: str, email: str | None = None, stack: Given) -> dict[str, Any]:
    """Make a user."""
    request = pb.CreateUserRequest(secret_code=stack.secret, name=name, email=email)
    return plain(await _directory(stack).CreateUser(request))


@user.command(name="list")
async def user_list(*, stack: Given) -> dict[str, Any]:
    """Show every user."""
    return await _every(_directory(stack).ListUsers, lambda page: pb.ListUsersRequest(secret_code=stack.secret, **page))


@user.command(name="close")
async def user_close(user_id: str, /, *, stack: Given) -> dict[str, Any]:
    """Close a user for good: its sessions and memberships end."""
    stack.confirm(f"{user_id} will be signed out everywhere, for good.")
    request = pb.CloseUserRequest(secret_code=stack.secret, user_id=user_id)
    return plain(await _directory(stack).CloseUser(request))


@member.command(name="set")
async def member_set(
    orgcode: str,
    user_id: str,
    /,
    *,
    owner: Annotated[bool, Parameter(negative="", help="Make the user the org's owner, who holds every role.")] = False,
    role: Roles = (),
    stack: Given,
) -> dict[str, Any]:
    """Associate a user with an org; the roles replace those held before."""
    request = pb.SetAssociationRequest(
        secret_code=stack.secret, orgcode=orgcode, user_id=user_id, owner=owner, roles=role
    )
    return plain(await _directory(stack).SetAssociation(request))


@member.command(name="remove")
async def member_remove(orgcode: str, user_id: str, /, *, stack: Given) -> dict[str, Any]:
    """End a user's association with an org."""
    stack.confirm(f"{user_id} will be a stranger to {orgcode}.")
    request = pb.RemoveAssociationRequest(secret_code=stack.secret, orgcode=orgcode, user_id=user_id)
    return plain(await _directory(stack).RemoveAssociation(request))


@session.command(name="open")
async def session_open(user_id: str, /, *, ttl: Ttl = None, stack: Given) -> dict[str, Any]:
    """Open a session. Its guid is shown this once."""
    seconds = seconds_of(ttl) if ttl else None
    request = pb.OpenSessionRequest(secret_code=stack.secret, user_id=user_id, ttl_seconds=seconds)
    return plain(await _directory(stack).OpenSession(request))


@session.command(name="revoke")
async def session_revoke(
    named: Annotated[str | None, Parameter(name="SESSION")] = None,
    /,
    *,
    user: Annotated[str | None, Parameter(help="Revoke every session of this user instead.")] = None,
    stack: Given,
) -> dict[str, Any]:
    """Revoke a session, by its id or its guid; within two seconds it opens nothing any more."""
    if (named is None) == (user is None):
        raise UsageError("name a session, or --user")
    directory = _directory(stack)
    if user is not None:
        stack.confirm(f"{user} will be signed out everywhere.")
        every = await directory.RevokeSessions(pb.RevokeSessionsRequest(secret_code=stack.secret, user_id=user))
        return {"revoked": every.revoked}
    stack.confirm("Whoever uses this session will be signed out.")
    # Ids of sessions are UUIDs of version 7, their guids of version 4.
    by_id = re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f-]+", named or "") is not None
    request = pb.RevokeSessionRequest(
        secret_code=stack.secret,
        session_id=(named or "") if by_id else "",
        session_guid="" if by_id else (named or ""),
    )
    return plain(await directory.RevokeSession(request))


@session.command(name="list")
async def session_list(user_id: str, /, *, stack: Given) -> dict[str, Any]:
    """Show a user's sessions, never their guids."""
    return await _every(
        _directory(stack).ListSessions,
        lambda page: pb.ListSessionsRequest(secret_code=stack.secret, user_id=user_id, **page),
    )


@key.command(name="create")
async def key_create(orgcode: str, /, *, name: str, role: Roles = (), ttl: Ttl = None, stack: Given) -> dict[str, Any]:
    """Make an API key. It is shown this once."""
    seconds = seconds_of(ttl) if ttl else None
    request = pb.CreateKeyRequest(secret_code=stack.secret, orgcode=orgcode, name=name, roles=role, ttl_seconds=seconds)
    return plain(await _directory(stack).CreateKey(request))


@key.command(name="revoke")
async def key_revoke(key_id: str, /, *, stack: Given) -> dict[str, Any]:
    """Revoke an API key; within two seconds it opens nothing any more."""
    stack.confirm(f"Whatever uses the key {key_id} will be shut out.")
    request = pb.RevokeKeyRequest(secret_code=stack.secret, key_id=key_id)
    return plain(await _directory(stack).RevokeKey(request))


@key.command(name="list")
async def key_list(orgcode: str, /, *, stack: Given) -> dict[str, Any]:
    """Show an org's API keys, never their secret part."""
    return await _every(
        _directory(stack).ListKeys,
        lambda page: pb.ListKeysRequest(secret_code=stack.secret, orgcode=orgcode, **page),
    )


async def _every(method: Callable[[Any], Awaitable[Any]], request: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
    """All items of a list, read page by page."""
    items: list[dict[str, Any]] = []
    page: dict[str, Any] = {"limit": PAGE_ITEMS}
    while True:
        answer = await method(request(page))
        items += [plain(item) for item in answer.items]
        if not answer.HasField("next_token") or not answer.next_token:
            return {"items": items}
        page = {"limit": PAGE_ITEMS, "next_token": answer.next_token}

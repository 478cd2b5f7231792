"""The directory end to end: operator over gRPC, callers over HTTP, a real database and a real broker."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from pymongo import MongoClient

from chassis.clock import FixedClock, SystemClock
from chassis.errors import Conflict, Invalid, InvalidState, NotFound, Refusal, Throttled, Unauthorized
from deploy.local.engines.engine import Engine
from gateway.directory.context import DirectoryContext
from retailstack.identity.v1 import administration_pb2 as pb
from retailstack.identity.v1 import directory_pb2
from tests.gateway.given import ORG, request, send, until
from tests.gateway.stack import CODE, Stack, a_stack
from tests.waiting import within


@pytest.fixture
async def stack(mongodb_uri: str, database_name: str, amqp_url: str) -> AsyncIterator[Stack]:
    async with a_stack(mongodb_uri, database_name, amqp_url) as running:
        yield running


async def test_a_user_with_a_role_gets_through_and_the_service_learns_who_they_are(stack: Stack) -> None:
    await stack.an_org()
    user_id = await stack.a_user()
    await stack.a_member(user_id, "ics_view", "pma")
    reply = await stack.get(await stack.a_session(user_id))

    [seen] = stack.ics.seen
    assert reply.status == 200
    assert (seen.caller.kind, seen.caller.actor, seen.caller.orgcode) == ("user", user_id, ORG)
    assert seen.caller.roles == {"ics_view", "pma", "pmc_view", "pmc_publish"}
    assert seen.caller.owner is False


async def test_an_owner_is_passed_on_as_one_and_named_by_the_org(stack: Stack) -> None:
    await stack.an_org()
    user_id = await stack.a_user()
    await stack.a_member(user_id, owner=True)
    await stack.get(await stack.a_session(user_id))

    [org] = (await stack.operator.ListOrgs(pb.ListOrgsRequest(secret_code=CODE))).items
    assert stack.ics.seen[0].caller.owner is True
    assert org.owner_user_id == user_id
    await stack.a_member(user_id, "ics_view")
    [org] = (await stack.operator.ListOrgs(pb.ListOrgsRequest(secret_code=CODE))).items
    assert not org.HasField("owner_user_id")


async def test_a_key_opens_its_own_org_and_no_other(stack: Stack) -> None:
    await stack.an_org()
    await stack.an_org("OTHER001")
    made = await stack.a_key("ics_operator")
    own, other = await stack.get(key=made.api_key), await stack.get(key=made.api_key, orgcode="OTHER001")

    assert (own.status, other.status) == (200, 404)
    assert made.api_key.startswith(f"rsk_{made.key_id}_")
    assert stack.ics.seen[0].caller.kind == "key"
    assert stack.ics.seen[0].caller.actor == made.key_id
    assert stack.ics.seen[0].caller.roles == {"ics_operator"}


async def test_what_is_not_there_and_what_is_not_ones_own_look_the_same(stack: Stack) -> None:
    await stack.an_org()
    await stack.an_org("CLOSED01")
    user_id = await stack.a_user()
    session = await stack.a_session(user_id)
    await stack.a_member(user_id, "ics_view", orgcode="CLOSED01")
    await stack.operator.CloseOrg(pb.CloseOrgRequest(secret_code=CODE, orgcode="CLOSED01"))
    replies = [await stack.get(session, orgcode=orgcode) for orgcode in (ORG, "NOSUCH01", "CLOSED01")]

    assert {reply.status for reply in replies} == {404}
    assert len({len(reply.body) for reply in replies}) == 1
    assert len({tuple(name for name, _ in reply.head) for reply in replies}) == 1


async def test_revoked_credentials_stop_working_at_once_here_and_others_go_on(stack: Stack) -> None:
    await stack.an_org()
    user_id = await stack.a_user()
    await stack.a_member(user_id, "ics_view")
    first, second = await stack.a_session(user_id), await stack.a_session(user_id)
    key = await stack.a_key("ics_view")
    assert [(await stack.get(first)).status, (await stack.get(key=key.api_key)).status] == [200, 200]

    await stack.operator.RevokeSession(pb.RevokeSessionRequest(secret_code=CODE, session_guid=first))
    revoked = await stack.operator.RevokeKey(pb.RevokeKeyRequest(secret_code=CODE, key_id=key.key_id))
    again = await stack.operator.RevokeKey(pb.RevokeKeyRequest(secret_code=CODE, key_id=key.key_id))

    assert revoked.key.revoked_utc == again.key.revoked_utc != ""
    assert [(await stack.get(first)).status, (await stack.get(key=key.api_key)).status] == [401, 401]
    assert (await stack.get(second)).status == 200


async def test_a_revocation_by_another_gateway_holds_within_two_seconds(
    mongodb_uri: str, database_name: str, amqp_url: str
) -> None:
    async with (
        a_stack(mongodb_uri, database_name, amqp_url) as one,
        a_stack(mongodb_uri, database_name, amqp_url) as other,
    ):
        await one.an_org()
        user_id = await one.a_user()
        await one.a_member(user_id, "ics_view")
        session = await one.a_session(user_id)
        assert (await other.get(session)).status == 200
        await one.operator.RevokeSession(pb.RevokeSessionRequest(secret_code=CODE, session_guid=session))
        async with within(2.0):
            while (await other.get(session)).status == 200:
                pass
        assert (await other.get(session)).status == 401


async def test_removing_a_member_shuts_the_org_and_not_the_session(stack: Stack) -> None:
    await stack.an_org()
    user_id = await stack.a_user()
    await stack.a_member(user_id, "ics_view", owner=True)
    session = await stack.a_session(user_id)
    assert (await stack.get(session)).status == 200
    gone = await stack.operator.RemoveAssociation(
        pb.RemoveAssociationRequest(secret_code=CODE, orgcode=ORG, user_id=user_id)
    )

    assert gone.association.user_id == user_id
    assert (await stack.get(session)).status == 404
    with pytest.raises(NotFound):
        await stack.operator.RemoveAssociation(
            pb.RemoveAssociationRequest(secret_code=CODE, orgcode=ORG, user_id=user_id)
        )


async def test_another_gateway_can_ask_this_one_whose_a_credential_is(
    stack: Stack, mongodb_uri: str, database_name: str, amqp_url: str
) -> None:
    await stack.an_org()
    user_id = await stack.a_user()
    await stack.a_member(user_id, "ics_view")
    session = await stack.a_session(user_id)
    address = f"127.0.0.1:{stack.gateway.runtime.grpc_port}"
    async with a_stack(mongodb_uri, f"{database_name}b", amqp_url, DIRECTORY_GRPC=address) as asking:
        known, unknown = await asking.get(session), await asking.get("no-such-session")
        stranger = await asking.get(session, orgcode="NOSUCH01")

    assert (known.status, unknown.status, stranger.status) == (200, 401, 404)
    assert asking.ics.seen[0].caller.roles == {"ics_view"}


async def test_resolve_tells_identity_and_membership_and_nothing_of_strangers(stack: Stack) -> None:
    await stack.an_org()
    user_id = await stack.a_user()
    credential = directory_pb2.Credential(session_guid=await stack.a_session(user_id))
    answer = await stack.directory.Resolve(directory_pb2.ResolveRequest(credential=credential, orgcode=ORG))

    assert (answer.identity.kind, answer.identity.actor) == ("user", user_id)
    assert not answer.HasField("membership")
    with pytest.raises(Unauthorized):
        await stack.directory.Resolve(directory_pb2.ResolveRequest())
    found = [
        (await stack.directory.FindOrg(directory_pb2.FindOrgRequest(orgcode=orgcode))).found
        for orgcode in (ORG, "NOSUCH01")
    ]
    assert found == [True, False]


async def test_without_the_secret_code_an_operator_is_nobody(stack: Stack) -> None:
    for code in ("", "wrong"):
        with pytest.raises(Unauthorized, match="the secret code is wrong or missing"):
            await stack.operator.ListOrgs(pb.ListOrgsRequest(secret_code=code))
    with pytest.raises(Throttled) as locked:
        await stack.operator.ListOrgs(pb.ListOrgsRequest(secret_code="locked"))

    assert locked.value.details["retry_after_seconds"] == 900
    assert set(stack.secrets.peers) == {"127.0.0.1"}


@pytest.mark.parametrize(
    ("method", "asked", "refusal"),
    [
        ("CreateOrg", pb.CreateOrgRequest(orgcode="x!", name="n"), Invalid),
        ("CreateOrg", pb.CreateOrgRequest(orgcode="NEW00001", name=""), Invalid),
        ("CreateOrg", pb.CreateOrgRequest(orgcode=ORG, name="taken"), Conflict),
        ("CloseOrg", pb.CloseOrgRequest(orgcode="NOSUCH01"), NotFound),
        ("OpenSession", pb.OpenSessionRequest(user_id="0193a1b2-0000-7000-8000-00000000000a"), NotFound),
        ("OpenSession", pb.OpenSessionRequest(user_id="nobody"), Invalid),
        ("RevokeSession", pb.RevokeSessionRequest(session_guid="unknown"), NotFound),
        ("RevokeKey", pb.RevokeKeyRequest(key_id="0193a1b2-0000-7000-8000-00000000000a"), NotFound),
        ("CreateKey", pb.CreateKeyRequest(orgcode=ORG, name="k", roles=["root"]), Invalid),
        ("CreateKey", pb.CreateKeyRequest(orgcode="NOSUCH01", name="k"), NotFound),
        ("ListKeys", pb.ListKeysRequest(orgcode="NOSUCH01"), NotFound),
    ],
)
async def test_an_operators_mistake_is_named(stack: Stack, method: str, asked: Any, refusal: type[Refusal]) -> None:
    await stack.an_org()
    asked.secret_code = CODE
    with pytest.raises(refusal) as raised:
        await getattr(stack.operator, method)(asked)

    assert type(raised.value) is refusal


async def test_a_closed_org_takes_no_members_and_stays_closed(stack: Stack) -> None:
    await stack.an_org()
    user_id = await stack.a_user()
    await stack.operator.CloseOrg(pb.CloseOrgRequest(secret_code=CODE, orgcode=ORG))

    with pytest.raises(InvalidState):
        await stack.operator.CloseOrg(pb.CloseOrgRequest(secret_code=CODE, orgcode=ORG))
    with pytest.raises(InvalidState):
        await stack.a_member(user_id, "ics_view")
    with pytest.raises(InvalidState):
        await stack.a_key("ics_view")


async def test_an_unknown_role_is_asked_of_the_services_before_it_is_refused(stack: Stack) -> None:
    async def documents(asked: Any, _: bytes) -> Any:
        assert asked.path == "/ics/openapi.json"
        return web.json_response({"x-roles": {"ics_brand_new": "…"}, "x-role-synonyms": {"ibn": ["ics_brand_new"]}})

    await stack.an_org()
    user_id = await stack.a_user()
    stack.ics.handler = documents
    await stack.a_member(user_id, "ics_brand_new", "ibn")
    with pytest.raises(Invalid):
        await stack.a_member(user_id, "ics_never_heard_of")


async def test_lists_come_in_pages_and_show_no_secret(stack: Stack) -> None:
    await stack.an_org()
    user_id = await stack.a_user()
    sessions = [await stack.a_session(user_id) for _ in range(3)]
    keys = [await stack.a_key("ics_view") for _ in range(3)]
    ask = pb.ListSessionsRequest(secret_code=CODE, user_id=user_id, limit=2)
    first = await stack.operator.ListSessions(ask)
    ask.next_token = first.next_token
    second = await stack.operator.ListSessions(ask)
    listed = await stack.operator.ListKeys(pb.ListKeysRequest(secret_code=CODE, orgcode=ORG))

    assert len({session.session_id for session in [*first.items, *second.items]}) == 3
    assert not second.HasField("next_token")
    assert [key.key_id for key in listed.items] == [key.key_id for key in reversed(keys)]
    assert not any(secret in f"{first}{second}{listed}" for secret in [*sessions, *(key.api_key for key in keys)])


async def test_the_database_holds_no_credential(
    stack: Stack, mongodb_client: MongoClient[dict[str, Any]], database_name: str
) -> None:
    await stack.an_org()
    user_id = await stack.a_user()
    await stack.a_member(user_id, "ics_view")
    secrets = [await stack.a_session(user_id), (await stack.a_key("ics_view")).api_key, CODE]
    await stack.get(secrets[0])
    database = mongodb_client[database_name]
    everything = repr([list(database[name].find()) for name in database.list_collection_names()])

    assert "secret_hash" in everything
    assert not [secret for secret in secrets if secret in everything]
    assert secrets[1].split("_", 2)[2] not in everything


async def test_a_session_lasts_longer_while_it_is_used_and_ends_all_the_same(
    mongodb_uri: str, database_name: str, amqp_url: str
) -> None:
    clock = FixedClock(SystemClock().now())
    async with a_stack(mongodb_uri, database_name, amqp_url, clock) as stack:
        await stack.an_org()
        user_id = await stack.a_user()
        await stack.a_member(user_id, "ics_view")
        session = await stack.a_session(user_id)
        idle = await stack.a_session(user_id)
        statuses = []
        for _ in range(17):
            clock.advance(10 * 3600)
            stack.gateway.entrance.resolver.forget()
            statuses.append((await stack.get(session)).status)
            await stack.gateway.runtime.provided.get(DirectoryContext).directory.keep()
        unused = await stack.get(idle)

    # 16 times 10 hours are 160 of the 168 that a session can last; the 17th is past them.
    assert statuses == [200] * 16 + [401]
    assert unused.status == 401


async def test_when_a_key_was_used_is_kept_to_the_minute(stack: Stack) -> None:
    await stack.an_org()
    key = await stack.a_key("ics_view")
    await stack.get(key=key.api_key)
    await stack.gateway.runtime.provided.get(DirectoryContext).directory.keep()
    await stack.gateway.runtime.provided.get(DirectoryContext).directory.keep()
    [listed] = (await stack.operator.ListKeys(pb.ListKeysRequest(secret_code=CODE, orgcode=ORG))).items

    assert listed.last_used_utc.endswith(":00.000Z")
    assert listed.last_used_utc[:13] == SystemClock().now()[:13]


async def test_a_key_ends_when_its_time_is_over(mongodb_uri: str, database_name: str, amqp_url: str) -> None:
    clock = FixedClock(SystemClock().now())
    async with a_stack(mongodb_uri, database_name, amqp_url, clock) as stack:
        await stack.an_org()
        key = (await stack.a_key("ics_view", seconds=60)).api_key
        before = await stack.get(key=key)
        clock.advance(61)
        after = await stack.get(key=key)

    assert (before.status, after.status) == (200, 401)


async def test_the_private_port_says_ready_and_shows_the_gateways_metrics(stack: Stack) -> None:
    port = stack.gateway.runtime.private_port
    await stack.get("no-such-session")
    async with within(10):
        while (await send(port, request("GET", "/readyz"))).status != 200:
            pass
    metrics = await send(port, request("GET", "/metrics"))

    assert b'retailstack_gateway_requests_total{service="ics",status="401"} 1.0' in metrics.body
    assert (await send(stack.gateway.http_port, request("GET", "/metrics"))).status == 404
    await until(lambda: stack.gateway.entrance.pipeline.admission.in_flight == 0)


async def test_while_the_database_is_down_nobody_is_called_unknown(
    private_mongodb: Engine, database_name: str, amqp_url: str
) -> None:
    async with a_stack(private_mongodb.uri, database_name, amqp_url) as stack:
        await stack.an_org()
        user_id = await stack.a_user()
        await stack.a_member(user_id, "ics_view")
        session = await stack.a_session(user_id)
        assert (await stack.get(session)).status == 200
        private_mongodb.kill()
        stack.gateway.entrance.resolver.forget()
        down = await stack.get(session)
        private_mongodb.restart()
        async with within(20):
            while (await stack.get(session)).status != 200:
                pass

    assert (down.status, down.error_code) == (503, "ics.upstream_failed")
    assert down.headers["retry-after"] == "1"


async def test_a_session_is_revoked_by_its_id_and_shows_where_it_was_opened(stack: Stack) -> None:
    user_id = await stack.a_user()
    await stack.a_session(user_id)
    listed = await stack.operator.ListSessions(pb.ListSessionsRequest(secret_code=CODE, user_id=user_id))
    [found] = listed.items
    revoked = await stack.operator.RevokeSession(pb.RevokeSessionRequest(secret_code=CODE, session_id=found.session_id))

    assert found.opened_from == "127.0.0.1"
    assert (revoked.session.session_id, bool(revoked.session.revoked_utc)) == (found.session_id, True)


async def test_everything_of_a_user_is_revoked_at_once(stack: Stack) -> None:
    await stack.an_org()
    user_id = await stack.a_user()
    await stack.a_member(user_id, "ics_view")
    sessions = [await stack.a_session(user_id) for _ in range(3)]
    other = await stack.a_session(await stack.a_user())
    ask = pb.RevokeSessionsRequest(secret_code=CODE, user_id=user_id)
    first, second = await stack.operator.RevokeSessions(ask), await stack.operator.RevokeSessions(ask)

    assert (first.revoked, second.revoked) == (3, 0)
    assert [(await stack.get(session)).status for session in sessions] == [401] * 3
    assert (await stack.get(other)).status == 404


async def test_a_closed_user_is_a_stranger_for_good(stack: Stack) -> None:
    await stack.an_org()
    user_id = await stack.a_user()
    await stack.a_member(user_id, "ics_view")
    session = await stack.a_session(user_id)
    assert (await stack.get(session)).status == 200
    closing = pb.CloseUserRequest(secret_code=CODE, user_id=user_id)
    closed = await stack.operator.CloseUser(closing)

    assert closed.user.state == (await stack.operator.CloseUser(closing)).user.state == "closed"
    assert (await stack.get(session)).status == 401
    with pytest.raises(InvalidState):
        await stack.a_session(user_id)
    listed = await stack.operator.ListSessions(pb.ListSessionsRequest(secret_code=CODE, user_id=user_id))
    assert all(each.revoked_utc for each in listed.items)
    with pytest.raises(NotFound):
        await stack.operator.RemoveAssociation(
            pb.RemoveAssociationRequest(secret_code=CODE, orgcode=ORG, user_id=user_id)
        )

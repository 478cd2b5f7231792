"""What services are told of a caller whose earlier call they finish: the roles held at that moment."""

from retailstack.identity.v1 import administration_pb2 as pb
from retailstack.identity.v1 import directory_pb2
from tests.gateway.given import ORG
from tests.gateway.stack import CODE, a_stack


async def test_what_a_caller_may_do_now_is_found_by_their_actor(
    mongodb_uri: str, database_name: str, amqp_url: str
) -> None:
    async with a_stack(mongodb_uri, database_name, amqp_url) as stack:
        await stack.an_org()
        user_id = await stack.a_user()
        key = await stack.a_key("ics_view")

        async def found(kind: str, actor: str, orgcode: str = ORG) -> list[str] | None:
            request = directory_pb2.FindMembershipRequest(orgcode=orgcode, kind=kind, actor=actor)
            answer = await stack.directory.FindMembership(request)
            return list(answer.membership.roles) if answer.HasField("membership") else None

        strangers = [await found("user", user_id), await found("user", key.key_id), await found("key", user_id)]
        await stack.a_member(user_id, "ics_operator")
        members = [
            await found("user", user_id),
            await found("key", key.key_id),
            await found("key", key.key_id, "OTHER001"),
        ]
        await stack.operator.RevokeKey(pb.RevokeKeyRequest(secret_code=CODE, key_id=key.key_id))
        await stack.operator.CloseUser(pb.CloseUserRequest(secret_code=CODE, user_id=user_id))
        ended = [await found("user", user_id), await found("key", key.key_id)]

        assert strangers == [None, None, None]
        assert members == [["ics_operator"], ["ics_view"], None]
        assert ended == [None, None]

"""Signing in, and what a token is good for."""

from datetime import datetime
from hashlib import sha256
from io import BytesIO

from chassis.clock import SystemClock, later
from retailstack.ops.v1.secret_pb2 import SetSecretRequest
from retailstack.ops.v1.secret_pb2_grpc import SecretStub
from tests.ops.vacuum.stack import CODE
from tests.visualgrid.explorer import Explorer, World
from tests.waiting import until

ROWS = (
    ("GET", "root/graph"),
    ("POST", "root/graph"),
    ("GET", "schema"),
    ("POST", "node/load"),
    ("POST", "node/children"),
    ("POST", "node/history"),
    ("POST", "node/export"),
)


async def test_a_token_opens_every_row_and_lasts_an_hour(grid: World) -> None:
    async with Explorer(grid) as explorer:
        data = (await explorer.sign_in(CODE)).data
        assert data["ttl_seconds"] == 3600
        assert abs_seconds(data["expires_utc"]) < 60
        for method, row in ROWS:
            reply = await explorer.send(method, row, json={} if method == "POST" else None)
            assert reply.status in {200, 400}, (row, reply)


def abs_seconds(expires_utc: str) -> float:
    """How far a time is from an hour from now."""
    wanted = datetime.fromisoformat(later(SystemClock().now(), 3600))
    return abs((datetime.fromisoformat(expires_utc) - wanted).total_seconds())


async def test_without_a_valid_token_every_row_says_the_same(explorer: Explorer) -> None:
    altered = explorer.token[:-1] + ("A" if explorer.token[-1] != "A" else "B")
    answers = set()
    for method, row in ROWS:
        body = {"surprise": 1} if method == "POST" else None
        for headers in ({}, {"x-vg-token": altered}, {"x-vg-token": ""}, {"x-vg-token": "no token"}):
            reply = await explorer.send(method, row, headers=headers, json=body)
            answers.add((reply.status, str(reply.body["error"])))
    assert answers == {(401, "{'tag': 'unauthorized', 'message': 'a valid root token is required'}")}


async def test_a_token_may_stand_in_the_body_but_not_in_the_address_and_not_twice(explorer: Explorer) -> None:
    in_body = await explorer.post("root/graph", headers={}, vg_token=explorer.token)
    in_both = await explorer.post("root/graph", vg_token=explorer.token)
    two = await explorer.post("root/graph", vg_token="another")
    in_query = await explorer.get("root/graph", vg_token=explorer.token)
    wrong_in_query = await explorer.get("schema", headers={}, vg_token="x")
    no_text = await explorer.post("root/graph", headers={}, vg_token=5)

    assert (in_body.status, in_both.status) == (200, 200)
    assert [each.error for each in (two, in_query, wrong_in_query)] == [(400, "invalid-input")] * 3
    assert no_text.error == (401, "unauthorized")


async def test_a_body_that_is_no_object_carries_no_token_and_an_empty_one_is_an_object(explorer: Explorer) -> None:
    json = {"content-type": "application/json"}
    own = {"x-vg-token": explorer.token}
    for data in (b"[]", b"5", b'"x"', b"null", b"{"):
        without = await explorer.send("POST", "node/load", headers=json, data=data)
        with_token = await explorer.send("POST", "node/load", headers=json | own, data=data)
        assert (without.error, with_token.error) == ((401, "unauthorized"), (400, "invalid-input")), data
    empty = await explorer.send("POST", "root/graph", headers=json | own, data=b"")
    nulls = await explorer.post("node/children", table="ics_zones", pk=None, sk=None, filter=None, limit=None)
    assert (empty.status, nulls.status) == (200, 200)


async def test_media_type_and_size_come_before_the_token(explorer: Explorer) -> None:
    plain, json = {"content-type": "text/plain"}, {"content-type": "application/json"}
    text = await explorer.send("POST", "node/load", headers=plain, data=b"{}")
    huge = await explorer.send("POST", "node/load", headers=json, data=BytesIO(b" " * 1_100_000))
    assert (text.error, huge.error) == ((415, "invalid-input"), (413, "invalid-input"))


async def test_a_token_is_stored_as_its_hash_only(explorer: Explorer) -> None:
    stored = explorer.world.operator.collection("visualgrid", "root_tokens").find_one(
        {"_id": sha256(explorer.token.encode()).hexdigest()}
    )
    assert stored is not None
    assert explorer.token not in repr(stored)


async def test_an_expired_token_is_none(explorer: Explorer) -> None:
    tokens = explorer.world.operator.collection("visualgrid", "root_tokens")
    which = {"_id": sha256(explorer.token.encode()).hexdigest()}
    tokens.update_one(which, {"$set": {"expires_utc": "2020-01-01T00:00:00.000Z"}})
    assert (await explorer.post("root/graph")).error == (401, "unauthorized")


async def test_what_is_no_code_is_no_attempt(explorer: Explorer) -> None:
    for body in ({"secret_code": 5}, {"secret_code": "x" * 513}, {"secret_code": CODE, "surprise": 1}):
        reply = await explorer.post("root/auth", **body)
        assert reply.error == (400, "invalid-input"), body
    assert (await explorer.sign_in(CODE)).status == 200


async def test_five_wrong_codes_lock_out_and_leave_tokens_alone(explorer: Explorer) -> None:
    # A missing code looks the same as a wrong one, but is no attempt: were these three counted, the third wrong one
    # would be locked out.
    refused = [await explorer.post("root/auth", **body) for body in ({}, {"secret_code": None}, {"secret_code": ""})]
    refused += [await explorer.post("root/auth", secret_code="wrong") for _ in range(5)]
    assert {(reply.error, str(reply.body["error"])) for reply in refused} == {
        ((401, "unauthorized"), str(refused[0].body["error"]))
    }
    locked = await explorer.post("root/auth", secret_code=CODE)
    assert locked.error == (429, "throttled")
    assert 800 < int(locked.headers["Retry-After"]) <= 900
    assert (await explorer.post("root/graph")).status == 200
    explorer.world.operator.collection("ops", "secret_attempts").delete_many({})


async def test_a_rotation_of_the_code_ends_its_tokens(explorer: Explorer) -> None:
    secrets = SecretStub(explorer.world.operator.channels.channel("ops"))
    await secrets.Set(SetSecretRequest(new_code="another code", current_code=CODE))
    try:

        async def ended() -> bool:
            return (await explorer.post("root/graph")).status == 401

        await until(ended, 5, "the token outlives the code")
        assert (await explorer.sign_in("another code")).status == 200
        assert (await explorer.post("root/graph")).status == 200
    finally:
        await secrets.Set(SetSecretRequest(new_code=CODE, current_code="another code"))

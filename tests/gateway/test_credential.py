import json

import pytest

from gateway.caller import credential
from tests.gateway.given import KEY, ORG, SESSION, SIGNED_IN, USER_ID, a_house, send


async def test_a_session_in_the_header_opens_the_door_and_goes_no_further() -> None:
    async with a_house() as house:
        reply = await house.get("/ics/stock/get?variant_id=v1")
        [seen] = house.ics.seen

    assert reply.status == 200
    assert (seen.caller.kind, seen.caller.actor, seen.caller.orgcode) == ("user", USER_ID, ORG)
    assert seen.caller.roles == {"ics_view"}
    assert SESSION not in repr(seen)
    assert "x-session-guid" not in seen.names


async def test_a_key_in_the_header_opens_the_door_and_goes_no_further() -> None:
    async with a_house() as house:
        reply = await house.post("/ics/zone/create", {"code": "A"}, {"x-api-key": KEY, "x-orgcode": ORG})
        [seen] = house.ics.seen

    assert reply.status == 200
    assert (seen.caller.kind, seen.caller.orgcode) == ("key", ORG)
    assert KEY not in repr(seen)


@pytest.mark.parametrize(("field", "value"), [("session_guid", SESSION), ("api_key", KEY)])
async def test_a_credential_in_the_body_is_taken_out_and_all_else_left_as_it_came(field: str, value: str) -> None:
    rest = '"quantity": 1.0, "note":"ü\\u00fc", "big":12345678901234567890, "orgcode":"demo0001"'
    async with a_house() as house:
        reply = await house.post("/ics/zone/create", f'{{"{field}":"{value}", {rest}}}'.encode(), {})
        [seen] = house.ics.seen

    assert reply.status == 200
    assert json.loads(seen.body) == json.loads(f"{{{rest}}}")
    assert b"1.0" in seen.body
    assert b"12345678901234567890" in seen.body
    assert value.encode() not in seen.body


async def test_an_escaped_field_name_hides_no_credential() -> None:
    hidden = b'{"session\\u005fguid":"another-session-guid"}'
    async with a_house() as house:
        reply = await house.post("/ics/zone/create", hidden)

    assert reply.status == 400
    assert [field["path"] for field in reply.json["error"]["details"]["fields"]] == ["session_guid"]


async def test_header_and_body_that_agree_are_one_credential() -> None:
    async with a_house() as house:
        reply = await house.post("/ics/zone/create", {"session_guid": SESSION})

    assert reply.status == 200


@pytest.mark.parametrize(
    "body",
    [
        {"session_guid": "0193a1b2-ffff-4bbb-8ccc-0123456789ab"},
        {"api_key": KEY},
        {"session_guid": 7},
    ],
)
async def test_header_and_body_that_differ_are_refused(body: dict[str, object]) -> None:
    async with a_house() as house:
        reply = await house.post("/ics/zone/create", body)

    assert (reply.status, reply.error_code) == (400, "ics.validation_failed")
    assert house.ics.seen == []


async def test_a_session_and_a_key_at_once_are_refused() -> None:
    async with a_house() as house:
        reply = await house.post("/ics/zone/create", {}, {**SIGNED_IN, "x-api-key": KEY})

    assert reply.status == 400


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x-session-guid": "unknown-session-guid"},
        {"x-session-guid": "not a guid; drop"},
        {"x-api-key": "rsk_short"},
        {"x-api-key": SESSION},
        {"authorization": f"Bearer {SESSION}"},
    ],
)
async def test_every_unknown_caller_gets_the_same_answer(headers: dict[str, str]) -> None:
    async with a_house() as house:
        reply = await house.post("/ics/zone/create", {}, {**headers, "x-orgcode": ORG})

    assert (reply.status, reply.error_code) == (401, "ics.unauthorized")
    assert reply.json["error"]["major"]["message"]["en_US"] == credential.unknown().message
    assert house.ics.seen == []


async def test_a_credential_in_the_query_opens_nothing_and_is_not_passed_on() -> None:
    async with a_house() as house:
        alone = await house.get(f"/ics/stat?session_guid={SESSION}", {})
        beside = await house.get(f"/ics/stat?a=1&session_guid={SESSION}&b=x%20y")
        [seen] = house.ics.seen

    assert (alone.status, beside.status) == (401, 200)
    assert seen.target == "/ics/stat?a=1&b=x+y"


async def test_a_field_given_twice_is_refused() -> None:
    async with a_house() as house:
        reply = await house.post("/ics/x", f'{{"session_guid":"{SESSION}","session_guid":"other"}}'.encode(), {})

    assert reply.status in {400, 401}
    assert house.ics.seen == []


async def test_the_same_name_deeper_down_is_no_credential() -> None:
    async with a_house() as house:
        reply = await house.post("/ics/x", {"attributes": {"session_guid": "x", "orgcode": "y"}, "orgcode": ORG})
        [seen] = house.ics.seen

    assert reply.status == 200
    assert json.loads(seen.body)["attributes"] == {"session_guid": "x", "orgcode": "y"}


async def test_a_body_that_is_no_json_is_the_services_to_refuse_unless_it_may_hold_a_credential() -> None:
    async with a_house() as house:
        plain = await house.post("/ics/x", b'{"a":')
        hiding = await house.post("/ics/x", b'{"session_guid":"' + SESSION.encode())

    assert (plain.status, len(house.ics.seen)) == (200, 1)
    assert hiding.status == 400
    assert [field["path"] for field in hiding.json["error"]["details"]["fields"]] == ["body"]
    assert SESSION.encode() not in hiding.body


async def test_the_fingerprint_is_the_same_for_the_same_credential_and_not_its_hash() -> None:
    async with a_house() as house:
        await house.get("/ics/stat")
        await house.post("/ics/stat", {"session_guid": SESSION}, {"x-orgcode": ORG})
        first, second = (seen.caller.fingerprint for seen in house.ics.seen)

    assert first == second
    assert first is not None
    assert len(first) == 16
    assert not credential.Credential("session", SESSION).digest.hex().startswith(first)


async def test_a_credential_of_the_body_is_hidden_in_the_request_id_and_the_path() -> None:
    async with a_house() as house:
        body = {"session_guid": SESSION, "orgcode": ORG}
        named = await house.post("/ics/zone/list", body, {"X-Request-Id": f"mine-{SESSION}"})
        placed = await house.post(f"/ics/zone/{SESSION}", body, {})
        encoded = await house.post(f"/ics/zone/%30{SESSION[1:]}", body, {})

    assert named.status == 200
    assert SESSION not in named.headers["x-request-id"]
    assert house.ics.seen[0].request_id == named.headers["x-request-id"]
    assert SESSION not in house.ics.seen[0].headers["traceparent"]
    assert (placed.status, encoded.status) == (404, 404)
    assert len(house.ics.seen) == 1


@pytest.mark.parametrize("where", ["header", "body"])
async def test_an_orgcode_is_matched_before_it_is_upper_cased(where: str) -> None:
    async with a_house() as house:
        headers, body = {"x-session-guid": SESSION}, {}
        if where == "header":
            headers["x-orgcode"] = "\u00df" * 4
        else:
            body["orgcode"] = "\u00df" * 4
        reply = await house.post("/ics/zone/list", body, headers)

    assert (reply.status, reply.error_code) == (400, "ics.validation_failed")
    assert all(orgcode is None for _, orgcode in house.directory.asked)


async def test_every_answer_says_how_it_may_be_used() -> None:
    async with a_house() as house:
        answered = await house.get("/ics/zone/list")
        refused = await house.get("/ics/zone/list", {})

    assert answered.headers["x-content-type-options"] == refused.headers["x-content-type-options"] == "nosniff"
    assert refused.headers["cache-control"] == "no-store"
    assert "ApiKey" in refused.headers["www-authenticate"]


@pytest.mark.parametrize(
    "raw",
    [
        b"GET /ics/zone/list\r\n\r\n",
        b"GET /ics/zone/list HTTP/0.9\r\nHost: a\r\n\r\n",
        b"GET /ics/zone/list HTTP/2.0\r\nHost: a\r\n\r\n",
        (
            b"POST /ics/zone/list HTTP/1.0\r\nHost: a\r\nContent-Type: application/json\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"
        ),
    ],
)
async def test_other_versions_and_what_a_version_does_not_have_are_refused(raw: bytes) -> None:
    async with a_house() as house:
        reply = await send(house.port, raw)

    assert reply.status == 400
    assert house.ics.seen == []

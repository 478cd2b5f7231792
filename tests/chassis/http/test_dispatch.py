import asyncio
import re

import pytest

from chassis.auth.token import HEADER
from chassis.clock import Utc
from chassis.gate import GateWindow
from chassis.testing.client import ServiceClient
from tests.waiting import within

ID = "01970f3e-9a4c-7c31-8a55-3f0c4b1d2e6a"
JSON = {"Content-Type": "application/json"}


async def test_an_answer_stands_in_the_envelope(sample: ServiceClient) -> None:
    answer = await sample.post("/crate/create", code="a-01")

    assert answer.status == 200, answer
    assert answer.body["success"] is True
    assert answer.data["crate"]["code"] == "A-01"
    stats = answer.body["stats"]
    assert (stats["service"], stats["call"]) == ("sample", "sample_crate_create")
    assert stats["session_fingerprint"] == "0123456789abcdef"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", stats["timestamp_utc"])
    assert stats["request_id"] == answer.headers["x-request-id"]
    assert stats["duration_ms"] > 0
    assert set(stats["build"]) == {"build_major", "build_minor", "build_id"}
    assert sample.events == ["sample.crate.created"]


async def test_a_refusal_stands_in_the_envelope_too(sample: ServiceClient) -> None:
    answer = await sample.get("/crate/get", crate_id=ID)

    assert answer.status == 404
    assert answer.body["success"] is False
    assert answer.error["error_code"] == "sample.not_found"
    assert (answer.error["http_status"], answer.error["retryable"], answer.tag) == (404, False, "not-found")


async def test_who_comes_round_the_gateway_is_nobody(sample: ServiceClient) -> None:
    missing = await sample.nobody.post("/crate/create", code="A-01")
    forged = await sample.post("/crate/create", code="A-01", headers={HEADER: "eyJhbGciOiJub25lIn0.e30."})

    assert (missing.status, forged.status) == (401, 401)
    assert missing.tag == forged.tag == "unauthorized"
    assert await sample.collect_events() == []


async def test_roles_open_calls(sample: ServiceClient) -> None:
    async def status(client: ServiceClient) -> int:
        return (await client.post("/crate/close", crate_id=ID)).status

    assert await status(sample.with_roles("sample_keeper")) == 404
    assert await status(sample.with_roles("skp")) == 404
    assert await status(sample.with_roles("sample_view")) == 403
    assert await status(sample.with_roles()) == 403
    assert await status(sample.as_caller(roles=frozenset(), owner=True)) == 404
    assert await status(sample.as_caller(kind="anonymous", orgcode=None, roles=frozenset())) == 401


async def test_who_names_no_org_is_told_so(sample: ServiceClient) -> None:
    answer = await sample.as_caller(orgcode=None, roles=frozenset()).post("/crate/close", crate_id=ID)

    assert answer.status == 400
    assert answer.error["details"]["fields"] == [{"path": "orgcode", "problem": "is required"}]


async def test_a_users_session_opens_what_a_key_does_not(sample: ServiceClient) -> None:
    user = sample.as_caller(orgcode=None, roles=frozenset())
    key = user.as_caller(kind="key")

    assert (await user.get("/stat")).status == 200
    assert (await key.get("/stat")).status == 401
    assert (await key.get("/crate/ask")).status == 200


async def test_checks_come_in_their_order(sample: ServiceClient) -> None:
    large = b'{"code": "' + b"x" * 1_100_000 + b'"}'
    closed = sample.application.runtime.gate
    wrong = b"{"

    assert (await sample.nobody.send("POST", "/crate/create", large, JSON)).status == 413
    assert (await sample.nobody.send("POST", "/crate/create", wrong, {"Content-Type": "text/xml"})).status == 415
    zipped = {**JSON, "Content-Encoding": "gzip"}
    assert (await sample.nobody.send("POST", "/crate/create", wrong, zipped)).status == 415
    closed.close(GateWindow(maintenance_id=ID, expected_end_utc=Utc("2099-01-01T00:00:00.000Z")))
    assert (await sample.nobody.send("POST", "/crate/create", wrong, JSON)).status == 401
    assert (await sample.with_roles().send("POST", "/crate/create", wrong, JSON)).status == 503
    closed.reopen()
    assert (await sample.with_roles().send("POST", "/crate/create", wrong, JSON)).status == 403
    assert (await sample.send("POST", "/crate/create", wrong, JSON)).status == 400
    assert (await sample.post("/crate/close", crate_id="nothing")).status == 400
    assert (await sample.post("/crate/close", crate_id=ID)).status == 404


async def test_a_closed_gate_says_when_to_come_back(sample: ServiceClient) -> None:
    gate = sample.application.runtime.gate
    gate.close(GateWindow(maintenance_id=ID, expected_end_utc=Utc("2020-01-01T00:00:00.000Z")))
    answer = await sample.post("/crate/create", code="A-01")

    assert (answer.status, answer.error_code, answer.tag) == (503, "sample.maintenance_active", "maintenance-active")
    assert answer.error["retryable"] is True
    assert answer.headers["Retry-After"] == "5"
    assert answer.details["maintenance_id"] == ID


async def test_header_and_body_must_agree(sample: ServiceClient) -> None:
    fine = {"variant_id": "v", "quantity": 1}

    other_org = await sample.post("/crate/echo", **fine, orgcode="OTHR0001")
    other_place = await sample.post("/crate/echo", **fine, logical_guid="B", headers={"x-logical-guid": "A"})
    other_cost = await sample.post(
        "/crate/echo", **fine, cccode="AAAA-BBBB-CCCC", headers={"x-cccode": "AAAA-BBBB-DDDD"}
    )
    bad_cost = await sample.post("/crate/echo", **fine, headers={"x-cccode": "nope"})
    folded = await sample.post("/crate/echo", **fine, cccode="aaaa-bbbb-cccc", headers={"x-cccode": "AAAA-bbbb-CCCC"})

    assert other_org.problems == {"orgcode": "differs from the caller's organisation"}
    assert other_place.problems == {"logical_guid": "differs from the header x-logical-guid"}
    assert set(other_cost.problems) == set(bad_cost.problems) == {"cccode"}
    assert folded.data["said"]["cost"] == "AAAA-BBBB-CCCC"


async def test_a_field_of_the_request_is_filled_from_its_header(sample: ServiceClient) -> None:
    answer = await sample.plain.post("/crate/echo", variant_id="v", quantity=1, headers={"x-channel-code": "web"})

    assert (answer.data["said"]["channel_code"], answer.data["said"]["channel"]) == ("WEB", "WEB")


async def test_needed_context_is_asked_for(sample: ServiceClient) -> None:
    answer = await sample.plain.post("/crate/create", code="?")

    assert answer.status == 400
    assert set(answer.problems) == {"code", "logical_guid"}


async def test_credentials_in_the_body_are_taken_out(sample: ServiceClient) -> None:
    answer = await sample.post("/crate/create", code="A-01", session_guid="s" * 40, api_key="rsk_1_2")

    assert answer.status == 200
    assert b"ssss" not in answer.raw
    assert b"rsk_" not in answer.raw


async def test_paths_and_methods_that_are_not(sample: ServiceClient) -> None:
    unknown = await sample.nobody.get("/nowhere")
    wrong = await sample.nobody.send("DELETE", "/crate/get")
    asked = await sample.nobody.send("OPTIONS", "/crate/get")
    head = await sample.as_caller(kind="user").send("HEAD", "/stat")

    assert (unknown.status, unknown.error_code) == (404, "sample.not_found")
    assert (wrong.status, wrong.headers["Allow"]) == (405, "GET, HEAD, OPTIONS")
    assert wrong.body["success"] is False
    assert (asked.status, asked.headers["Allow"]) == (204, "GET, HEAD, OPTIONS")
    assert (head.status, head.raw) == (200, b"")


async def test_a_defect_shows_nothing_of_itself(sample: ServiceClient) -> None:
    answer = await sample.post("/crate/break")

    assert (answer.status, answer.error_code, answer.error["retryable"]) == (500, "sample.internal_error", True)
    assert b"hunter2" not in answer.raw


async def test_actions_on_one_path_are_told_apart(sample: ServiceClient) -> None:
    nobody = sample.as_caller(kind="anonymous", orgcode=None, roles=frozenset())

    assert (await nobody.post("/do", action="ping")).data == {"said": "pong"}
    assert (await nobody.post("/do", action="say", word="hush")).status == 401
    said = await sample.post("/do", action="say", word="hi")
    assert (said.data, said.body["stats"]["call"]) == ({"said": "hi"}, "sample_say")
    assert (await sample.post("/do", action="sing")).problems == {"action": "is not a known action"}
    assert (await sample.post("/do")).problems == {"action": "is required"}
    assert (await sample.post("/do", action="ping", word="x")).problems == {"word": "is not a known field"}


async def test_each_action_has_its_own_body_limit(sample: ServiceClient) -> None:
    padding = " " * 300
    ping = await sample.send("POST", "/do", f'{{"action": "ping"{padding}}}'.encode(), JSON)
    say = await sample.send("POST", "/do", f'{{"action": "say", "word": "hi"{padding}}}'.encode(), JSON)
    unknown = await sample.send("POST", "/do", f'{{"action": "sing"{padding}}}'.encode(), JSON)

    assert (ping.status, say.status, unknown.status) == (200, 413, 400)


async def test_an_empty_body_is_an_empty_object(sample: ServiceClient) -> None:
    assert (await sample.send("POST", "/crate/echo")).problems.keys() == {"variant_id", "quantity"}
    assert (await sample.send("POST", "/crate/break")).status == 500


async def test_a_stale_revision_and_a_missing_one(sample: ServiceClient) -> None:
    crate = (await sample.post("/crate/create", code="A-01")).data["crate"]["crate_id"]
    missing = await sample.post("/crate/close", crate_id=crate)
    closed = await sample.post("/crate/close", crate_id=crate, expected_revision=1)
    stale = await sample.post("/crate/close", crate_id=crate, expected_revision=1)
    again = await sample.post("/crate/close", crate_id=crate, expected_revision=2)

    assert (missing.status, missing.details) == (428, {"current_revision": 1})
    assert closed.data["crate"]["revision"] == 2
    assert (stale.status, stale.error_code, stale.details) == (409, "sample.revision_conflict", {"current_revision": 2})
    assert (again.status, again.error_code, again.tag) == (409, "sample.conflict_state", "invalid-state")


@pytest.mark.parametrize(
    "raw",
    ids=["header", "line", "lengths", "long"],
    argvalues=[
        b"GET /sample/stat HTTP/1.1\r\nHost: x\r\nbad header\r\n\r\n",
        b"NONSENSE\r\n\r\n",
        b"POST /sample/crate/create HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        b"GET /" + b"x" * 20_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    ],
)
async def test_what_is_no_http_is_answered_in_the_envelope(sample: ServiceClient, raw: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", sample.application.http_port)
    writer.write(raw)
    async with within(10):
        told = await reader.read()
    writer.close()
    await writer.wait_closed()

    assert told.startswith(b"HTTP/1.")
    assert b'"error_code":"sample.validation_failed"' in told

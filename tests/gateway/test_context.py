import re

import pytest

from chassis.clock import FixedClock
from tests.gateway.given import KEY, NOON, ORG, OTHER_ORG, SESSION, SIGNED_IN, Reply, a_house, send

CODE = "AB12-CD34-EF56"


def plain(reply: Reply) -> tuple[int, list[tuple[str, str]], bytes]:
    """An answer without ids and times, which differ between any two."""
    head = [
        (name, re.sub(r"[0-9.]+", "#", value) if name in {"Server-Timing", "RateLimit"} else value)
        for name, value in reply.head
        if name not in {"X-Request-Id", "Date"}
    ]
    body = re.sub(rb'"request_id":"[^"]*"|"duration_ms":[0-9.]+|"timestamp_utc":"[^"]*"', b"#", reply.body)
    return reply.status, head, body


@pytest.mark.parametrize("place", ["header", "body", "query"])
async def test_an_org_that_does_not_exist_and_one_of_others_answer_the_same_bytes(place: str) -> None:
    async def ask(orgcode: str) -> Reply:
        if place == "header":
            return await house.post("/ics/zone/get", {}, {"x-session-guid": SESSION, "x-orgcode": orgcode})
        if place == "body":
            return await house.post("/ics/zone/get", {"orgcode": orgcode}, {"x-session-guid": SESSION})
        return await house.get(f"/ics/zone/get?orgcode={orgcode}", {"x-session-guid": SESSION})

    async with a_house(SERVER_TIMING="false", clock=FixedClock(NOON)) as house:
        # Orgs of other users: known to the directory, but this caller is not a member.
        house.directory.orgs[KEY, OTHER_ORG] = frozenset({"ics_view"})
        absent, strange = await ask("NOSUCH99"), await ask(OTHER_ORG)

    assert absent.status == 404
    assert absent.error_code == "ics.not_found"
    assert plain(absent) == plain(strange)
    assert [name for name, _ in absent.head] == [name for name, _ in strange.head]
    assert house.ics.seen == []


async def test_a_key_is_a_stranger_outside_its_org() -> None:
    async with a_house() as house:
        reply = await house.get("/ics/zone/list", {"x-api-key": KEY, "x-orgcode": OTHER_ORG})

    assert reply.status == 404


async def test_a_call_without_an_org_goes_on_without_one() -> None:
    async with a_house() as house:
        reply = await house.get("/ics/stat", {"x-session-guid": SESSION})
        [seen] = house.ics.seen

    assert reply.status == 200
    assert seen.caller.orgcode is None
    assert seen.caller.roles == frozenset()
    assert "x-orgcode" not in seen.names


@pytest.mark.parametrize(
    ("headers", "body", "target"),
    [
        ({"x-orgcode": "demo0001"}, {}, "/ics/x"),
        ({"x-orgcode": ORG}, {"orgcode": "demo0001"}, "/ics/x"),
        ({}, {"orgcode": "Demo0001"}, "/ics/x"),
        ({}, {}, "/ics/x?orgcode=demo0001"),
        ({"x-orgcode": "demo0001"}, {"orgcode": None}, "/ics/x?orgcode=DEMO0001"),
    ],
)
async def test_the_org_is_taken_from_wherever_it_stands_and_upper_cased(
    headers: dict[str, str], body: dict[str, str], target: str
) -> None:
    async with a_house() as house:
        reply = await house.post(target, body, {"x-session-guid": SESSION, **headers})
        [seen] = house.ics.seen

    assert reply.status == 200
    assert seen.caller.orgcode == ORG
    assert seen.headers["x-orgcode"] == ORG


@pytest.mark.parametrize(
    ("headers", "body", "target"),
    [
        ({"x-orgcode": ORG}, {"orgcode": OTHER_ORG}, "/ics/x"),
        ({"x-orgcode": ORG}, {}, f"/ics/x?orgcode={OTHER_ORG}"),
        ({}, {"orgcode": ORG}, f"/ics/x?orgcode={OTHER_ORG}"),
        ({}, {}, f"/ics/x?orgcode={ORG}&orgcode={OTHER_ORG}"),
        ({"x-orgcode": "no org"}, {}, "/ics/x"),
        ({}, {"orgcode": "x" * 17}, "/ics/x"),
        ({}, {"orgcode": ["DEMO0001"]}, "/ics/x"),
    ],
)
async def test_an_org_that_is_malformed_or_named_in_two_ways_is_refused(
    headers: dict[str, str], body: dict[str, object], target: str
) -> None:
    async with a_house() as house:
        reply = await house.post(target, body, {"x-session-guid": SESSION, **headers})

    assert (reply.status, reply.error_code) == (400, "ics.validation_failed")
    assert reply.json["error"]["details"]["fields"][0]["path"] == "orgcode"
    assert house.ics.seen == []


async def test_two_org_headers_that_differ_are_refused() -> None:
    orgs = f"x-orgcode: {ORG}\r\nx-orgcode: {OTHER_ORG}\r\n"
    raw = f"GET /ics/x HTTP/1.1\r\nHost: g\r\nx-session-guid: {SESSION}\r\n{orgs}\r\n"
    async with a_house() as house:
        reply = await send(house.port, raw.encode())

    assert reply.status in {400, 404}
    assert house.ics.seen == []


@pytest.mark.parametrize(
    ("headers", "body"),
    [({"x-cccode": CODE.lower()}, {}), ({}, {"cccode": CODE.lower()}), ({"x-cccode": CODE}, {"cccode": CODE.lower()})],
)
async def test_a_cost_centre_is_upper_cased_and_passed_on(headers: dict[str, str], body: dict[str, str]) -> None:
    async with a_house() as house:
        reply = await house.post("/ics/x", body, {**SIGNED_IN, **headers})
        [seen] = house.ics.seen

    assert reply.status == 200
    assert seen.headers["x-cccode"] == CODE
    assert seen.caller.cccode == CODE


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({"x-cccode": "AB12CD34EF56"}, {}),
        ({}, {"cccode": "AB12-CD34"}),
        ({"x-cccode": CODE}, {"cccode": "AB12-CD34-EF57"}),
        ({}, {"cccode": 5}),
    ],
)
async def test_a_cost_centre_that_is_malformed_or_named_in_two_ways_is_refused(
    headers: dict[str, str], body: dict[str, object]
) -> None:
    async with a_house() as house:
        reply = await house.post("/ics/x", body, {**SIGNED_IN, **headers})

    assert (reply.status, reply.error_code) == (400, "ics.validation_failed")
    assert reply.json["error"]["details"]["fields"][0]["path"] == "cccode"


async def test_without_a_cost_centre_none_is_passed_on() -> None:
    async with a_house() as house:
        await house.post("/ics/x", {"cccode": None})
        [seen] = house.ics.seen

    assert seen.caller.cccode is None
    assert "x-cccode" not in seen.names


async def test_a_stranger_gets_404_before_400() -> None:
    async with a_house() as house:
        reply = await house.post("/ics/x", {"orgcode": OTHER_ORG}, {"x-session-guid": SESSION, "x-cccode": "nonsense"})

    assert reply.status == 404


async def test_facility_and_channel_go_on_as_they_came() -> None:
    async with a_house() as house:
        await house.post("/ics/x", {}, {**SIGNED_IN, "x-logical-guid": "fac-1", "x-channel-code": "web"})
        [seen] = house.ics.seen

    assert (seen.headers["x-logical-guid"], seen.headers["x-channel-code"]) == ("fac-1", "web")


@pytest.mark.parametrize(("service", "tag"), [("ics", "validation-error"), ("slc", "invalid-input")])
async def test_a_refusal_speaks_the_words_of_the_service_that_was_asked(service: str, tag: str) -> None:
    async with a_house() as house:
        reply = await house.post(f"/{service}", {"cccode": "x"})

    assert reply.json["error"]["major"]["tag"] == tag
    assert reply.json["stats"]["service"] == service
    assert set(reply.json["stats"]) == {
        "service",
        "call",
        "timestamp_utc",
        "request_id",
        "duration_ms",
        "build",
    } | ({"session_fingerprint"} & set(reply.json["stats"]))


async def test_visualgrid_is_answered_in_its_own_envelope() -> None:
    async with a_house() as house:
        reply = await house.get("/visualgrid/ping", {})

    assert reply.status == 503
    assert reply.json["ok"] is False
    assert reply.json["build"]["service"] == "visualgrid"

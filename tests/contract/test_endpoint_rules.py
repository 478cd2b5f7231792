"""What every endpoint is asked: who are you, may you, what is that field, which revision, and did you not just?

Each is put to every declared ICS endpoint, with the bodies of `tests/ics/world.py`.
"""

from typing import Any

import msgspec
import pytest
import pytest_asyncio

from chassis.caller import AUTHENTICATED
from chassis.endpoint import Endpoint
from chassis.service import collect
from chassis.testing.client import ServiceClient, TestAnswer
from services.ics.app import ICS
from tests.contract.schema import QUANTITY_MAX
from tests.ics.given import CHANNEL, an_id
from tests.ics.world import BODIES, REVISIONS, World, make_world
from tests.running import in_new_org

ENDPOINTS = collect(ICS).endpoints
TENANT = [endpoint for endpoint in ENDPOINTS if endpoint.tenant]
POSTS = [endpoint for endpoint in TENANT if endpoint.method == "POST"]
WORLD = World(*World._fields)
REVISED = [endpoint for endpoint in TENANT if endpoint.revised and "create_direct" not in endpoint.call]
CHANGES = [endpoint for endpoint in TENANT if endpoint.access == "change"]
READS = [endpoint for endpoint in TENANT if endpoint.access in {"none", "view"}]
SUBJECTS = [
    endpoint
    for endpoint in POSTS
    if any(value in WORLD for value in BODIES[endpoint.call](WORLD).values() if isinstance(value, str))
    and endpoint.call not in {"ics_putaway_record", "ics_replenishment_rule_set", "ics_serial_assign"}
]
"""Endpoints about an object that the body names; those left out name places only, and are 400."""

TOO_EARLY = ("ics_reservation_expire", "ics_allocation_expire")
"""Refused in a world whose promises have not lapsed yet; a refusal is kept with its key like any other outcome."""

Questioned = tuple[ServiceClient, World]


def name(endpoint: Endpoint) -> str:
    return endpoint.call


async def put(client: ServiceClient, endpoint: Endpoint, body: dict[str, Any], **headers: str) -> TestAnswer:
    """Ask an endpoint, on the channel."""
    if endpoint.method == "GET":
        return await client.get(endpoint.path, headers=headers, **body)
    return await client.post(endpoint.path, headers={"x-channel-code": CHANNEL, **headers}, **body)


def body_for(endpoint: Endpoint, world: World) -> dict[str, Any]:
    """A body the world answers with success."""
    body = BODIES[endpoint.call](world)
    return body | {"expected_revision": REVISIONS.get(endpoint.call, 1)} if endpoint in REVISED else body


def altered(body: dict[str, Any]) -> dict[str, Any]:
    """Another body of the same shape."""
    numbers = ("expected_revision", "quantity", "delta", "safety_stock")
    known = (*numbers, "code", "lines", "body", "title", "variant_id", "name")
    field = next(field for field in known if field in body)
    value = body[field]
    return body | {field: value + 1 if isinstance(value, int) else value * 2}


async def a_world(client: ServiceClient) -> World:
    async def ask(path: str, **body: Any) -> TestAnswer:
        return await client.post(path, headers={"x-channel-code": CHANNEL}, **body)

    return await make_world(ask)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def asked_with(ics_service: ServiceClient) -> Questioned:
    """A client and its world, which no question of those that are refused changes."""
    client = in_new_org(ics_service)
    return client, await a_world(client)


def test_there_is_a_body_for_every_endpoint() -> None:
    for endpoint in ENDPOINTS:
        assert BODIES[endpoint.call](WORLD) is not None
    assert set(BODIES) == {endpoint.call for endpoint in ENDPOINTS}, "a body in BODIES is of no endpoint: take it out"


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=name)
async def test_without_a_credential_nothing_is_answered(asked_with: Questioned, endpoint: Endpoint) -> None:
    client, world = asked_with
    for refused in (
        await put(client.nobody, endpoint, body_for(endpoint, world)),
        await put(client.nobody, endpoint, body_for(endpoint, world), **{"x-caller": "not.a.token"}),
        await put(client.as_caller(kind="anonymous", owner=False), endpoint, body_for(endpoint, world)),
    ):
        assert (refused.status, refused.error_code, refused.tag) == (401, "ics.unauthorized", "unauthorized")


@pytest.mark.parametrize("endpoint", TENANT, ids=name)
async def test_each_role_opens_what_the_contract_says(asked_with: Questioned, endpoint: Endpoint) -> None:
    client, world = asked_with
    # A body no one takes: who may ask is told 400, who may not is told so first.
    for role in ICS.roles:
        answer = await put(client.with_roles(role), endpoint, body_for(endpoint, world) | {"surprise": 1})
        assert answer.status == (400 if role in endpoint.roles else 403), (role, answer)
    roleless = await put(client.with_roles(), endpoint, body_for(endpoint, world))
    assert (roleless.status, roleless.error_code, roleless.tag) == (403, "ics.forbidden", "forbidden")
    owner = await put(client.with_roles().as_caller(owner=True), endpoint, body_for(endpoint, world) | {"surprise": 1})
    assert owner.status == 400


async def test_stat_takes_any_user_but_no_key(asked_with: Questioned) -> None:
    client, _ = asked_with
    assert [endpoint.call for endpoint in ENDPOINTS if endpoint.roles == (AUTHENTICATED,)] == ["ics_stat"]
    user = await client.with_roles().as_caller(orgcode=None).plain.get("/stat")
    key = await client.as_caller(kind="key").get("/stat")
    assert (user.status, user.data["ok"]) == (200, True)
    assert set(user.data["checks"].values()) == {"up"}
    assert (key.status, key.error_code) == (401, "ics.unauthorized")


@pytest.mark.parametrize("endpoint", TENANT, ids=name)
async def test_unknown_fields_are_refused_by_name(asked_with: Questioned, endpoint: Endpoint) -> None:
    client, world = asked_with
    answer = await put(client, endpoint, body_for(endpoint, world) | {"surprise": 1})
    assert (answer.status, answer.error_code, answer.tag) == (400, "ics.validation_failed", "validation-error")
    assert set(answer.problems) == {"surprise"}


@pytest.mark.filterwarnings("ignore:Sending a large body:ResourceWarning")
@pytest.mark.parametrize("endpoint", POSTS, ids=name)
async def test_bodies_that_are_no_json_object_are_refused(asked_with: Questioned, endpoint: Endpoint) -> None:
    client, _ = asked_with
    plain = {"Content-Type": "application/json", "x-logical-guid": "FAC-A", "x-channel-code": CHANNEL}
    for body in (b"[]", b'"x"', b"{", b"nonsense", b"\xff\xfe", b"[" * 5000, b'{"a":NaN}'):
        answer = await client.send("POST", endpoint.path, body, plain)
        assert (answer.status, answer.error_code) == (400, "ics.validation_failed"), body[:20]
    other = await client.send("POST", endpoint.path, b"<a/>", plain | {"Content-Type": "application/xml"})
    huge = await client.send("POST", endpoint.path, b" " * (endpoint.body_bytes_max + 1), plain)
    assert (other.status, huge.status) == (415, 413)


@pytest.mark.parametrize("endpoint", POSTS, ids=name)
async def test_required_fields_are_missed_by_name(asked_with: Questioned, endpoint: Endpoint) -> None:
    client, _ = asked_with
    assert endpoint.request is not None
    required = {field.name for field in msgspec.structs.fields(endpoint.request) if field.required}
    answer = await put(client, endpoint, {})
    if required:
        assert (answer.status, set(answer.problems)) == (400, required)


@pytest.mark.parametrize("endpoint", [each for each in TENANT if each.needs], ids=name)
async def test_needed_context_is_missed_by_name(asked_with: Questioned, endpoint: Endpoint) -> None:
    client, world = asked_with
    answer = await client.plain.post(endpoint.path, **body_for(endpoint, world))
    assert (answer.status, set(answer.problems)) == (400, set(endpoint.needs))


@pytest.mark.parametrize("endpoint", POSTS, ids=name)
async def test_header_and_body_must_agree(asked_with: Questioned, endpoint: Endpoint) -> None:
    client, world = asked_with
    assert client.caller is not None
    named = {"logical_guid": "FAC-A", "channel_code": CHANNEL, "orgcode": client.caller.orgcode or ""}
    for field, header in named.items():
        body = body_for(endpoint, world) | {field: "OTHR0001"}
        answer = await put(client, endpoint, body, **{f"x-{field.replace('_', '-')}": header})
        assert (answer.status, set(answer.problems)) == (400, {field})


@pytest.mark.parametrize("endpoint", REVISED, ids=name)
async def test_a_change_names_the_revision_it_has_seen(asked_with: Questioned, endpoint: Endpoint) -> None:
    client, world = asked_with
    current = {"current_revision": REVISIONS.get(endpoint.call, 1)}
    body = BODIES[endpoint.call](world)

    missing = await put(client, endpoint, body)
    stale = await put(client, endpoint, body | {"expected_revision": 99})

    assert (missing.status, missing.error_code, missing.tag) == (
        428,
        "ics.expected_revision_required",
        "expected-revision-required",
    )
    assert (stale.status, stale.error_code, stale.tag) == (409, "ics.revision_conflict", "conflict")
    assert (missing.details, stale.details) == (current, current)


@pytest.mark.parametrize("endpoint", SUBJECTS, ids=name)
async def test_what_belongs_to_a_stranger_is_not_there(asked_with: Questioned, endpoint: Endpoint) -> None:
    client, world = asked_with
    theirs = await put(in_new_org(client), endpoint, body_for(endpoint, world))
    unknown = await put(client, endpoint, body_for(endpoint, World(*(an_id() for _ in World._fields))))

    assert (theirs.status, theirs.error_code, theirs.tag) == (404, "ics.not_found", "not-found")
    assert theirs.error == unknown.error


@pytest.mark.parametrize("endpoint", [each for each in SUBJECTS if each.needs], ids=name)
async def test_what_lies_in_another_facility_is_not_there(asked_with: Questioned, endpoint: Endpoint) -> None:
    client, world = asked_with
    elsewhere = await put(client.in_facility("FAC-B"), endpoint, body_for(endpoint, world))
    assert (elsewhere.status, elsewhere.error_code) == (404, "ics.not_found")


@pytest.mark.parametrize("endpoint", CHANGES, ids=name)
async def test_a_repeated_key_changes_once_and_answers_the_same(ics_service: ServiceClient, endpoint: Endpoint) -> None:
    client = in_new_org(ics_service)
    body = body_for(endpoint, await a_world(client))
    client.events = []

    first = await put(client, endpoint, body | {"idempotency_key": "once"})
    heard = list(client.events)
    again = await put(client, endpoint, body, **{"idempotency-key": "once"})
    other = await put(client, endpoint, altered(body) | {"idempotency_key": "once"})

    assert first.status == (409 if endpoint.call in TOO_EARLY else 200), first
    assert (again.status, again.body.get("data"), again.body.get("error")) == (
        first.status,
        first.body.get("data"),
        first.body.get("error"),
    )
    assert again.headers.get("Idempotent-Replayed") == "true"
    assert (other.status, other.error_code, other.tag) == (409, "ics.conflict", "conflict")
    assert client.events == heard


@pytest.mark.parametrize("endpoint", READS, ids=name)
async def test_a_stranger_is_shown_nothing_of_it(asked_with: Questioned, endpoint: Endpoint) -> None:
    client, world = asked_with
    answer = await put(in_new_org(client), endpoint, body_for(endpoint, world))
    assert answer.status in {200, 404}
    assert not [known for known in world if known.encode() in answer.raw and known not in asked_for(endpoint, world)]


def asked_for(endpoint: Endpoint, world: World) -> set[Any]:
    """What a question names itself, an answer may repeat."""
    return {value for value in BODIES[endpoint.call](world).values() if isinstance(value, str)}


@pytest.mark.parametrize("endpoint", CHANGES, ids=name)
async def test_a_refused_call_leaves_no_trace(ics_service: ServiceClient, endpoint: Endpoint) -> None:
    client = in_new_org(ics_service)
    world = await a_world(client)
    client.events = []
    before = await what_there_is(client)
    body = body_for(endpoint, world)

    refused = [
        await put(client, endpoint, body | {"surprise": 1}),
        await put(client.nobody, endpoint, body),
        await put(client.with_roles(), endpoint, body),
        await put(in_new_org(client), endpoint, body | {"surprise": 1}),
    ]
    if endpoint in REVISED:
        refused.append(await put(client, endpoint, BODIES[endpoint.call](world)))
        refused.append(await put(client, endpoint, body | {"expected_revision": 99}))
    if endpoint in SUBJECTS:
        refused.append(await put(in_new_org(client), endpoint, body))
        refused.append(await put(client, endpoint, body_for(endpoint, World(*(an_id() for _ in World._fields)))))
    if endpoint in SUBJECTS and endpoint.needs:
        refused.append(await put(client.in_facility("FAC-B"), endpoint, body))
    if "quantity" in body and endpoint.call != "ics_holdback_set" and "receive" not in endpoint.call:
        refused.append(await put(client, endpoint, body | {"quantity": QUANTITY_MAX}))

    assert [answer.status for answer in refused if answer.status < 400] == []
    assert await what_there_is(client) == before
    assert client.events == []


async def what_there_is(client: ServiceClient) -> dict[str, list[Any]]:
    """Every record of the client's org, as it is kept."""
    assert client.caller is not None
    database = client.application.runtime.database
    names = {entity.collection for entity in collect(ICS).entities if entity.org_scoped}
    mine = {"orgcode": client.caller.orgcode}
    found = {collection: await database.collection(collection).find(mine) for collection in sorted(names)}
    return {collection: sorted(each, key=lambda one: str(one["_id"])) for collection, each in found.items()}

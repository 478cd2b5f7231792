"""What ICS writes into its event log while a world is made and changed, held against the contract's events."""

from typing import Any

import msgspec
import pytest

from chassis.endpoint import Endpoint
from chassis.event import EventDocument
from chassis.mongo.eventlog import EVENTS
from chassis.testing.client import ServiceClient
from tests.contract.rows import contract, fields_of
from tests.contract.test_endpoint_rules import CHANGES, a_world, body_for, put
from tests.running import in_new_org

ALWAYS = {"orgcode", "actor", "revision"}


async def events_of(client: ServiceClient, orgcode: str) -> list[EventDocument]:
    """All published events of an org, in order."""
    log = client.application.runtime.database.collection(EVENTS.collection)
    found = await log.find({"orgcode": orgcode})
    # The log is indexed for subjects, not for an org's time line: the few of a test are sorted here.
    told = [event for event in map(EVENTS.from_document, found) if event.published]
    return sorted(told, key=lambda event: event.event_id)


@pytest.mark.parametrize("endpoint", CHANGES, ids=lambda endpoint: endpoint.call)
async def test_events_have_the_subject_and_the_body_the_contract_says(
    ics_service: ServiceClient, endpoint: Endpoint
) -> None:
    client = in_new_org(ics_service)
    world = await a_world(client)
    assert client.caller is not None
    orgcode = client.caller.orgcode or ""
    before = len(await events_of(client, orgcode))
    answer = await put(client, endpoint, body_for(endpoint, world))
    told = (await events_of(client, orgcode))[before:]
    known = contract("ics").events

    for event in told:
        body: dict[str, Any] = msgspec.json.decode(event.body)
        assert set(body) == ALWAYS | set(fields_of(known[event.type]["body"])), event.type
        assert (body["orgcode"], body["actor"]) == (orgcode, client.caller.actor)
        # What has no record of its own is told of once, an item by its `seq`: no event is without a revision.
        assert body["revision"] == event.revision >= 1, event.type
        assert event.revision == body.get("seq", event.revision)
        assert event.subject == subject_of(body, known[event.type]["subject"]), event.type
    types = [event.type for event in told]
    assert set(types) <= set(endpoint.emits)
    assert bool(types) == (answer.status == 200), answer
    # The row's own events, then one for each item whose totals changed.
    changed = [word == "ics.stock.changed" for word in types]
    assert changed == sorted(changed)
    assert not any(changed[:1])


def subject_of(body: dict[str, Any], said: str) -> str:
    """The subject an event should have: fields of its body, or of the record the body tells of."""
    records = [value for value in body.values() if isinstance(value, dict)]
    merged = {name: value for each in [*records, body] for name, value in each.items()}
    return "/".join(str(merged[field]) for field in said.split("/"))


async def test_revisions_of_a_subject_rise_one_by_one_in_the_log(ics_service: ServiceClient) -> None:
    client = in_new_org(ics_service)
    await a_world(client)
    assert client.caller is not None
    seen: dict[str, int] = {}
    # What became of a snapshot is told with the revision that it has by then: that of its creation if it was quick.
    outcomes = {"ics.snapshot.ready", "ics.snapshot.failed"}
    for event in await events_of(client, client.caller.orgcode or ""):
        if event.type in outcomes and event.revision == seen.get(event.subject):
            continue
        if event.type != "ics.stock.changed":
            assert event.revision == seen.get(event.subject, 0) + 1, event
            seen[event.subject] = event.revision

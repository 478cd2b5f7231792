"""An org's vacuum, from request to certificate, over the whole stack."""

import asyncio
import json

import pytest

from chassis.bus.listener import Listener
from chassis.clock import SystemClock
from chassis.errors import NotFound
from services.ops.vacuum.domain import SERVICES
from tests.ops.vacuum.stack import CODE, Operator
from tests.waiting import within

A, B = "ALPHA001", "BETA0001"


async def test_nothing_is_left_of_an_org_and_nothing_is_missing_of_another(operator: Operator) -> None:
    ours, theirs = await operator.an_org(A), await operator.an_org(B, A)
    await asyncio.gather(ours.trade(), theirs.trade())
    await operator.calm()
    before = operator.documents(but=A)
    # The owner of the other org belongs to both orgs: that session must stay.
    sessions = operator.collection("gateway", "sessions").count_documents({})
    found = await operator.count(A)
    assert found["gateway"]["sessions"] == 1
    assert found["gateway"]["orgs"] == 1
    assert found["ics"]["idempotency"] == 3
    assert operator.documents(but=A) == before, "a dry run changes nothing"

    asked = await operator.vacuum(A)
    done = await operator.finished(asked.vacuum_id)

    assert await operator.count(A) == {}
    after = operator.documents(but=A)
    (gone,) = before.keys() - after.keys()
    assert "gateway/sessions/" in gone, "of whoever belongs to no other org"
    assert {key: after[key] for key in before.keys() - {gone}} == {key: before[key] for key in before.keys() - {gone}}
    assert operator.collection("gateway", "sessions").count_documents({}) == sessions - 1
    assert (await theirs.ask("/ics/stock/list"))[0] == 200
    assert (await theirs.ask("/ics/zone/create", code="LATER"))[0] == 200
    assert (await ours.ask("/ics/stock/list"))[0] == 401
    assert done.vacuum.deleted == done.vacuum.matched == sum(sum(each.values()) for each in found.values())
    tallied = {
        tally.service: {each.collection: each.deleted for each in tally.collections}
        for tally in done.vacuum.services
        if tally.deleted
    }
    assert tallied == found


async def test_the_record_keeps_the_zeroes_of_every_service(operator: Operator) -> None:
    await (await operator.an_org(A)).trade(1)
    asked = await operator.vacuum(A)
    done = await operator.finished(asked.vacuum_id)

    kept = operator.audit(asked.vacuum_id)
    assert [(each["service"], each["matched"], each["state"]) for each in kept["certificate"]] == [
        (name, 0, "completed") for name in SERVICES
    ]
    assert {tally.service for tally in done.certificate} == set(SERVICES)
    assert (kept["state"], kept["target"], kept["reason"]) == ("completed", A, "asked to be forgotten")
    assert done.vacuum.requested_utc <= done.vacuum.started_utc <= done.vacuum.completed_utc


async def test_a_second_vacuum_of_an_org_that_is_gone_deletes_nothing_more(operator: Operator) -> None:
    await (await operator.an_org(A)).trade(1)
    await operator.finished((await operator.vacuum(A)).vacuum_id)

    again = await operator.finished((await operator.vacuum(A)).vacuum_id)

    assert (again.vacuum.matched, again.vacuum.deleted) == (0, 0)
    with pytest.raises(NotFound):
        await operator.vacuum("NOBODY01")


async def test_while_it_runs_the_org_is_closed_and_another_is_not(operator: Operator) -> None:
    ours, theirs = await operator.an_org(A), await operator.an_org(B)
    asked = await operator.vacuum(A)
    assert (await ours.ask("/ics/stock/list"))[0] == 200, "it is open until the vacuum begins"
    await operator.sweep()

    statuses = set()
    while (await operator.status(asked.vacuum_id)).vacuum.state == "running":
        status, headers, envelope = await ours.ask("/ics/zone/create", code="LATE")
        statuses.add(status)
        if status == 503:
            assert envelope["error"]["major"]["tag"] == "maintenance-active"
            assert int(headers["Retry-After"]) >= 1
        assert (await theirs.ask("/ics/stock/list"))[0] == 200

    assert 503 in statuses
    assert await operator.count(A) == {}


async def test_an_org_can_be_made_again_under_the_same_code(operator: Operator) -> None:
    await (await operator.an_org(A)).trade(1)
    await operator.finished((await operator.vacuum(A)).vacuum_id)

    await operator.reopened(A)
    anew = await operator.an_org(A)
    await anew.trade(2)

    assert (await anew.ask("/ics/zone/list"))[2]["data"]["count"] == 2


async def test_start_progress_and_end_are_published(operator: Operator) -> None:
    await operator.an_org(A)
    runtime = operator.stack.running["ics"].runtime
    listener = Listener(runtime.bus, ["ops.vacuum.#"], SystemClock())
    await listener.start(10.0)
    asked = await operator.vacuum(A)
    await operator.finished(asked.vacuum_id)

    told = []
    async with within(20):
        async for event in listener:
            told.append(event)
            if event.type == "ops.vacuum.org.completed":
                break
    await listener.stop()

    assert [event.type for event in told] == [
        "ops.vacuum.org.started",
        *["ops.vacuum.org.service.progress"] * len(SERVICES),
        "ops.vacuum.org.completed",
    ]
    assert {event.subject for event in told} == {asked.vacuum_id}
    assert {event.orgcode for event in told} == {A}
    assert operator.collection("ops", "events").count_documents({"orgcode": A}) == 0, "they are not the org's own"
    bodies = [json.loads(event.raw) for event in told]
    assert [body["service"]["service"] for body in bodies[1:-1]] == list(SERVICES)
    assert bodies[0]["vacuum"]["state"] == "running"
    assert bodies[-1]["vacuum"]["state"] == "completed"
    assert CODE not in repr(bodies)

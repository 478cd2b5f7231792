"""The full vacuum: no org's data is left, and no event is published."""

import asyncio

from chassis.bus.listener import Listener
from chassis.clock import SystemClock
from services.ops.vacuum.domain import SERVICES
from tests.ops.vacuum.stack import CODE, Operator
from tests.waiting import within

A, B = "ALPHA001", "BETA0001"


async def test_everything_goes_but_the_secret_and_the_record(operator: Operator) -> None:
    for orgcode in (A, B):
        await (await operator.an_org(orgcode)).trade(1)
    await operator.finished((await operator.vacuum(A)).vacuum_id)
    await operator.reopened(A)
    indexes = {name: len(list(operator.collection("ics", name).list_indexes())) for name in ("zones", "entries")}

    asked = await operator.vacuum(None)
    done = await operator.finished(asked.vacuum_id)

    left = {key.removeprefix(operator.stack.database) for key in operator.documents()}
    assert left == {"ops/secret/operator"}
    assert done.vacuum.deleted > 0
    assert {tally.service: tally.matched for tally in done.certificate} == dict.fromkeys(SERVICES, 0)
    assert operator.audit(asked.vacuum_id)["reason"] == "asked to be forgotten"
    assert operator.collection("ops", "vacuum_audit").count_documents({}) == 2, "earlier records stay, too"
    assert {name: len(list(operator.collection("ics", name).list_indexes())) for name in indexes} == indexes
    assert await operator.count(None) == {}


async def test_nobody_is_told_of_it(operator: Operator) -> None:
    shop = await operator.an_org(A)
    await shop.trade(1)
    await operator.calm()
    runtime = operator.stack.running["slc"].runtime
    listener = Listener(runtime.bus, ["#"], SystemClock())
    await listener.start(10.0)

    await operator.finished((await operator.vacuum(None)).vacuum_id)

    # An event published by the vacuum would arrive before the next one.
    await operator.reopened(A)
    await (await operator.an_org(B)).trade(1)
    async with within(20):
        first = await anext(aiter(listener))
    await listener.stop()
    assert (first.type, first.orgcode) == ("ics.zone.created", B)


async def test_meanwhile_all_callers_but_operators_are_told_to_retry(operator: Operator) -> None:
    shop = await operator.an_org(A)
    asked = await operator.vacuum(None)
    await operator.sweep()
    statuses = set()
    while (await operator.status(asked.vacuum_id)).vacuum.state == "running":
        statuses.add((await shop.ask("/ics/stock/list"))[0])
        await asyncio.sleep(0.02)
    assert 503 in statuses
    assert statuses <= {200, 401, 503}

    await operator.reopened(A)
    assert (await shop.ask("/ics/stock/list"))[0] == 401
    anew = await operator.an_org(A)
    await anew.trade(1)
    assert CODE not in repr(operator.documents())

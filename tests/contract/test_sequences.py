"""Random sequences of calls through a real port: whatever is sent, no 5xx and every answer as documented.

In the end the books are straight: the auditor finds nothing, and what is kept holds the contract's invariants.
"""

import asyncio
import uuid
from typing import Any

from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis import strategies as st

from chassis.caller import SYSTEM, Call
from chassis.entity import Entity
from chassis.testing.client import ServiceClient
from services.ics.allocation.store import ALLOCATIONS
from services.ics.commit.store import COMMITS
from services.ics.consignment.store import CONSIGNMENTS
from services.ics.count.store import COUNTS
from services.ics.demand.store import SHIPPED
from services.ics.ledger.jobs import AuditParams, audit_ledger
from services.ics.ledger.store import ENTRIES, ITEMS
from services.ics.receive.store import RECEIPTS
from services.ics.reservation.store import RESERVATIONS
from services.ics.serial.store import SERIALS
from services.ics.transfer.store import SHIPMENTS, TRANSFERS
from tests.contract.sequence_steps import STEP, Step
from tests.contract.sequences import Sequence, judge
from tests.contract.test_endpoint_rules import a_world
from tests.ics.invariants import (
    check_conservation,
    check_count,
    check_counters,
    check_serials,
    check_shipped,
    check_title,
    check_transfers,
)

EXAMPLES = 20
STEPS_MIN, STEPS_MAX = 60, 120


async def test_whatever_is_sent_the_books_are_straight(ics_service: ServiceClient) -> None:
    loop = asyncio.get_running_loop()
    taken: list[int] = []

    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(steps=st.lists(STEP, min_size=STEPS_MIN, max_size=STEPS_MAX))
    def put(steps: list[Step]) -> None:
        client = in_fresh_org(ics_service)
        world = asyncio.run_coroutine_threadsafe(a_world(client), loop).result()
        assert client.caller is not None
        sequence = Sequence(f"http://127.0.0.1:{client.application.http_port}", client.caller, world)
        for step in steps:
            response = sequence.take(step)
            note(f"{step} -> {response.status_code}")
            judge(step, response)
            taken.append(response.status_code)
        asyncio.run_coroutine_threadsafe(check(client), loop).result()

    await asyncio.to_thread(put)
    # Neither too good nor too bad to tell anything.
    assert taken.count(200) > len(taken) // 5
    assert {400, 403, 404, 409, 428} <= set(taken)


def in_fresh_org(client: ServiceClient) -> ServiceClient:
    """The same caller in an org nobody has used before, whom no other test can hear."""
    assert client.caller is not None
    return client.as_caller(orgcode=f"T{uuid.uuid4().hex[:15].upper()}")


async def check(client: ServiceClient) -> None:
    """What the auditor says, and the invariants of what is kept."""
    runtime = client.application.runtime
    assert client.caller is not None
    call = Call(caller=SYSTEM, name="audit-ledger", request_id="audit", started_utc=runtime.clock.now())
    found: Any = await audit_ledger(runtime.units, call, AuditParams(orgcode=client.caller.orgcode))
    assert found.differences == []
    entries = await kept(client, ENTRIES)
    promises = [*await kept(client, RESERVATIONS), *await kept(client, ALLOCATIONS), *await kept(client, COMMITS)]
    check_conservation(await kept(client, ITEMS), entries)
    check_counters(promises, await kept(client, RECEIPTS))
    check_transfers(await kept(client, TRANSFERS), await kept(client, SHIPMENTS), entries)
    check_title(await kept(client, CONSIGNMENTS), entries)
    check_serials(await kept(client, SERIALS), entries)
    check_shipped(await kept(client, SHIPPED), entries)
    for count in await kept(client, COUNTS):
        check_count(count, entries)


async def kept(client: ServiceClient, entity: Entity[Any]) -> list[Any]:
    """Every record of the client's org, by id."""
    assert client.caller is not None
    collection = client.application.runtime.database.collection(entity.collection)
    found = await collection.find({"orgcode": client.caller.orgcode})
    mine = [document for document in found if not entity.kind or document["kind"] == entity.kind]
    return [entity.from_document(document) for document in sorted(mine, key=lambda each: str(each["_id"]))]

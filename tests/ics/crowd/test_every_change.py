"""Every changing call of ICS on an item with a crowd: answered without a defect, with bounded work, the books right.
It never holds the event loop for long, and neighbours do not wait for it.

The crowds are larger than every bound and window: `ICS_CROWD=5000` makes them as large as a flash sale's.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple, TypeVar

import pytest

from chassis.caller import SYSTEM, Call
from chassis.clock import FixedClock, later
from chassis.service import collect
from chassis.testing.client import ServiceClient, TestAnswer
from services.ics.allocation.store import ALLOCATIONS
from services.ics.app import ICS
from services.ics.commit.store import COMMITS
from services.ics.ledger.entry import ENTRIES_MAX
from services.ics.ledger.holder import HOLDERS_MAX
from services.ics.ledger.jobs import AuditAnswer, AuditParams, audit_ledger
from services.ics.ledger.store import ENTRIES, PROMISES
from services.ics.receive.store import RECEIPTS
from services.ics.reservation.store import RESERVATIONS
from tests.holding import CALLER_SECONDS, callbacks_of, collecting_as_in_a_service
from tests.ics.crowd.given import crowd_of, records
from tests.ics.crowd.neighbours import Neighbours
from tests.ics.crowd.work import Work, counted_work
from tests.ics.given import CHANNEL, VARIANT
from tests.ics.invariants import check_counters
from tests.ics.world import BODIES, World, make_world
from tests.waiting import cpu_stretched

T = TypeVar("T")

SIZE = int(os.environ.get("ICS_CROWD", "600"))
PLACES = min(SIZE, 1_000)
LINES_MAX = 1_000
LAST = ("_expire", "_cancel", "_close", "_reject", "_status", "_status_set")
"""Calls that end what others need come last."""

CHANGES = sorted(
    (endpoint for endpoint in collect(ICS).endpoints if endpoint.tenant and endpoint.access == "change"),
    key=lambda endpoint: endpoint.call.endswith(LAST),
)

UNITS_LOST = 150
"""Most units that a count does not find: more than nobody holds at the crowd's place."""

NO_LONGER = ("/reservation/extend", "/zone/status/set", "/bin/status/set", "/reservation/expire", "/allocation/expire")
"""What a day like this refuses in every crowd: a place that holds units is not closed, a promise ends in its time."""

NOTHING_FREE = ("/adjustment/import", "/stock/transition", "/replenishment/record", "/transfer/shipment/record")
"""What is refused beside these while units are owed to those who wait: there are none to take."""

ENDED = ("/allocation/create", "/commit/create")
"""What is refused beside these of carts that have ended."""

REFUSED: Mapping[str, set[str]] = {
    "holders": {*NO_LONGER},
    "overdue": {*NO_LONGER, *ENDED},
    "waiting": {*NO_LONGER, *NOTHING_FREE},
    "places": {*NO_LONGER},
}
"""Crowd -> the calls of which one is refused."""


class Crowded(NamedTuple):
    """An item in the middle of its day, with a crowd: who asks, what there is, and some of the crowd's ids."""

    ics: ServiceClient
    world: World
    some: Sequence[str]

    async def ask(self, path: str, **body: Any) -> TestAnswer:
        """A call on the channel, with the current revision of what it changes."""
        headers = {"x-channel-code": CHANNEL}
        answer = await self.ics.post(path, headers=headers, **body)
        if answer.status != 428:
            return answer
        return await self.ics.post(path, headers=headers, **body, expected_revision=answer.details["current_revision"])

    async def do(self, path: str, **body: Any) -> Any:
        """The data of a call that succeeds."""
        answer = await self.ask(path, **body)
        assert answer.status == 200, (path, body, answer)
        return answer.data


async def a_world(ics: ServiceClient, **policy: Any) -> Crowded:
    """A facility in the middle of its day."""
    crowded = Crowded(ics, World(*World._fields), ())
    world = await make_world(crowded.ask)
    if policy:
        await crowded.do("/stock/policy/set", variant_id=VARIANT, qc="skip", **policy)
    return crowded._replace(world=world)


async def reserved(crowded: Crowded, quantity: int, **body: Any) -> str:
    """A reservation; its id."""
    data = await crowded.do("/reservation/create", variant_id=VARIANT, quantity=quantity, **body)
    return str(data["reservation"]["reservation_id"])


async def stocked(ics: ServiceClient) -> Crowded:
    """A facility with units for a crowd in one bin."""
    crowded = await a_world(ics)
    place = {"bin_id": crowded.world.bin_id, "delta": SIZE + 50, "reason_code": "found"}
    await crowded.do("/adjustment/create", variant_id=VARIANT, **place)
    return crowded


async def with_holders(ics: ServiceClient, clock: FixedClock) -> Crowded:
    """Many carts, each with a unit of one bin."""
    crowded = await stocked(ics)
    one = await reserved(crowded, 1, ttl_seconds=86_400)
    return crowded._replace(some=await crowd_of(ics, one, SIZE, now=clock.now()))


async def with_overdue(ics: ServiceClient, clock: FixedClock) -> Crowded:
    """Many carts that have ended, each a little after the one before."""
    crowded = await stocked(ics)
    one, start = await reserved(crowded, 1, ttl_seconds=86_400), clock.now()
    ids = await crowd_of(ics, one, SIZE, now=start, expires_utc=lambda number: later(start, 1 + number / 1_000))
    clock.advance(2 + SIZE / 1_000)
    return crowded._replace(some=ids)


async def with_waiting(ics: ServiceClient, clock: FixedClock) -> Crowded:
    """Many carts that wait for a unit each: nothing is available."""
    crowded = await a_world(ics, backorder_limit=2 * SIZE + 1_000)
    there = (await crowded.do("/stock/get", variant_id=VARIANT))["stock"]["buckets"]["available"]
    await reserved(crowded, there, ttl_seconds=86_400)
    one = await reserved(crowded, 1, ttl_seconds=86_400)
    return crowded._replace(some=await crowd_of(ics, one, SIZE, now=clock.now()))


async def with_places(ics: ServiceClient, clock: FixedClock) -> Crowded:
    """Many positions, with a cart at some."""
    crowded = await a_world(ics)
    lines = [{"variant_id": VARIANT, "delta": 2, "lot_code": f"L-{number:04}"} for number in range(PLACES)]
    for start in range(0, PLACES, LINES_MAX // 2):
        part = lines[start : start + LINES_MAX // 2]
        await crowded.do("/adjustment/import", lines=part, reason_code="found")
    some = [await reserved(crowded, 3, ttl_seconds=86_400) for _ in range(4)]
    return crowded._replace(some=some)


CROWDS: Mapping[str, Callable[[ServiceClient, FixedClock], Awaitable[Crowded]]] = {
    "holders": with_holders,
    "overdue": with_overdue,
    "waiting": with_waiting,
    "places": with_places,
}


def moves_of(crowded: Crowded) -> list[tuple[str, dict[str, Any]]]:
    """Calls on what the crowd holds, beside those of every endpoint."""
    there, one = crowded.world.bin_id, {"variant_id": VARIANT}
    zone = {"to_zone_id": crowded.world.empty_zone_id}
    lost = {"reason_code": "loss", "from_bucket": "reserved"}
    return [
        ("/putaway/record", {**one, **zone, "quantity": 3, "bucket": "reserved", "from_bin_id": there}),
        ("/adjustment/create", {**one, **lost, "delta": -2}),
        ("/adjustment/create", {**one, **lost, "delta": -1, "held_by_id": crowded.some[len(crowded.some) // 2]}),
        (
            "/adjustment/import",
            {"reason_code": "loss", "lines": [{**one, "bucket": "reserved", "delta": -1}, {**one, "delta": 2}]},
        ),
        ("/reservation/extend", {"reservation_id": crowded.some[0]}),
        ("/reservation/release", {"reservation_id": crowded.some[1]}),
        ("/allocation/create", {"reservation_id": crowded.some[2], "quantity": 1, "order_ref": "O-9"}),
        ("/commit/create", {"reservation_id": crowded.some[3], "quantity": 1, "order_ref": "O-9"}),
        ("/serial/assign", {**one, "serials": ["SN-9"]}),
        ("/bin/update", {"bin_id": there, "capacity": 900_000}),
        ("/zone/update", {"zone_id": crowded.world.zone_id, "purpose": "storage"}),
        ("/receive/record", {"lines": [{**one, "quantity": 2, "bin_id": there}]}),
    ]


async def count_short(crowded: Crowded) -> None:
    """A count that finds fewer units than are promised at the crowd's place, approved."""
    made = await crowded.do("/count/create", lines=[{"variant_id": VARIANT, "bin_id": crowded.world.bin_id}])
    about = {"count_id": made["count"]["count_id"]}
    there = (await crowded.do("/stock/list", variant_ids=[VARIANT], bin_id=crowded.world.bin_id))["items"][0]["on_hand"]
    counted = [{"line_no": 1, "counted": there - min(UNITS_LOST, there // 2)}]
    await crowded.do("/count/submit", **about, lines=counted)
    await crowded.do("/count/approve", **about)


async def audited(ics: ServiceClient) -> AuditAnswer:
    """What the auditor finds in the client's org."""
    assert ics.caller is not None
    runtime = ics.application.runtime
    call = Call(caller=SYSTEM, name="audit-ledger", request_id="audit", started_utc=runtime.clock.now())
    answer = await audit_ledger(runtime.units, call, AuditParams(orgcode=ics.caller.orgcode))
    assert isinstance(answer, AuditAnswer)
    return answer


async def check_books(ics: ServiceClient) -> None:
    """The ledger agrees with its entries, and every promise with itself."""
    assert (await audited(ics)).differences == []
    assert ics.caller is not None
    ours = {"orgcode": ics.caller.orgcode}
    promises = [each for entity in (RESERVATIONS, ALLOCATIONS, COMMITS) for each in await records(ics, entity, ours)]
    check_counters(promises, await records(ics, RECEIPTS, ours))


class HeldLoop:
    """How long calls held the event loop, by their paths: the CPU seconds of the longest callback."""

    def __init__(self) -> None:
        self._longest: list[tuple[float, str, str]] = []

    async def by(self, path: str, call: Callable[[], Awaitable[T]]) -> T:
        """The answer of a call, measured."""
        with callbacks_of(asyncio.get_running_loop()) as callbacks:
            answer = await call()
        self._longest.append((callbacks.longest, path, callbacks.held_by))
        return answer

    def check(self, seconds: float) -> None:
        """Fail if a callback took more CPU time than this on the reference machine."""
        allowed = cpu_stretched(seconds)
        assert self._longest, "no call was measured"
        over = [f"{path} {1000 * cpu:.1f} ms: {by}" for cpu, path, by in sorted(self._longest) if cpu > allowed]
        assert over == []


def check_work(path: str, work: Work) -> None:
    """However large the crowd, a call reads a bounded number of promises, and one transaction touches a bounded number
    of them and makes a bounded number of entries."""
    assert work.most_written[PROMISES.collection] <= HOLDERS_MAX + 20, (path, work)
    assert work.most_written[ENTRIES.collection] <= ENTRIES_MAX, (path, work)
    # Nothing is promised yet when a call finds out that it needs a transaction of its own: it then reads once more.
    if path != "/snapshot/create":
        assert work.read[PROMISES.collection] <= 2 * (HOLDERS_MAX + 20), (path, work)


@pytest.mark.parametrize("crowd", CROWDS)
async def test_every_change_is_answered_and_the_books_are_right(
    ics: ServiceClient, clock: FixedClock, crowd: str
) -> None:
    crowded = await CROWDS[crowd](ics, clock)
    await check_books(ics)
    neighbours = Neighbours(ics)
    await neighbours.move_in()
    held = HeldLoop()
    with counted_work() as work:
        await held.by("/count/approve", lambda: count_short(crowded))
    check_work("/count/approve", work)
    refused: set[str] = set()
    waited: list[str] = []
    with collecting_as_in_a_service():
        for path, body in [*moves_of(crowded), *((each.path, BODIES[each.call](crowded.world)) for each in CHANGES)]:
            ask = partial(held.by, path, partial(crowded.ask, path, **body))
            with counted_work() as work:
                answer, wrong = await neighbours.beside(ask)
            assert answer.status in {200, 409}, (path, body, answer)
            if answer.status == 409:
                refused.add(path)
            check_work(path, work)
            waited += [f"{path}: {each}" for each in wrong]
    assert refused == REFUSED[crowd]
    assert waited == []
    assert neighbours.calls >= len(CHANGES)
    held.check(CALLER_SECONDS)
    await check_books(ics)

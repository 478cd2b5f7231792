"""What a page of a list reads: the same among hundreds of others as among thousands, by commands and documents."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import pytest

from chassis.clock import Date, FixedClock
from chassis.entity import Entity
from chassis.mongo.collection import Collection
from chassis.mongo.composite_reads import FILTERED_CHUNKS_MAX
from chassis.testing.client import ServiceClient
from chassis.values import PAGE_ITEMS_MAX
from services.ics.allocation.store import ALLOCATIONS
from services.ics.commit.store import COMMITS
from services.ics.consignment.store import CONSIGNMENTS
from services.ics.count.store import COUNTS
from services.ics.ledger.store import ENTRIES
from services.ics.reservation.store import RESERVATIONS
from services.ics.serial.store import SERIALS
from services.ics.stock.lots import CHUNK_LOTS_MAX, CHUNKS_MAX
from tests.ics.crowds import crowd_like
from tests.ics.floor import Floor

Record = dict[str, Any]
FEW, MANY = 300, 2_000
LIMIT = 10
WINDOWS_MAX = 12
"""Most windows of time in which one page is read on an engine that reads whole ranges."""


class Cost(NamedTuple):
    """What was read."""

    commands: int
    documents: int


class Reads:
    """Counts the commands that read, and the documents they gave."""

    def __init__(self) -> None:
        self.sizes: list[int] = []

    async def cost(self, client: ServiceClient, path: str, asked: Mapping[str, Any]) -> tuple[Cost, Record]:
        """What a call reads, and its answer."""
        self.sizes.clear()
        answer = await client.post(path, **asked)
        assert answer.status == 200, (path, asked, answer)
        return Cost(len(self.sizes), sum(self.sizes)), answer.data


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> Reads:
    """Everything that is read while the test runs; nothing else calls this service meanwhile."""
    seen = Reads()
    real_read, real_batches = Collection._read, Collection.batches

    async def read(self: Collection, command: Any, session: Any) -> list[Record]:
        found = await real_read(self, command, session)
        if self.name not in {"jobs", "leases", "events", "relays", "work"}:
            seen.sizes.append(len(found))
        return found

    async def batches(self: Collection, *given: Any, **named: Any) -> Any:
        async for batch in real_batches(self, *given, **named):
            seen.sizes.append(len(batch))
            yield batch

    monkeypatch.setattr(Collection, "_read", read)
    monkeypatch.setattr(Collection, "batches", batches)
    return seen


async def _measured(
    ics: ServiceClient, reads: Reads, path: str, questions: Sequence[Record]
) -> list[tuple[Cost, Record]]:
    return [await reads.cost(ics, path, {"logical_guid": None, "limit": LIMIT, **asked}) for asked in questions]


async def _same_cost(ics: ServiceClient, reads: Reads, path: str, questions: Sequence[Record], grow: Any) -> None:
    """Pages cost the same after the crowd has grown, and what was rare is found all the same."""
    await grow(FEW)
    few = await _measured(ics, reads, path, questions)
    await grow(MANY)
    many = await _measured(ics, reads, path, questions)
    for asked, (before, _), (after, answer) in zip(questions, few, many, strict=True):
        assert after.documents <= max(before.documents, 2 * (LIMIT + 1)) + LIMIT, (path, asked, before, after)
        assert after.commands <= WINDOWS_MAX, (path, asked, after)
        assert answer["items"], (path, asked)


@pytest.mark.parametrize(
    ("entity", "ref"), [(RESERVATIONS, "demand_ref"), (ALLOCATIONS, "order_ref"), (COMMITS, "order_ref")]
)
async def test_a_page_of_promises_costs_the_same_among_thousands(
    ics: ServiceClient, clock: FixedClock, reads: Reads, entity: Entity[Any], ref: str
) -> None:
    noun = entity.name
    floor = Floor(ics, "V-1")
    await floor.stocked(20)

    async def make(order: str) -> Record:
        if noun == "reservation":
            return await floor.reserve(1, demand_ref=order)  # type: ignore[no-any-return]
        path = "/allocation/create" if noun == "allocation" else "/commit/create-direct"
        made = await floor.do(path, variant_id="V-1", quantity=1, order_ref=order, channel_code="WEB")
        return made[noun]  # type: ignore[no-any-return]

    rare, one = await make("RARE"), await make("CROWD")

    async def grow(size: int) -> None:
        await crowd_like(ics, entity, one[entity.id], size, now=clock.now())

    rare_status = "active" if noun != "commit" else "open"
    questions: list[Record] = [
        {},
        {ref: "RARE"},
        {ref: "RARE", "status": rare_status, "channel_code": "WEB"},
        {"variant_id": "V-1", "logical_guid": "FAC-A"},
        {"logical_guid": "FAC-A", "status": rare_status},
        {"channel_code": "WEB"},
        {"status": rare_status},
    ]
    await _same_cost(ics, reads, f"/{noun}/list", questions, grow)
    # Ended ones are behind the crowd, and no key of theirs is among its keys.
    named = {entity.id: rare[entity.id], "expected_revision": 1}
    await floor.do(f"/{noun}/release", **named)
    await _same_cost(ics, reads, f"/{noun}/list", [{"status": "released"}], grow)


async def test_what_no_key_covers_is_looked_for_in_bounded_steps(
    ics: ServiceClient, clock: FixedClock, reads: Reads
) -> None:
    floor = Floor(ics, "V-1")
    await floor.stocked(20)
    rare = await floor.reserve(1, demand_type="quote")
    one = await floor.reserve(1)
    steps = FILTERED_CHUNKS_MAX * (PAGE_ITEMS_MAX + 1)
    for _ in range(2):
        await crowd_like(ics, RESERVATIONS, one["reservation_id"], 2 * steps, now=clock.now())

    cost, page = await reads.cost(ics, "/reservation/list", {"demand_type": "quote", "limit": LIMIT})
    assert cost.documents <= 2 * steps
    assert (page["items"], page["next_token"] is None) == ([], False), "an early end, with a token to go on"
    found: list[Record] = []
    while page["next_token"]:
        asked = {"demand_type": "quote", "limit": LIMIT, "next_token": page["next_token"]}
        cost, page = await reads.cost(ics, "/reservation/list", asked)
        assert cost.documents <= 2 * steps
        found += page["items"]
    assert found == [rare]


async def test_a_page_of_counts_costs_the_same_among_thousands(
    ics: ServiceClient, clock: FixedClock, reads: Reads
) -> None:
    floor = Floor(ics, "V-1")
    await floor.do("/count/create", lines=[{"variant_id": "V-1"}])
    done = (await floor.do("/count/create", lines=[{"variant_id": "V-2"}]))["count"]
    named = {"count_id": done["count_id"], "expected_revision": 1, "reason": "never mind"}
    await floor.do("/count/reject", **named)

    async def grow(size: int) -> None:
        await crowd_like(ics, COUNTS, done["count_id"], size, now=clock.now())

    questions: list[Record] = [{}, {"variant_id": "V-1"}, {"status": "counting"}, {"variant_id": "V-2"}]
    questions += [{"logical_guid": "FAC-A", "status": "rejected"}, {"logical_guid": "FAC-A"}]
    await _same_cost(ics, reads, "/count/list", questions, grow)


async def test_a_page_of_consignments_costs_the_same_among_thousands(
    ics: ServiceClient, clock: FixedClock, reads: Reads
) -> None:
    floor = Floor(ics, "V-1")
    cost = {"amount": "1.00", "currency": "EUR"}
    goods = {"variant_id": "V-1", "quantity": 5, "unit_cost": cost}
    owing = (await floor.do("/consignment/receive", **goods, consignor_ref="ANNA"))["consignment"]
    named = {"consignment_id": owing["consignment_id"], "expected_revision": 1}
    await floor.do("/consignment/consume", **named, quantity=2)
    one = (await floor.do("/consignment/receive", **goods, consignor_ref="BERT"))["consignment"]

    async def grow(size: int) -> None:
        await crowd_like(ics, CONSIGNMENTS, one["consignment_id"], size, now=clock.now())

    questions: list[Record] = [{}, {"consignor_ref": "ANNA"}, {"owing": True}, {"owing": False}]
    questions += [{"consignor_ref": "BERT", "owing": False}, {"variant_id": "V-1", "logical_guid": "FAC-A"}]
    # What is owed is added up from those with units owed for, of which there is one.
    await _same_cost(ics, reads, "/consignment/list", questions, grow)


async def test_an_order_costs_the_same_among_thousands_of_others(
    ics: ServiceClient, clock: FixedClock, reads: Reads
) -> None:
    floor = Floor(ics, "V-1")
    await floor.stocked(20)
    await floor.commit(2, order_ref="RARE")
    await floor.reserve(1, demand_ref="RARE")
    other = await floor.commit(1, order_ref="CROWD")
    (entry,) = await floor.cards(order_ref="CROWD")
    costs: list[Cost] = []
    for size in (FEW, MANY):
        await crowd_like(ics, COMMITS, other["commit_id"], size, now=clock.now())
        await crowd_like(ics, ENTRIES, entry["entry_id"], size, now=clock.now(), item_seq=lambda number: 10**6 + number)
        cost, order = await reads.cost(ics, "/order/view", {"order_ref": "RARE"})
        assert (len(order["commits"]), len(order["reservations"]), len(order["entries"])) == (1, 1, 2)
        costs.append(cost)
    assert max(each.documents for each in costs) <= 2 * LIMIT
    assert costs[1].commands <= WINDOWS_MAX


async def test_a_page_of_lots_costs_the_same_among_thousands(
    ics: ServiceClient, clock: FixedClock, reads: Reads
) -> None:
    floor, other = Floor(ics, "V-1"), Floor(ics, "V-2")
    await floor.policy(qc="skip")
    await floor.stocked(5, lot_code="SOON", expiry_date="2026-03-20")
    await other.stocked(5, lot_code="LATE", expiry_date="2035-01-01")
    assert ics.caller is not None
    serials = ics.application.runtime.database.collection(SERIALS.collection)
    (late,) = await serials.find({"orgcode": ics.caller.orgcode, "lot_code": "LATE"})
    made = 0

    async def grow(size: int) -> None:
        nonlocal made
        start, made = made, made + size
        day = lambda number: str(Date(f"203{(start + number) % 10}-0{1 + (start + number) % 9}-11"))  # noqa: E731
        changes: Record = {"lot_code": lambda number: f"L-{start + number}"}
        changes["number"] = changes["lot_code"]
        changes |= {"expiry_date": day, "lot_expiry": day}
        await crowd_like(ics, SERIALS, late["_id"], size, now=clock.now(), **changes)

    questions: list[Record] = [
        {"expires_by": "2026-04-01"},
        {"variant_id": "V-1"},
        {"lot_code": "LATE"},
        {"variant_id": "V-1", "sellable": True},
    ]
    await _same_cost(ics, reads, "/stock/lot/list", questions, grow)
    # Of the crowd no lot has units: a page reads a limited number of lots, and ends early.
    cost, page = await reads.cost(ics, "/stock/lot/list", {"variant_id": "V-2", "limit": LIMIT})
    assert cost.documents <= CHUNKS_MAX * (CHUNK_LOTS_MAX + 2)
    assert page["next_token"] is not None

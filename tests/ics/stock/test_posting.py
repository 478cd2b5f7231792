"""A posting writes everything at the end of its block, or nothing."""

from typing import cast

import pytest

from chassis.errors import InvalidState
from chassis.unit import Change
from services.ics.ledger.balance import NO_LANDING
from services.ics.ledger.leg import Leg
from services.ics.ledger.store import ENTRIES, ITEMS
from services.ics.stock.posting import LedgerPosting, posting
from tests.ics.given import VARIANT
from tests.ics.memory import Memory, MemoryChange


async def receive(p: LedgerPosting, units: int = 5) -> None:
    """Units come in, available at once."""
    item = await p.open(VARIANT)
    p.move("receive", units, "supplier", Leg(item, "available", p.land(item, NO_LANDING, None)))


def test_a_posting_is_written_behind_the_call_s_own_event() -> None:
    memory = Memory()

    async def handler(change: MemoryChange) -> tuple[int, str]:
        async with posting(cast(Change, change), "receive", "R1") as p:
            await receive(p)
            change.emit("ics.receive.recorded", "R1")
            return p.balances[0].on_hand, p.operation.operation_id

    on_hand, operation_id = memory.change(handler)

    assert on_hand == 5
    assert [item.available for item in memory.all(ITEMS)] == [5]
    assert [(entry.document_id, entry.operation_id) for entry in memory.all(ENTRIES)] == [("R1", operation_id)]
    assert [(event, body.get("operation_id")) for event, _, body in memory.events] == [
        ("ics.receive.recorded", None),
        ("ics.stock.changed", operation_id),
    ]


def test_a_refusal_inside_a_posting_writes_nothing() -> None:
    memory = Memory()
    seen: list[MemoryChange] = []

    async def handler(change: MemoryChange) -> None:
        seen.append(change)
        async with posting(cast(Change, change), "receive", "R1") as p:
            await receive(p)
            raise InvalidState("no", status="full")

    with pytest.raises(InvalidState):
        memory.change(handler)

    assert (seen[0].written, seen[0].told) == ({}, [])


def test_no_entry_is_made_before_or_behind_the_block() -> None:
    memory = Memory()

    async def behind(change: MemoryChange) -> None:
        async with posting(cast(Change, change), "receive", "R1") as p:
            await receive(p)
        await receive(p)

    async def before(change: MemoryChange) -> None:
        await receive(posting(cast(Change, change), "receive", "R1"))

    for handler in (behind, before):
        with pytest.raises(AssertionError, match="before the posting is written"):
            memory.change(handler)


def test_a_posting_without_entries_leaves_no_trace() -> None:
    memory = Memory()

    async def handler(change: MemoryChange) -> None:
        async with posting(cast(Change, change), "receive", "R1") as p:
            await p.open(VARIANT)

    memory.change(handler)

    assert (memory.store, memory.events) == ({}, [])

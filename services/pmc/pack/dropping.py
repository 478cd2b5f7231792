"""Removing the rows of a version that is not to be: one that is rejected, or one whose creation never ended."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from chassis.caller import Call
from chassis.entity import Entity
from chassis.unit import Change, Units
from services.pmc.pack.store import BODIES, HEADERS, ITEMS, STYLES

BODIES_AT_ONCE = 20
ROWS_AT_ONCE = 400

Begin = Callable[[Change], Awaitable[None]]
"""What each transaction begins with."""


async def drop_rows(units: Units, call: Call, store_id: str, begin: Begin) -> None:
    """Remove all rows of a store, some at a time. Index: store; id for the header."""
    for entity, at_once in ((BODIES, BODIES_AT_ONCE), (STYLES, ROWS_AT_ONCE), (ITEMS, ROWS_AT_ONCE)):
        keys: list[str] = []
        async with units.snapshot_reader(call, moment=False) as reader:
            async for documents in reader.parts(entity, {"store_id": store_id}, fields=[entity.id]):
                keys += [each["_id"] for each in documents]
        for start in range(0, len(keys), at_once):
            await units.change(call, _dropping(entity, keys[start : start + at_once], begin), emits=())
    await units.change(call, _dropping(HEADERS, [store_id], begin), emits=())


def _dropping(entity: Entity[Any], record_ids: Sequence[str], begin: Begin) -> Callable[[Change], Awaitable[None]]:
    async def drop(change: Change) -> None:
        await begin(change)
        for record in (await change.get_many(entity, record_ids)).values():
            await change.delete(entity, record)

    return drop

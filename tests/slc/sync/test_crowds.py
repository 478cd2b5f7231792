"""Crowds to be synced: a policy that concerns a whole channel, and a style of two thousand variants.

Costs are counted: rows of a transaction, levels of a call. `SLC_LONG=1` takes the sizes of the contract.
"""

import os
from typing import Any
from unittest.mock import patch

from services.slc.job import work as bites
from services.slc.job.domain import Reason
from services.slc.job.store import NOTE_ROWS, ManyVariants, note_many
from services.slc.job.store import note as note_rows
from services.slc.sync.recording import BITE_ROWS, EndingWriter
from tests.slc.sync.given import SECONDS, Shopfloor
from tests.waiting import until

LONG = bool(os.environ.get("SLC_LONG"))
CROWD = 50_000 if LONG else 1_500
STYLE = 2_048 if LONG else 120
ADDED_AT_ONCE = 500
LEVELS_MAX = 100
NOTED_MAX = 500


async def listed(floor: Shopfloor, variant_ids: list[str]) -> None:
    """Put variants on the list."""
    for start in range(0, len(variant_ids), ADDED_AT_ONCE):
        part = variant_ids[start : start + ADDED_AT_ONCE]
        answer = await floor.slc.ask("variants/add", channel_id=floor.channel["channel_id"], variant_ids=part)
        assert answer.status == 200, answer


async def tally(floor: Shopfloor) -> dict[str, int]:
    """How many variants are in each state."""
    found: dict[str, int] = (await floor.slc.again(floor.channel))["variants"]
    return found


async def test_a_crowd_is_noted_in_bites_and_stock_that_falls_does_not_wait_for_it(floor: Shopfloor) -> None:
    floor.publish("v1", stock=5)
    await floor.open("v1")
    await floor.synced("v1")
    await floor.act("channel/deactivate")
    await listed(floor, [f"crowd-{number:05d}" for number in range(CROWD)])
    sizes: list[int] = []

    async def counted(change: Any, channel: Any, rows: Any, reason: Reason) -> Any:
        sizes.append(len(rows))
        return await note_rows(change, channel, rows, reason)

    with patch.object(bites, "note", counted):
        # Both: the activation, and an event that concerns everything.
        await floor.act("channel/activate")

        async def policy(change: Any) -> None:
            await note_many(change, "policy", ManyVariants(channel_id=floor.channel["channel_id"], cause="stock"))

        await floor.change(policy)
        await until(lambda: len(sizes) > 1, SECONDS)
        floor.stock("v1", 3)
        await floor.note("v1", cause="stock", inventory_only=True, lane="fast")
        await until(lambda: floor.standin.available("SKU-V1") == 3, SECONDS)
        waiting = await tally(floor)
        assert waiting["waiting"] < CROWD, "the crowd was done first"

        await until(lambda: sum(sizes) >= 2 * (CROWD + 1), SECONDS * (1 + CROWD // 500))
    assert max(sizes) <= NOTE_ROWS <= NOTED_MAX
    await floor.act("channel/deactivate")


async def test_a_large_style_is_one_product_and_its_quantities_go_many_a_call(floor: Shopfloor) -> None:
    variant_ids = [f"v-{number:04d}" for number in range(STYLE)]
    floor.publish(*variant_ids, stock=5)
    await floor.open()
    await listed(floor, variant_ids)

    async def all_synced() -> bool:
        return (await tally(floor))["synced"] == STYLE

    stored: list[int] = []
    write = EndingWriter.write

    async def counted(writer: EndingWriter, change: Any, endings: Any, calls: Any) -> None:
        stored.append(len(endings))
        await write(writer, change, endings, calls)

    with patch.object(EndingWriter, "write", counted):
        await until(all_synced, SECONDS * (2 + STYLE // 8), lambda: str(floor.standin.log[-3:]))
    [product] = floor.standin.shop.products.values()
    assert len(product.variants) == STYLE
    assert max(stored) <= BITE_ROWS
    searches = [each for each in floor.standin.log if "productVariants" in each.fields]
    assert len(searches) <= STYLE // 10
    floor.standin.log.clear()

    for each in variant_ids:
        floor.stock(each, 4)

    async def policy(change: Any) -> None:
        channel_id = floor.channel["channel_id"]
        await note_many(change, "policy", ManyVariants(channel_id=channel_id, cause="stock", inventory_only=True))

    await floor.change(policy)
    skus = [f"SKU-{each}".upper() for each in variant_ids]
    await until(lambda: {floor.standin.available(sku) for sku in skus} == {4}, SECONDS * (1 + STYLE // 50))

    calls = [each.variables["input"]["quantities"] for each in floor.standin.writes("inventorySetQuantities")]
    assert sum(len(each) for each in calls) == STYLE
    assert max(len(each) for each in calls) <= LEVELS_MAX
    assert len(calls) < STYLE // 4
    assert floor.standin.writes("productSet") == []

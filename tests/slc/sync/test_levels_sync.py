"""Quantities against a shop that loses answers, moves by itself and refuses entries."""

import pytest

from tests.shop.faults import Fault
from tests.slc.sync.given import SECONDS, Shopfloor
from tests.waiting import until

LEVELS = 250


async def ready(floor: Shopfloor, *variant_ids: str, units: int = 5) -> None:
    """An active channel in step; the shop's log begins anew."""
    floor.publish(*variant_ids, stock=units)
    await floor.open(*variant_ids)
    await floor.synced(*variant_ids)
    floor.standin.log.clear()


async def stock(floor: Shopfloor, units: int, *variant_ids: str) -> None:
    """ICS promises the given number of units from now on."""
    for each in variant_ids:
        floor.stock(each, units)
    await floor.note(*variant_ids, cause="stock", inventory_only=True, lane="fast")


async def test_a_lost_answer_is_resolved_by_the_same_call_with_the_same_key(floor: Shopfloor) -> None:
    await ready(floor, "v1")
    floor.standin.faults.add(Fault(field="inventorySetQuantities", lost=True, times=1))

    await stock(floor, 3, "v1")
    await until(lambda: len(floor.standin.writes("inventorySetQuantities")) == 2, SECONDS)
    await floor.synced("v1")

    first, second = floor.standin.writes("inventorySetQuantities")
    assert first.variables == second.variables
    assert floor.standin.available("SKU-V1") == 3
    assert (await floor.row("v1")).levels[0].baseline == 3


async def test_a_call_that_never_arrived_is_made_again(floor: Shopfloor) -> None:
    await ready(floor, "v1")
    floor.standin.faults.add(Fault(field="inventorySetQuantities", status=503, times=2))

    await stock(floor, 8, "v1")

    await until(lambda: floor.standin.available("SKU-V1") == 8, SECONDS)
    await floor.synced("v1")
    keys = {each.variables["key"] for each in floor.standin.log if "inventorySetQuantities" in each.fields}
    assert len(keys) == 1


async def test_a_silent_sale_is_never_given_back(floor: Shopfloor) -> None:
    await ready(floor, "v1")
    floor.standin.trade.sell({"SKU-V1": 1}, silent=True)

    await stock(floor, 4, "v1")
    await until(lambda: floor.standin.available("SKU-V1") == 3, 2 * SECONDS)

    writes = floor.standin.writes("inventorySetQuantities")
    entries = [each.variables["input"]["quantities"][0] for each in writes]
    assert [(each["quantity"], each["changeFromQuantity"]) for each in entries] == [(4, 5)] * 4 + [(3, 4)]
    assert len({each.variables["key"] for each in writes}) == 5

    async def level() -> bool:
        kept = (await floor.row("v1")).levels[0]
        return (kept.baseline, kept.unseen) == (3, 1)

    await until(level, SECONDS, "what was written is not kept")


async def test_one_refused_level_of_many_holds_up_no_other(floor: Shopfloor) -> None:
    variant_ids = [f"v{number}" for number in range(8)]
    await ready(floor, *variant_ids)
    floor.standin.levels.refused[floor.standin.shop.by_sku("SKU-V3").item.id] = "That is too much."

    await stock(floor, 7, *variant_ids)
    row = await floor.state("v3", "failed")
    others = [each for each in variant_ids if each != "v3"]
    await until(lambda: {floor.standin.available(f"SKU-{each.upper()}") for each in others} == {7}, SECONDS)

    assert row.last_error is not None
    assert row.last_error.message == "That is too much."


async def test_of_250_levels_one_is_refused_and_249_are_right(floor: Shopfloor) -> None:
    """250 levels of which one is refused: 249 right, one variant failed with Shopify's message."""
    variant_ids = [f"v{number:03d}" for number in range(LEVELS)]
    await ready(floor, *variant_ids)
    floor.standin.levels.refused[floor.standin.shop.by_sku("SKU-V123").item.id] = "That is too much."
    others = [each for each in variant_ids if each != "v123"]

    await stock(floor, 7, *variant_ids)
    row = await floor.state("v123", "failed")
    shown = [f"SKU-{each}".upper() for each in others]
    await until(lambda: {floor.standin.available(sku) for sku in shown} == {7}, 2 * SECONDS)
    await floor.synced(*others)

    assert row.last_error is not None
    assert row.last_error.message == "That is too much."
    assert floor.standin.available("SKU-V123") == 5
    accepted = floor.standin.writes("inventorySetQuantities")
    assert max(len(each.variables["input"]["quantities"]) for each in accepted) <= 100


@pytest.mark.parametrize("code", ["THROTTLED", "INTERNAL_SERVER_ERROR"])
async def test_a_shop_that_is_throttled_or_fails_once_is_in_step_in_the_end(floor: Shopfloor, code: str) -> None:
    await ready(floor, "v1")
    floor.standin.faults.add(Fault(field="inventorySetQuantities", code=code, times=1))

    await stock(floor, 2, "v1")

    await until(lambda: floor.standin.available("SKU-V1") == 2, SECONDS)
    await floor.synced("v1")


async def test_a_dead_token_pauses_the_channel_and_a_good_one_ends_the_pause(floor: Shopfloor) -> None:
    await ready(floor, "v1")
    floor.standin.shop.tokens.clear()

    await stock(floor, 2, "v1")

    async def state() -> str:
        return str((await floor.slc.again(floor.channel))["state"])

    async def paused() -> bool:
        return await state() == "paused"

    await until(paused, SECONDS)
    channel = await floor.slc.again(floor.channel)
    assert (channel["pause"]["by"], channel["pause"]["code"]) == ("system", "credentials")
    floor.standin.token("shpat_good_0002")
    rotated = await floor.slc.ask(
        "credentials/rotate",
        channel_id=channel["channel_id"],
        expected_revision=channel["revision"],
        access_token="shpat_good_0002",
    )
    assert rotated.status == 200, rotated
    await until(lambda: floor.standin.available("SKU-V1") == 2, SECONDS)

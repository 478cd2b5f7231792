"""The start of a day: quantities whose units have passed their date are synced, though no event says so."""

from typing import Any

from tests.slc.sync.given import SECONDS, Shopfloor
from tests.waiting import until


async def dates_pass(floor: Shopfloor) -> int:
    """Run the job for the org; how many channels it looks through."""
    jobs = floor.slc.client.application.runtime.jobs
    answer: Any = await jobs.run("shelf_dates", {"orgcode": floor.orgcode}, dry_run=False)
    return int(answer.channels)


async def test_only_quantities_that_changed_with_the_date_are_written(floor: Shopfloor) -> None:
    floor.publish("v1", "v2", "v3", stock=9)
    await floor.open("v1", "v2", "v3")
    await floor.synced("v1", "v2", "v3")
    floor.stock("v1", 4)
    floor.stock("v3", 12)
    floor.standin.log.clear()

    assert await dates_pass(floor) == 1

    await until(lambda: [floor.standin.available(f"SKU-V{n}") for n in (1, 2, 3)] == [4, 9, 12], SECONDS)
    await floor.synced("v1", "v3")
    written = [each for call in floor.standin.writes() for each in call.variables["input"]["quantities"]]
    assert sorted(each["quantity"] for each in written) == [4, 12]


async def test_a_channel_without_inventory_is_left_alone(floor: Shopfloor) -> None:
    floor.publish("v1", stock=9)
    await floor.open("v1", sync_fields=["title", "price", "options", "sku"])
    await floor.synced("v1")

    assert await dates_pass(floor) == 0

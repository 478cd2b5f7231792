"""Every row of the table of Shopify's errors, put to a running channel: what becomes of the job and of the channel."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from chassis.unit import Change
from services.slc.job.domain import DEATHS_MAX, taken
from services.slc.job.store import JOBS, wake_workers
from tests.shop.faults import Fault
from tests.slc.sync.given import SECONDS, Shopfloor
from tests.waiting import until

FACTS = Path("docs/contract/shopify-facts.md")
SET = "inventorySetQuantities"
UPDATE = "productVariantsBulkUpdate"
GONE = {"field": ["productId"], "message": "it is gone"}

Check = Callable[[Shopfloor], Awaitable[None]]


def rows_of_the_table() -> list[str]:
    """The first cell of each row under "Errors"."""
    text = FACTS.read_text(encoding="utf-8").partition("\n## Errors\n")[2].partition("\n## ")[0]
    cells = [line.split("|")[1].strip() for line in text.splitlines() if line.startswith("| ")]
    return [each for each in cells if each not in {"where", "---"}]


def calls(floor: Shopfloor, field: str = SET) -> list[Any]:
    """The requests for one mutation, whatever became of them."""
    return [each for each in floor.standin.log if field in each.fields]


def entry(code: str, name: str = "inventoryItemId") -> dict[str, Any]:
    """A userError about the first level of a batch."""
    return {"field": ["input", "quantities", "0", name], "message": f"told {code}", "code": code}


async def attempts(floor: Shopfloor) -> int:
    """Attempts that were counted for this org's jobs."""
    answer = await floor.slc.ask("channel/stats", channel_id=floor.channel["channel_id"], period="1h")
    totals = answer.data["stats"]["totals"]
    return int(totals["jobs_retried"] + totals["jobs_dead"])


async def written(floor: Shopfloor) -> None:
    """The change arrives in the end."""
    await until(lambda: floor.standin.available("SKU-V1") == 3, SECONDS, lambda: str(floor.standin.log[-3:]))
    await floor.synced("v1")


async def _paused(floor: Shopfloor, code: str) -> None:
    async def paused() -> bool:
        return bool((await floor.slc.again(floor.channel))["state"] == "paused")

    await until(paused, SECONDS)
    pause = (await floor.slc.again(floor.channel))["pause"]
    assert (pause["by"], pause["code"]) == ("system", code)
    seen = len(floor.standin.log)
    await floor.note("v1", cause="stock", inventory_only=True, lane="fast")
    row = await floor.row("v1")
    assert (row.sync_state, await attempts(floor), len(floor.standin.log)) == ("queued", 0, seen)


async def credentials(floor: Shopfloor) -> None:
    """Channel-wide, stop."""
    await _paused(floor, "credentials")


async def shop_unavailable(floor: Shopfloor) -> None:
    """Channel-wide, stop."""
    await _paused(floor, "shop_unavailable")


async def waited(floor: Shopfloor) -> None:
    """Not counted as an attempt."""
    await written(floor)
    assert await attempts(floor) == 0


async def same_key(floor: Shopfloor) -> None:
    """Tried again with the same key, counted."""
    await written(floor)
    assert len(calls(floor)) > 1
    assert len({each.variables["key"] for each in calls(floor)}) == 1
    assert await attempts(floor) > 0


async def new_key(floor: Shopfloor) -> None:
    """Tried again with another key."""
    await written(floor)
    assert len({each.variables["key"] for each in calls(floor)}) == len(calls(floor)) > 1


async def refused(floor: Shopfloor) -> None:
    """Permanent: failed, no retry."""
    row = await floor.state("v1", "failed")
    assert row.last_error is not None
    assert row.last_error.code == "refused"
    assert len(calls(floor)) == 1


async def dead(floor: Shopfloor) -> None:
    """A defect of ours: a dead letter at once."""
    row = await floor.state("v1", "quarantined")
    assert row.last_error is not None
    assert (row.last_error.code, len(calls(floor))) == ("internal", 1)


async def matched_again(floor: Shopfloor) -> None:
    """The map is forgotten and made once more."""
    await written(floor)
    assert floor.standin.shop.by_sku("SKU-V1").price == "6.00"
    matching = {"product", "productByIdentifier", "productVariants"}
    assert any(matching & set(each.fields) for each in floor.standin.log)


async def never_written(floor: Shopfloor) -> None:
    """The quantity of a bundle follows from its parts."""
    await floor.synced("v1")
    await floor.note("v1", cause="stock", inventory_only=True, lane="fast")
    await floor.synced("v1")
    assert len(calls(floor)) == 1
    assert floor.standin.available("SKU-V1") == 5


CASES: dict[str, list[tuple[Fault, Check]]] = {
    "HTTP 401, 403": [(Fault(status=each), credentials) for each in (401, 403)],
    "HTTP 402, 423, 404 on the endpoint": [(Fault(status=each), shop_unavailable) for each in (402, 423, 404)],
    "HTTP 429, or `THROTTLED`": [
        (Fault(field=SET, status=429, times=1), waited),
        (Fault(field=SET, code="THROTTLED", times=1), waited),
    ],
    "HTTP 5xx, timeout, `INTERNAL_SERVER_ERROR`": [
        (Fault(field=SET, status=503, times=1), same_key),
        (Fault(field=SET, lost=True, times=1), same_key),
        (Fault(field=SET, code="INTERNAL_SERVER_ERROR", times=1), same_key),
    ],
    "`ACCESS_DENIED` in `errors[].extensions`": [(Fault(code="ACCESS_DENIED"), credentials)],
    "`userErrors: [{field, message, code?}]`": [(Fault(field=SET, user_error=entry("ANYTHING_ELSE")), refused)],
    "`CHANGE_FROM_QUANTITY_STALE`": [
        (Fault(field=SET, user_error=entry("CHANGE_FROM_QUANTITY_STALE", "changeFromQuantity"), times=1), new_key)
    ],
    "`IDEMPOTENCY_CONCURRENT_REQUEST`": [
        (Fault(field=SET, user_error=entry("IDEMPOTENCY_CONCURRENT_REQUEST"), times=1), same_key)
    ],
    "`IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED`": [
        (Fault(field=SET, user_error=entry("IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED"), times=1), new_key)
    ],
    "`IDEMPOTENCY_KEY_PARAMETER_MISMATCH`": [
        (Fault(field=SET, user_error=entry("IDEMPOTENCY_KEY_PARAMETER_MISMATCH")), dead)
    ],
    "`PRODUCT_DOES_NOT_EXIST`, `PRODUCT_VARIANT_DOES_NOT_EXIST`, `INVALID_INVENTORY_ITEM`, `INVALID_LOCATION`": [
        (Fault(field=UPDATE, user_error={**GONE, "code": "PRODUCT_DOES_NOT_EXIST"}, times=1), matched_again),
        (Fault(field=UPDATE, user_error={**GONE, "code": "PRODUCT_VARIANT_DOES_NOT_EXIST"}, times=1), matched_again),
        (Fault(field=SET, user_error=entry("INVALID_INVENTORY_ITEM"), times=1), matched_again),
        (Fault(field=SET, user_error=entry("INVALID_LOCATION"), times=1), matched_again),
    ],
    "`NON_MUTABLE_INVENTORY_ITEM`": [(Fault(field=SET, user_error=entry("NON_MUTABLE_INVENTORY_ITEM")), never_written)],
}


def test_the_walk_leaves_out_no_row() -> None:
    assert list(CASES) == rows_of_the_table()


def _id(case: tuple[Fault, Check]) -> str:
    fault, check = case
    said = fault.status or fault.code or (fault.user_error or {}).get("code") or "lost"
    return f"{said}-{check.__name__}"


@pytest.mark.parametrize("case", [each for cases in CASES.values() for each in cases], ids=_id)
async def test_each_row_has_its_effect(floor: Shopfloor, case: tuple[Fault, Check]) -> None:
    fault, check = case
    floor.publish("v1", stock=5)
    await floor.open("v1")
    await floor.synced("v1")
    floor.standin.log.clear()
    # Told anew, because faults count down.
    floor.standin.faults.add(Fault(**vars(fault)))

    floor.publish("v1", stock=3, price={"amount": "6", "currency": "EUR"})
    about_quantities = fault.field == SET and check is not matched_again
    await floor.note("v1", cause="stock", inventory_only=about_quantities, lane="fast")

    await check(floor)


async def test_pmc_out_of_reach_is_tried_again_and_counted(floor: Shopfloor) -> None:
    floor.publish("v1", stock=5)
    await floor.open("v1")
    await floor.synced("v1")
    floor.publish("v1", price={"amount": "6", "currency": "EUR"})
    floor.peers.pmc.down = True
    try:
        await floor.note("v1")
        row = await floor.state("v1", "quarantined")
    finally:
        floor.peers.pmc.down = False
    assert row.last_error is not None
    assert (row.last_error.code, row.last_error.attempts) == ("transient", 6)


async def test_ics_out_of_reach_is_tried_again_and_counted(floor: Shopfloor) -> None:
    floor.publish("v1", stock=5)
    await floor.open("v1")
    await floor.synced("v1")
    floor.stock("v1", 3)
    floor.peers.ics.down = True
    try:
        await floor.note("v1", cause="stock", inventory_only=True, lane="fast")
        row = await floor.state("v1", "quarantined")
    finally:
        floor.peers.ics.down = False
    assert row.last_error is not None
    assert (row.last_error.code, row.last_error.attempts) == ("transient", 6)
    assert floor.standin.available("SKU-V1") == 5


async def test_a_job_that_its_workers_die_on_is_poison(floor: Shopfloor) -> None:
    """Five workers in a row have vanished with it: quarantined, and no sixth one begins it."""
    floor.publish("v1", stock=5)
    await floor.open("v1")
    await floor.synced("v1")
    floor.standin.log.clear()
    row = await floor.row("v1")

    async def abandoned(change: Change) -> None:
        job = await change.load(JOBS, row.row_id)
        left = replace(taken(job, change.now, "levels"), deaths=DEATHS_MAX - 1, generation=job.generation + 1)
        await change.update(JOBS, left)
        await wake_workers(change, [(row, left)])

    await floor.change(abandoned)
    found = await floor.state("v1", "quarantined")

    assert found.last_error is not None
    assert found.last_error.code == "poison"
    assert floor.standin.log == []

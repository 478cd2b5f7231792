"""Webhooks about quantities: echoes are told by value, anything else is checked after a minute."""

from typing import Any

from chassis.clock import later
from chassis.unit import Change
from services.slc.variant.domain import OpenWrite, WrittenLevel
from services.slc.variant.store import OPEN_WRITES
from services.slc.words import number_of
from tests.slc.counter import Counter
from tests.slc.sync.given import SECONDS
from tests.waiting import until


async def ring(counter: Counter, variant_id: str, units: int) -> None:
    """The shop says that it shows the given number of units."""
    item = counter.standin.shop.by_sku(variant_id).item
    where = next(iter(counter.standin.shop.locations))
    body = {"inventory_item_id": number_of(item.id), "location_id": number_of(where), "available": units}
    counter.standin.hooks.ring("inventory_levels/update", body)
    await counter.deliver()


async def totals(counter: Counter) -> dict[str, Any]:
    answer = await counter.slc.ask("channel/stats", **counter.ids, period="1h")
    found: dict[str, Any] = answer.data["stats"]["totals"]
    return found


async def echoes(counter: Counter, number: int) -> None:
    """Wait until the given number of echoes are counted."""

    async def counted() -> bool:
        return bool((await totals(counter))["echoes"] == number)

    await until(counted, SECONDS)


async def test_each_webhook_of_the_quantity_we_wrote_counts_as_an_echo(counter: Counter) -> None:
    await counter.open()
    await counter.listed("v-1", 5)
    jobs = (await totals(counter))["jobs_enqueued"]
    for _ in range(3):
        await ring(counter, "v-1", 5)

    await echoes(counter, 3)
    assert (await totals(counter))["jobs_enqueued"] == jobs
    assert counter.standin.writes("inventorySetQuantities") == []


async def test_a_webhook_that_overtakes_the_answer_of_its_write_is_an_echo(counter: Counter) -> None:
    await counter.open()
    await counter.listed("v-2", 5)
    item, where = counter.standin.shop.by_sku("v-2").item, next(iter(counter.standin.shop.locations))
    level = WrittenLevel(variant_id="v-2", location_id=where, inventory_item_id=item.id, quantity=4, compared=5)

    async def open_write(change: Change) -> OpenWrite:
        opened = OpenWrite(
            key="k-2",
            channel_id=counter.channel["channel_id"],
            kind="set",
            variables="{}",
            levels=[level],
            stored_utc=change.now,
            next_utc=later(change.now, 3600),
        )
        return await change.insert(OPEN_WRITES, opened)

    async def answered(change: Change) -> None:
        await change.delete(OPEN_WRITES, await change.load(OPEN_WRITES, "k-2"))

    await counter.units.change(counter.call, open_write)
    await ring(counter, "v-2", 5)
    assert (await totals(counter))["echoes"] == 0
    await counter.units.change(counter.call, answered)

    await echoes(counter, 1)


async def test_the_quantity_of_a_sale_is_an_echo_once_the_order_is_booked(counter: Counter) -> None:
    await counter.open()
    await counter.listed("v-3", 5)
    # A sale changes the product as well, which would be an echo of its own.
    counter.standin.hooks.habits.dropped = {"products/update"}
    jobs = (await totals(counter))["jobs_enqueued"]
    await ring(counter, "v-3", 3)
    order = counter.standin.trade.sell({"v-3": 2})
    await counter.deliver()
    await counter.settled(order.id, "booked", committed=2)

    await echoes(counter, 2)
    assert (await totals(counter))["jobs_enqueued"] == jobs


async def test_a_request_about_a_customer_is_audited_without_its_contents(counter: Counter) -> None:
    await counter.open()
    body = {"shop_id": 1, "shop_domain": counter.domain, "customer": {"email": "canary@example.com"}}
    counter.standin.hooks.send_unsubscribed("customers/redact", body, "https://stack.example/slc/webhooks/shopify")
    await counter.deliver()

    found = await counter.audits("order.ignored")
    assert [(each.outcome, each.actor) for each in found] == [("recorded", "customers/redact")]
    assert "canary" not in repr(found)

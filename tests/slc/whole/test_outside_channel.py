"""What a tester sees of a channel from its statistics and after its end."""

from functools import partial
from typing import Any

from tests.slc.sync.given import SECONDS
from tests.slc.whole.given import Whole
from tests.waiting import until


def accepted(whole: Whole) -> dict[str, int]:
    """What the shop has accepted, by the counter that should say so."""
    standin = whole.standin
    levels = [
        entry for each in standin.writes("inventorySetQuantities") for entry in each.variables["input"]["quantities"]
    ]
    changed = [entry for each in standin.writes("productVariantsBulkUpdate") for entry in each.variables["variants"]]
    created = [entry for each in standin.writes("productSet") for entry in each.variables["input"]["variants"]]
    return {
        "shopify_calls": len(standin.log),
        "shopify_throttled": 0,
        "writes_inventory": len(levels) + len(standin.writes("inventoryActivate")),
        "writes_price": len([each for each in [*changed, *created] if "price" in each]),
        "products_created": len(standin.writes("productSet")),
        "orders_recorded": len(standin.shop.orders),
        "units_committed": 5,
        "units_released": 1,
    }


async def test_the_totals_are_the_sum_of_the_series_and_what_the_shop_has_counted(whole: Whole) -> None:
    """Totals of stats = sum of its series = what the stand-in counted."""
    # What the test does not deliver stays where it is.
    whole.standin.hooks.habits.held = True
    await whole.selling({"v-1": 20, "v-2": 20})
    rung = len(whole.standin.hooks.outbox)
    await whole.deliver()
    whole.publish("v-1", price={"amount": "17.5", "currency": "EUR"})
    await whole.slc.ask("channel/force-sync-variant", **whole.ids, variant_ids=["v-1"])
    await until(lambda: whole.standin.shop.by_sku("SKU-V-1").price == "17.50", SECONDS)
    await whole.stock("v-2", -3)
    await whole.shows("v-2", 17)
    first = whole.standin.trade.sell({"SKU-V-1": 2})
    order = whole.standin.trade.sell({"SKU-V-2": 3})
    rung += len(whole.standin.hooks.outbox)
    await whole.deliver()
    await whole.settled(first.id, "booked", committed=2)
    await whole.settled(order.id, "booked", committed=3)
    whole.standin.trade.refund(order.id, "SKU-V-2", 1)
    rung += len(whole.standin.hooks.outbox)
    await whole.deliver()
    await whole.settled(order.id, "booked", committed=2)
    await whole.synced("v-1")
    await whole.synced("v-2")

    for period in ("1h", "24h", "90d"):
        # What runs beside it, such as a catch-up, may call the shop between the two counts.
        await until(partial(equal, whole, rung, period), SECONDS, lambda: str((accepted(whole), rung)))


async def equal(whole: Whole, rung: int, period: str) -> bool:
    """Whether the totals of a period are the sum of its series, and what the shop has counted."""
    stats: dict[str, Any] = (await whole.slc.ask("channel/stats", **whole.ids, period=period)).data["stats"]
    totals, expected = stats["totals"], {**accepted(whole), "webhooks_received": rung}
    summed = {name: sum(each["totals"][name] for each in stats["series"]) for name in totals}
    return totals == summed and {name: totals[name] for name in expected} == expected


async def test_the_audit_outlives_the_channel(whole: Whole) -> None:
    """Delete when not inactive: 409; wrong phrase: 400; afterwards channel/get 404, audit/sku-history still answers."""
    await whole.selling({"v-1": 5})
    phrase = "DELETE CHANNEL WEB PERMANENTLY"
    whole.channel = await whole.slc.again(whole.channel)
    early = await whole.slc.ask("channel/delete", **whole.revised, confirmation_phrase=phrase)
    assert early.status == 409
    await whole.ask("channel/deactivate", **whole.revised)
    for wrong in (phrase.lower(), f"{phrase} ", phrase.replace("WEB", "WEB2")):
        refused = await whole.slc.ask("channel/delete", **whole.revised, confirmation_phrase=wrong)
        assert refused.status == 400, wrong
    before = (await whole.slc.ask("audit/sku-history", sku="SKU-V-1")).data["items"]
    assert before
    shown = (whole.standin.shop.by_sku("SKU-V-1").price, whole.standin.available("SKU-V-1"))

    gone = await whole.slc.ask("channel/delete", **whole.revised, confirmation_phrase=phrase)

    assert gone.status == 200, gone
    assert (await whole.slc.ask("channel/get", **whole.ids)).status == 404
    assert (await whole.slc.ask("audit/sku-history", sku="SKU-V-1")).data["items"] == before
    assert (whole.standin.shop.by_sku("SKU-V-1").price, whole.standin.available("SKU-V-1")) == shown

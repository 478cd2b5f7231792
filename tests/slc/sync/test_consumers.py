import itertools
from typing import Any

import msgspec

from chassis.clock import SystemClock
from chassis.consumer import Event
from chassis.ids import new_id
from chassis.unit import Change
from services.slc.job.domain import SyncJob
from services.slc.job.store import JOBS
from services.slc.sync.consumers import evaluate
from tests.shop.standin import LoggedCall
from tests.slc.sync.given import FACILITY, SECONDS, Shopfloor
from tests.waiting import until

_seqs = itertools.count(1)


async def publish(floor: Shopfloor, kind: str, **body: Any) -> None:
    """An event arrives."""

    async def consume(change: Change) -> None:
        now = SystemClock().now()
        event = Event(
            event_id=new_id(now),
            type=kind,
            subject="subject",
            source="test",
            at_utc=now,
            orgcode=floor.orgcode,
            actor="tester",
            revision=1,
            traceparent=None,
            raw=msgspec.json.encode(body),
            call=change.call,
        )
        await evaluate(change, event)

    await floor.change(consume)


async def stock(floor: Shopfloor, variant_id: str, units: int) -> None:
    """ICS has the given number of units, and says so."""
    floor.stock(variant_id, units)
    await publish(
        floor,
        "ics.stock.changed",
        logical_guid=FACILITY,
        variant_id=variant_id,
        buckets={"available": units},
        seq=next(_seqs),
    )


async def job(floor: Shopfloor, variant_id: str) -> SyncJob:
    """The variant's job."""

    async def read(change: Change) -> SyncJob:
        return await change.load(JOBS, f"{floor.channel['channel_id']}/{variant_id}")

    return await floor.change(read)


async def ready(floor: Shopfloor, *variant_ids: str, units: int = 5, **config: Any) -> list[LoggedCall]:
    """An active channel in step; the shop's log from now on."""
    floor.publish(*variant_ids, stock=units)
    await floor.open(*variant_ids, **config)
    await floor.synced(*variant_ids)
    floor.standin.log.clear()
    return floor.standin.log


async def test_stock_that_changes_reaches_the_shop(floor: Shopfloor) -> None:
    await ready(floor, "v1")

    await stock(floor, "v1", 3)

    await until(lambda: floor.standin.available("SKU-V1") == 3, SECONDS)


async def test_many_changes_in_a_paused_channel_are_one_write_after_it_is_resumed(floor: Shopfloor) -> None:
    await ready(floor, "v1")
    await floor.act("channel/pause")

    for units in range(40, 0, -1):
        await stock(floor, "v1", units)
    assert not floor.standin.writes()
    await floor.act("channel/resume")

    await until(lambda: floor.standin.available("SKU-V1") == 1, SECONDS)
    await floor.synced("v1")
    assert len(floor.standin.writes("inventorySetQuantities")) == 1
    assert (await job(floor, "v1")).state == "idle"


async def test_an_event_with_the_same_units_or_an_older_one_concerns_nobody(floor: Shopfloor) -> None:
    await ready(floor, "v1")
    await stock(floor, "v1", 4)
    await floor.synced("v1")
    generation = (await job(floor, "v1")).generation

    for seq in (next(_seqs), 1):
        units = 4 if seq > 1 else 9
        await publish(
            floor,
            "ics.stock.changed",
            logical_guid=FACILITY,
            variant_id="v1",
            buckets={"available": units},
            seq=seq,
        )

    assert (await job(floor, "v1")).generation == generation


async def test_events_of_other_variants_facilities_and_channels_concern_nobody(floor: Shopfloor) -> None:
    await ready(floor, "v1")
    generation = (await job(floor, "v1")).generation
    body = {"buckets": {"available": 1}, "seq": next(_seqs)}
    product = {"variant_id": "v1", "style_id": "st-tee", "channel_code": "OTHER", "online_state": "online"}

    await publish(floor, "ics.stock.changed", logical_guid=FACILITY, variant_id="v-other", **body)
    await publish(floor, "ics.stock.changed", logical_guid="fac-other", variant_id="v1", **body)
    await publish(floor, "pmc.product.published", product=product, changed=["price"])
    await publish(floor, "pmc.product.pointer_set", product=product, served_changed=False, changed=[])

    assert (await job(floor, "v1")).generation == generation
    assert not floor.standin.writes()


async def test_a_product_that_is_published_reaches_the_shop(floor: Shopfloor) -> None:
    await ready(floor, "v1")
    code = floor.channel["channel_code"]
    product = {"variant_id": "v1", "style_id": "st-tee", "channel_code": code, "online_state": "online"}

    floor.publish("v1", style_title="Better tee")
    await publish(floor, "pmc.product.published", product=product, changed=["style_title"])

    await until(lambda: [each.title for each in floor.standin.shop.products.values()] == ["Better tee"], SECONDS)


async def test_holdbacks_policies_and_blocked_units_change_what_may_be_sold(floor: Shopfloor) -> None:
    await ready(floor, "v1", "v2")

    floor.stock("v1", 4)
    held = {"logical_guid": FACILITY, "variant_id": "v1", "channel_code": None}
    await publish(floor, "ics.holdback.saved", holdback=held)
    await until(lambda: floor.standin.available("SKU-V1") == 4, SECONDS)
    floor.stock("v1", 3)
    await publish(floor, "ics.serial.updated", serial={"variant_id": "v1"})
    await until(lambda: floor.standin.available("SKU-V1") == 3, SECONDS)
    floor.stock("v1", 2)
    floor.stock("v2", 1)
    await publish(floor, "ics.stock_policy.saved", policy={"variant_id": None, "logical_guid": FACILITY})
    await until(lambda: (floor.standin.available("SKU-V1"), floor.standin.available("SKU-V2")) == (2, 1), SECONDS)


async def test_a_variant_that_goes_offline_is_urgent(floor: Shopfloor) -> None:
    await ready(floor, "v1", "v2")
    code = floor.channel["channel_code"]
    product = {"variant_id": "v1", "style_id": "st-tee", "channel_code": code, "online_state": "offline"}

    floor.publish("v1", online=False)
    await publish(floor, "pmc.product.online_cleared", product=product)

    assert (await job(floor, "v1")).lane == "fast"
    await until(lambda: floor.standin.available("SKU-V1") == 0, SECONDS)

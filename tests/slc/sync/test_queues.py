"""The queues of the broker: their names, what goes where, dead letters, and how these come back."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from pamqp.commands import Basic

from chassis.bus.connection import BusDown
from chassis.bus.topology import queues_of
from chassis.consumer import Consumer
from chassis.runtime import Runtime
from tests.shop.faults import Fault
from tests.slc.sync.given import SECONDS, Shopfloor
from tests.waiting import until

CONTRACT = yaml.safe_load(Path("docs/contract/slc.yaml").read_text(encoding="utf-8"))
DEAD = "slc-sync-queue.dead"


def runtime_of(floor: Shopfloor) -> Runtime:
    found = floor.slc.client.application.runtime
    assert found is not None
    return found


def consumer_of(floor: Shopfloor, queue: str) -> Consumer:
    found: Consumer
    [found] = [each for each in runtime_of(floor).parts.consumers if each.queue == queue]
    return found


async def letters(floor: Shopfloor) -> list[dict[str, Any]]:
    """The bodies of this org's dead letters about sync jobs."""
    found = await runtime_of(floor).queue_admin.dead_letters(DEAD)
    return [json.loads(each.body) for each in found if each.orgcode == floor.orgcode]


async def send(floor: Shopfloor, queue: str, body: bytes, message_id: str) -> None:
    """Publish a message straight into a queue."""
    bus = runtime_of(floor).bus
    headers: dict[str, Any] = {"cloudEvents:type": "test", "cloudEvents:subject": "v1", "orgcode": floor.orgcode}
    async with bus.consuming.channel(confirms=True) as channel:
        properties = Basic.Properties(message_id=message_id, headers=headers, delivery_mode=2)
        await channel.basic_publish(body, routing_key=bus.topology.prefix + queue, properties=properties)


@pytest.mark.parametrize("queue", CONTRACT["queues"], ids=lambda each: each["queue"])
async def test_every_queue_of_the_contract_is_there(floor: Shopfloor, queue: dict[str, Any]) -> None:
    bus = runtime_of(floor).bus
    name = bus.topology.prefix + queue["queue"]

    async def there() -> bool:
        try:
            async with bus.consuming.channel() as channel:
                await channel.queue_declare(name, passive=True)
        except BusDown:
            return False
        return True

    await until(there, SECONDS, f"{name} is not there")
    if "dead" not in queue:
        return
    consumer = consumer_of(floor, queue["queue"])
    queues = queues_of(bus.topology, consumer)
    assert consumer.prefetch == queue["prefetch"]
    assert queues.work.arguments["x-queue-type"] == queue["kind"]
    assert queues.work.arguments["x-delivery-limit"] == CONTRACT["retry"]["delivery_limit"]
    assert queues.dead.name == bus.topology.prefix + queue["dead"]


def test_every_event_of_the_contract_is_consumed_from_its_queue(floor: Shopfloor) -> None:
    inbound = {each["event"] for each in CONTRACT["consumes"] if "SlcInbound" in each["use"]}
    # The maintenance gate of every process listens to OPS by itself. The end of a window is work as well.
    others = {each["event"] for each in CONTRACT["consumes"]} - inbound - {"ops.maintenance.#"}
    evaluated = others | {"ops.maintenance.ended"}

    assert set(consumer_of(floor, "slc-inbound-queue").keys) == inbound
    assert set(consumer_of(floor, "slc-evaluator-queue").keys) == evaluated


async def test_a_quarantined_variant_leaves_one_dead_letter_and_its_replay_heals_it(floor: Shopfloor) -> None:
    floor.publish("v1", stock=5)
    floor.publish("v2", stock=5, style_id="st-other")
    await floor.open("v1", "v2")
    await floor.synced("v1", "v2")
    shopify_id = (await floor.row("v1")).shopify_variant_id or ""
    fault = floor.standin.faults.add(Fault(field="productVariantsBulkUpdate", containing=shopify_id, status=500))
    for each in ("v1", "v2"):
        floor.publish(each, price={"amount": "5", "currency": "EUR"})

    await floor.note("v1", "v2")
    await floor.state("v1", "quarantined")
    await floor.synced("v2")

    async def told() -> bool:
        return len(await letters(floor)) >= 1

    await until(told, SECONDS, "no dead letter")
    [letter] = await letters(floor)
    assert (letter["channel_id"], letter["variant_id"]) == (floor.channel["channel_id"], "v1")
    assert (letter["error"]["code"], letter["error"]["attempts"]) == ("transient", 6)

    floor.standin.faults.told.remove(fault)
    assert await runtime_of(floor).queue_admin.replay(DEAD) == 1
    await until(lambda: floor.standin.shop.by_sku("SKU-V1").price == "5.00", SECONDS)
    await floor.synced("v1")
    assert await letters(floor) == []


@pytest.mark.parametrize("queue", ["slc-sync-queue", "slc-sync-queue.fast"])
async def test_a_message_that_names_a_job_has_it_done(floor: Shopfloor, queue: str) -> None:
    floor.publish("v1", stock=5)
    await floor.open("v1")
    await floor.synced("v1")
    floor.publish("v1", price={"amount": "6", "currency": "EUR"})

    body = {"channel_id": floor.channel["channel_id"], "variant_id": "v1", "generation": 1}
    await send(floor, queue, json.dumps(body).encode(), f"{floor.orgcode}-{queue}")

    await until(lambda: floor.standin.shop.by_sku("SKU-V1").price == "6.00", SECONDS)


async def test_a_message_that_cannot_be_read_quarantines_the_variant_it_names(floor: Shopfloor) -> None:
    floor.publish("v1", stock=5)
    await floor.open("v1")
    await floor.synced("v1")

    body = {"channel_id": floor.channel["channel_id"], "variant_id": "v1", "generation": "many"}
    await send(floor, "slc-sync-queue", json.dumps(body).encode(), f"{floor.orgcode}-poison")

    row = await floor.state("v1", "quarantined")
    assert row.last_error is not None
    assert row.last_error.code == "poison"

    async def told() -> bool:
        return [each["error"]["code"] for each in await letters(floor)] == ["poison"]

    await until(told, SECONDS, "no dead letter")
    assert await runtime_of(floor).queue_admin.replay(DEAD) >= 1
    await floor.synced("v1")


@pytest.mark.parametrize("queue", ["slc-sync-queue", "slc-evaluator-queue", "slc-inbound-queue"])
async def test_garbage_goes_to_the_dead_letter_queue(floor: Shopfloor, queue: str) -> None:
    admin = runtime_of(floor).queue_admin
    message_id = f"{floor.orgcode}-{queue}"
    await send(floor, queue, b"\xff\x00 not json", message_id)

    async def dead() -> bool:
        return message_id in {each.event_id for each in await admin.dead_letters(f"{queue}.dead")}

    await until(dead, SECONDS, f"nothing in {queue}.dead")
    assert await admin.drop_dead(floor.orgcode) >= 0

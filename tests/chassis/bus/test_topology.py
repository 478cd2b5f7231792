"""Names and arguments of queues, and that a real broker takes them."""

import pytest

from chassis.bus.connection import Bus
from chassis.bus.message import message_of
from chassis.bus.topology import Queue, Topology, declare_consumer, declare_queue, wait_name
from chassis.consumer import DELAYS_SECONDS_DEFAULT
from tests.chassis.bus_given import eventually, forget

SYNC = Topology().consumer("slc", "sync", DELAYS_SECONDS_DEFAULT)


@pytest.mark.parametrize("queue", [*SYNC.all, Topology().listener("gate")], ids=lambda queue: queue.name)
def test_every_queue_is_a_quorum_queue_that_loses_nothing(queue: Queue) -> None:
    arguments = queue.arguments

    assert arguments["x-queue-type"] == "quorum"
    assert arguments["x-delivery-limit"] > 0
    assert arguments["x-dead-letter-strategy"] == "at-least-once"
    assert arguments["x-overflow"] == "reject-publish"
    assert arguments["x-dead-letter-exchange"] == ""
    assert arguments["x-dead-letter-routing-key"]


def test_queues_are_named_after_service_and_consumer() -> None:
    assert SYNC.work.name == "slc.sync"
    assert SYNC.dead.name == "slc.sync.dead"
    assert [wait.name for wait in SYNC.waits] == [f"slc.sync.wait.{n}" for n in (1000, 5000, 30000, 120000, 600000)]
    assert wait_name(SYNC, 30.0) == "slc.sync.wait.30000"


def test_a_prefix_keeps_stacks_on_one_broker_apart() -> None:
    topology = Topology(prefix="a.")

    assert topology.exchange == "a.retailstack.events"
    assert {queue.name[:2] for queue in topology.consumer("slc", "sync", [1.0]).all} == {"a."}


def test_what_dies_in_the_queue_falls_to_its_dead_letter_queue_and_what_has_waited_falls_back() -> None:
    falls = {queue.name: queue.arguments["x-dead-letter-routing-key"] for queue in SYNC.all}

    assert falls["slc.sync"] == "slc.sync.dead"
    assert falls["slc.sync.wait.1000"] == "slc.sync"


@pytest.mark.parametrize("name", ["", "Sync", "a.b", "sync#"])
def test_a_name_that_would_upset_the_scheme_is_refused(name: str) -> None:
    with pytest.raises(TypeError, match="cannot name a queue"):
        Topology().consumer("slc", name, [1.0])


async def test_declaring_twice_changes_nothing_and_a_wait_queue_hands_back_what_has_waited(
    amqp_url: str, bus_prefix: str
) -> None:
    bus = Bus(amqp_url, "test", bus_prefix)
    queues = bus.topology.consumer("test", "sync", [0.05])
    await bus.start()
    try:
        async with bus.consuming.channel(confirms=True, seconds=10.0) as channel:
            for _ in range(2):
                await declare_consumer(channel, bus.topology, queues, ["a.#", "b.*"])
            await channel.basic_publish(b"{}", routing_key=wait_name(queues, 0.05))

            async def back() -> bool:
                return message_of(await channel.basic_get(queues.dead.name)).body == b"{}"

            # The work queue serves one consumer only, so it is emptied through its dead-letter queue.
            async def refuse(message: object) -> None:
                await channel.basic_reject(message.delivery_tag, requeue=False)  # type: ignore[attr-defined]

            await channel.basic_consume(queues.work.name, refuse)
            await eventually(back)
    finally:
        await forget(bus, *(queue.name for queue in queues.all))
        await bus.stop()


async def test_a_listeners_queue_can_be_declared(amqp_url: str, bus_prefix: str) -> None:
    bus = Bus(amqp_url, "test", bus_prefix)
    queue = bus.topology.listener("test.tail")
    await bus.start()
    try:
        await bus.ready(10.0)
        async with bus.consuming.channel() as channel:
            await declare_queue(channel, queue, ["#"], bus.topology.exchange)
    finally:
        await forget(bus, queue.name)
        await bus.stop()

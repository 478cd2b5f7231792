"""A gateway of two workers: one door, one set of limits; a killed worker is started again and the other goes on."""

import asyncio
import re
import signal
from collections import Counter
from collections.abc import AsyncIterator

import psutil
import pytest_asyncio

from gateway.workers.metrics_text import merged
from tests.gateway.given import Upstream, connected, read_reply, request, send
from tests.gateway.process import Door, a_gateway_process
from tests.waiting import stretched, until

BURST = 20


@pytest_asyncio.fixture
async def door(mongodb_uri: str, database_name: str, amqp_url: str, bus_prefix: str) -> AsyncIterator[Door]:
    grid = Upstream()
    await grid.start()
    try:
        async with a_gateway_process(
            mongodb_uri,
            database_name,
            amqp_url,
            bus_prefix,
            VISUALGRID_HTTP=grid.address,
            GATEWAY_WORKERS="2",
            RATE_ADDRESS_PER_SECOND="0.001",
            RATE_ADDRESS_BURST=str(BURST),
        ) as door:
            yield door
    finally:
        await grid.stop()


async def test_two_workers_are_one_gateway(door: Door) -> None:
    assert len(door.workers()) == 2
    victim, other = door.workers()
    lost = 0
    victim.kill()
    for _ in range(50):
        try:
            assert await door.ask() == 200
        except (ConnectionError, asyncio.IncompleteReadError):
            # Was waiting to be accepted by the worker that was killed.
            lost += 1
    assert lost < 25
    assert other.is_running()
    await until(lambda: len(door.workers()) == 2 and victim.pid not in {each.pid for each in door.workers()}, 30)
    await until(door.all_ready, 60)
    assert (
        "retailstack_gateway_worker_restarts_total 1.0"
        in (await send(door.private, request("GET", "/metrics"))).body.decode()
    )

    # Each connection is given to one of the workers; what they refuse counts for both.
    asked = [await send(door.http, request("GET", "/mcp/ics/PROTOCOL.md")) for _ in range(2 * BURST)]
    assert Counter(reply.status == 429 for reply in asked) == {False: BURST, True: BURST}
    text = (await send(door.private, request("GET", "/metrics"))).body.decode()
    answered = re.findall(r'retailstack_gateway_requests_total\{.*worker="(\d)"\} ([0-9.]+)', text)
    assert {worker for worker, _ in answered} == {"1", "2"}
    assert sum(float(count) for _, count in answered) >= 2 * BURST
    assert text.count("# TYPE retailstack_gateway_requests_total counter") == 1

    door.process.send_signal(signal.SIGTERM)
    out, _ = await asyncio.wait_for(door.process.communicate(), stretched(30))
    assert door.process.returncode == 0, out[-3000:]


async def test_workers_end_with_a_parent_that_is_killed_and_answer_what_is_on_its_way(door: Door) -> None:
    workers = door.workers()
    async with connected(door.http) as (reader, writer):
        writer.write(request("GET", "/visualgrid/ping"))
        door.process.kill()
        assert (await read_reply(reader)).status == 200
    await until(lambda: not any(each.is_running() and each.status() != psutil.STATUS_ZOMBIE for each in workers), 30)


def test_metrics_of_workers_stand_together_and_say_whose_they_are() -> None:
    text = (
        '# HELP a_total Of a {b}.\n# TYPE a_total counter\na_total{x="{} }"} 1.0\n# HELP g G.\n# TYPE g gauge\ng 2.0\n'
    )
    assert merged({1: text, 2: text}).splitlines() == [
        "# HELP a_total Of a {b}.",
        "# TYPE a_total counter",
        'a_total{x="{} }",worker="1"} 1.0',
        'a_total{x="{} }",worker="2"} 1.0',
        "# HELP g G.",
        "# TYPE g gauge",
        'g{worker="1"} 2.0',
        'g{worker="2"} 2.0',
    ]

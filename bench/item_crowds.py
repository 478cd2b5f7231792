"""The crowd rows: what calls on one item cost by how many hold units of it, and by at how many places it lies.

Each row is compared with the same call on an item with one holder, or at twenty places. The crowds are made through the
gateway, and used by all rows of a run.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any

import aiohttp

from bench.load import Measured, single
from bench.rows import SPREAD, TTL_SECONDS, Bench, Row
from bench.under_load import under_load
from bench.world import THIS_RUN, ask, variant

SIZES = (1, 100, 1_000, 10_000)
PLACES = (20, 1, 200, 1_000, 3_000)
"""The first is what the others are compared with."""

BINS = (20, 1_000)
CALLS = ("reservation/create", "stock/get", "atp/query", "receive/record", "reservation/expire")
AT_PLACES = CALLS[:-1]
CLIENTS = 4
MADE_AT_ONCE = 32
LINES_MAX = 200
UNITS = 1_000_000
EXPIRED = 24
"""Promises a row expires, one after the other."""

EXPIRED_SECONDS = 1
SERIALS, SERIAL_LINES, RECEIPTS = 500, 4, 4
PROMISES = 100
TIMES_MAX = 4
"""By how much the p99 of neighbours may grow beside a large call."""

_made: set[str] = set()

Body = Mapping[str, Any]


def _bodies(variant_id: str) -> dict[str, Body]:
    return {
        "reservation/create": {"variant_id": variant_id, "quantity": 1, "ttl_seconds": TTL_SECONDS},
        "stock/get": {"variant_id": variant_id},
        "atp/query": {"variant_ids": [variant_id]},
        "receive/record": {"lines": [{"variant_id": variant_id, "quantity": 1}]},
    }


def with_holders(call: str, size: int) -> Callable[[Bench], Awaitable[Row]]:
    """The row of a call on an item with this number of holders."""

    async def work(bench: Bench) -> Row:
        name = f"H{size}-{THIS_RUN}"
        async with bench.world.calls() as http:
            if name not in _made:
                await _receive(http, [{"variant_id": name, "quantity": UNITS}])
                await _promise(http, name, size)
                _made.add(name)
            title = f"{call}, {size:,} holders" if size > 1 else f"{call}, 1 holder"
            against = "" if size == 1 else f"{call}, 1 holder"
            return await _row(bench, http, call, name, title, against)

    return work


def at_places(call: str, size: int) -> Callable[[Bench], Awaitable[Row]]:
    """The row of a call on an item with this number of positions, each of a lot of its own."""

    async def work(bench: Bench) -> Row:
        async with bench.world.calls() as http:
            name = await _with_lots(http, size)
            title = f"{call}, {size:,} lots" if size > 1 else f"{call}, 1 lot"
            against = "" if size == PLACES[0] else f"{call}, {PLACES[0]} lots"
            return await _row(bench, http, call, name, title, against)

    return work


def in_bins(call: str, size: int) -> Callable[[Bench], Awaitable[Row]]:
    """The row of a call on an item with this number of positions, each in a bin of its own."""

    async def work(bench: Bench) -> Row:
        async with bench.world.calls() as http:
            name = await _with_bins(http, size)
            against = "" if size == BINS[0] else f"{call}, {BINS[0]} bins"
            return await _row(bench, http, call, name, f"{call}, {size:,} bins", against)

    return work


async def _with_lots(http: aiohttp.ClientSession, size: int) -> str:
    """An item with `size` lots; its variant."""
    name = f"P{size}-{THIS_RUN}"
    if name not in _made:
        await _receive_all(http, name, [{"lot_code": f"L-{lot:05}"} for lot in range(size)])
    return name


async def _with_bins(http: aiohttp.ClientSession, size: int) -> str:
    """An item in `size` bins; its variant."""
    name = f"B{size}-{THIS_RUN}"
    if name not in _made:
        zone = (await ask(http, "/ics/zone/create", code=name))["zone"]["zone_id"]
        bins: list[str] = []
        for start in range(0, size, MADE_AT_ONCE):
            numbers = range(start, min(size, start + MADE_AT_ONCE))
            calls = (ask(http, "/ics/bin/create", zone_id=zone, code=f"{name}-{number}") for number in numbers)
            bins += [each["bin"]["bin_id"] for each in await asyncio.gather(*calls)]
        await _receive_all(http, name, [{"bin_id": bin_id} for bin_id in bins])
    return name


async def _receive_all(http: aiohttp.ClientSession, name: str, places: list[dict[str, str]]) -> None:
    """Receive units at all of these places."""
    lines = [{"variant_id": name, "quantity": UNITS // len(places), **place} for place in places]
    for start in range(0, len(lines), LINES_MAX):
        await _receive(http, lines[start : start + LINES_MAX])
    _made.add(name)


async def beside_receipts(bench: Bench) -> Row:
    """Reservations of other items while receipts of as many serials as a call may name come in, one after the other."""
    beside = f"receipts of {SERIAL_LINES * SERIALS:,} serials"
    return await _neighbours(bench, beside, lambda: _receive_serials(bench))


async def beside_many_lots(bench: Bench) -> Row:
    """Reservations of other items while one at thousands of lots is promised, one call after the other."""
    async with bench.world.calls() as http:
        await _with_lots(http, PLACES[-1])
    return await _neighbours(bench, f"promises on {PLACES[-1]:,} lots", lambda: _promise_lots(bench))


async def _neighbours(bench: Bench, beside: str, work: Callable[[], Coroutine[Any, Any, list[float]]]) -> Row:
    """Reservations spread over many items while the work goes on: their p99 as a multiple of that at rest."""
    requests = [
        bench.world.request("/ics/reservation/create", variant_id=variant(n), quantity=1, ttl_seconds=TTL_SECONDS)
        for n in range(SPREAD)
    ]
    found = await under_load(bench, single(lambda n: requests[n % len(requests)]), work)
    told = found.measured
    times = told.percentile(0.99) / found.p99_at_rest
    told.name = (
        f"reservation/create beside {beside} ({max(found.answer):.2f} s each): "
        f"{found.kept:.0%} kept, p99 {times:.1f} x that at rest"
    )
    if times > TIMES_MAX:
        told.note = f"p99 is more than {TIMES_MAX} times that at rest"
    return Row(measured=told, cpu=found.cpu)


async def _promise_lots(bench: Bench) -> list[float]:
    """Seconds that each promise took."""
    taken: list[float] = []
    async with bench.world.calls() as http:
        name = await _with_lots(http, PLACES[-1])
        for _ in range(PROMISES):
            began = time.perf_counter()
            await _promise(http, name, 1)
            taken.append(time.perf_counter() - began)
    return taken


async def _receive_serials(bench: Bench) -> list[float]:
    """Seconds that each receipt took."""
    taken: list[float] = []
    async with bench.world.calls() as http:
        for number in range(RECEIPTS):
            lines = [
                {
                    "variant_id": f"N{line}-{THIS_RUN}",
                    "quantity": SERIALS,
                    "serials": [f"SN-{THIS_RUN}-{number}-{line}-{place}" for place in range(SERIALS)],
                }
                for line in range(SERIAL_LINES)
            ]
            began = time.perf_counter()
            await _receive(http, lines)
            taken.append(time.perf_counter() - began)
    return taken


async def _row(bench: Bench, http: aiohttp.ClientSession, call: str, name: str, title: str, against: str) -> Row:
    if call == "reservation/expire":
        row = await bench.measure(_expire(http, name, title))
    else:
        row = await bench.ask(title, [bench.world.request(f"/ics/{call}", **_bodies(name)[call])], CLIENTS)
    row.against = against
    return row


async def _receive(http: aiohttp.ClientSession, lines: list[dict[str, Any]]) -> None:
    await ask(http, "/ics/receive/record", lines=lines)


async def _promise(http: aiohttp.ClientSession, variant_id: str, number: int, seconds: int = TTL_SECONDS) -> list[str]:
    """Make this number of promises of one unit each; returns their ids."""
    body = {"variant_id": variant_id, "quantity": 1, "ttl_seconds": seconds}
    ids: list[str] = []
    for start in range(0, number, MADE_AT_ONCE):
        several = range(min(MADE_AT_ONCE, number - start))
        made = await asyncio.gather(*(ask(http, "/ics/reservation/create", **body) for _ in several))
        ids += [each["reservation"]["reservation_id"] for each in made]
    return ids


async def _expire(http: aiohttp.ClientSession, variant_id: str, title: str) -> Measured:
    """Expire promises that have ended, one after the other."""
    ids = await _promise(http, variant_id, EXPIRED, EXPIRED_SECONDS)
    await asyncio.sleep(EXPIRED_SECONDS + 0.5)
    told = Measured(name=title, clients=1, latencies=[])
    started = time.perf_counter()
    for one in ids:
        began = time.perf_counter()
        await ask(http, "/ics/reservation/expire", reservation_id=one, expected_revision=1)
        told.latencies.append((time.perf_counter() - began) * 1000)
        told.requests += 1
    told.seconds = time.perf_counter() - started
    return told

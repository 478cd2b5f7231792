"""The rows of the table. Each function loads the stack and returns what was measured."""

import json
import random
import subprocess
import sys
import time
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager
from typing import Any

import psutil
from msgspec import Struct

from bench import load
from bench.events import listen
from bench.load import Client, Measured, single
from bench.meter import Cpu, ProcessMeter
from bench.world import World, ask, variant
from bench.yardstick import reserve_by_hand

SPREAD = 1_000
PRODUCTS = 10_000
HOT = variant(-1)
TTL_SECONDS = 30 * 86_400


class Row(Struct):
    """One line of the table: the measurement, its CPU cost, and the name of the row it is compared with."""

    measured: Measured
    cpu: Cpu
    against: str = ""


def failed(name: str, why: str) -> Row:
    """The row of a measurement that failed."""
    return Row(measured=Measured(name=f"{name}: failed", clients=0, errors=1, note=why), cpu=Cpu())


class Bench:
    """Measures rows one after the other on one stack; each row loads it for `seconds`."""

    def __init__(self, world: World, meter: ProcessMeter, seconds: float) -> None:
        self.world = world
        self.meter = meter
        self.seconds = seconds

    async def measure(self, work: Awaitable[Measured], against: str = "") -> Row:
        """Await the measurement and add the CPU used meanwhile."""
        before = self.meter.read()
        measured = await work
        return Row(measured=measured, cpu=self.meter.read() - before, against=against)

    async def bare(self) -> Row:
        """A bare aiohttp handler that answers 1 kB of JSON: the lower bound of the cost."""
        with _bare_server() as (address, process):
            request = load.post("/", {}, b"{}")
            before = _cpu_of(process)
            measured = await load.run("bare aiohttp handler", address, single(lambda _: request), **self._load(64))
            return Row(measured=measured, cpu=Cpu(ours=_cpu_of(process) - before))

    async def stock_get(self, items: int = SPREAD) -> Row:
        """stock/get through the gateway, spread over `items` items."""
        requests = [self.world.request("/ics/stock/get", variant_id=variant(n)) for n in _spread(items)]
        if items == SPREAD:
            return await self.ask("stock/get", requests, 64)
        row = await self.ask(f"stock/get, {items:,} items", requests, 64)
        row.against = "stock/get"
        return row

    async def atp_query(self) -> Row:
        """atp/query of one variant through the gateway."""
        requests = [self.world.request("/ics/atp/query", variant_ids=[variant(n)]) for n in range(SPREAD)]
        return await self.ask("atp/query", requests, 64)

    async def hop(self) -> Row:
        """The gateway's own CPU under stock/get."""
        row = await self.stock_get()
        row.measured.name = "gateway hop (its own CPU, under stock/get)"
        row.cpu = Cpu(ours=row.cpu.gateway, gateway=row.cpu.gateway)
        return row

    async def reserve(self, clients: int, items: int = SPREAD) -> Row:
        """reservation/create spread over `items` items."""
        requests = [self._reservation(variant(n)) for n in _spread(items)]
        row = await self.ask(f"reservation/create, {items:,} items", requests, clients)
        if items > SPREAD:
            row.against = f"reservation/create, {SPREAD:,} items"
        elif clients == 64:
            row.against = f"by hand: reservation, {SPREAD:,} items"
        return row

    def _reservation(self, variant_id: str) -> bytes:
        path = "/ics/reservation/create"
        return self.world.request(path, variant_id=variant_id, quantity=1, ttl_seconds=TTL_SECONDS)

    async def reserve_hot(self) -> Row:
        """reservation/create on one hot item; the ledger must agree with the answers to the last unit."""
        await self._receive_hot()
        held = (await self.world.stock(HOT))["buckets"]["reserved"]
        row = await self.ask("reservation/create, one hot item", [self._reservation(HOT)], 64)
        sold = (await self.world.stock(HOT))["buckets"]["reserved"] - held
        good = row.measured.requests - row.measured.errors
        if sold != good:
            row.measured.note = f"{good} were accepted, the ledger has {sold}"
            row.measured.errors += abs(sold - good)
        row.against = "by hand: reservation, one hot item"
        return row

    async def whole_line(self) -> Row:
        """Receive → reserve → commit → pick → pack → ship, six calls per round."""
        work = load.run("receive → ship, 6 calls", self.world.address, self._one_piece, **self._load(64))
        return await self.measure(work)

    async def events(self) -> Row:
        """Time from the commit of a change to the delivery of its event, while 16 clients reserve."""
        async with listen(self.world.stack["AMQP_URL"], "ics.reservation.created") as heard:
            row = await self.reserve(16)
            await heard.settle(row.measured.requests - row.measured.errors)
        told = Measured(name="event, commit → subscriber", clients=16, latencies=heard.latencies)
        told.requests, told.seconds = len(heard.latencies), row.measured.seconds
        told.errors = max(0, row.measured.requests - row.measured.errors - len(heard.latencies))
        return Row(measured=told, cpu=Cpu())

    async def by_hand(self, items: int) -> Row:
        """The baseline: the same writes with the raw driver. The CPU is that of this process."""
        before, cpu = self.meter.read(), time.process_time()
        measured = await reserve_by_hand(self.world.stack["MONGODB_URI"], items=items, clients=64, seconds=self.seconds)
        used = self.meter.read() - before
        return Row(measured=measured, cpu=Cpu(ours=time.process_time() - cpu, database=used.database))

    async def ask(self, name: str, requests: list[bytes], clients: int) -> Row:
        """Load the gateway with these requests in turn."""
        flow = single(lambda n: requests[n % len(requests)])
        return await self.measure(load.run(name, self.world.address, flow, **self._load(clients)))

    def _load(self, clients: int) -> dict[str, Any]:
        return {"clients": clients, "seconds": self.seconds}

    async def _receive_hot(self) -> None:
        async with self.world.calls() as http:
            await ask(http, "/ics/receive/record", lines=[{"variant_id": HOT, "quantity": 10_000_000}])

    async def _one_piece(self, client: Client, number: int) -> None:
        """Receive, reserve, commit, pick, pack and ship one unit."""
        name = variant(number % SPREAD)
        made = self.world.request
        await client.ask(made("/ics/receive/record", lines=[{"variant_id": name, "quantity": 1}]))
        answer = await client.ask(made("/ics/reservation/create", variant_id=name, quantity=1))
        if answer.status != 200:
            return
        held = json.loads(answer.body)["data"]["reservation"]
        promise = {"reservation_id": held["reservation_id"], "expected_revision": held["revision"]}
        answer = await client.ask(made("/ics/commit/create", **promise, order_ref=f"order {number}"))
        for step in ("pick", "pack", "ship"):
            if answer.status != 200:
                return
            commit = json.loads(answer.body)["data"]["commit"]
            seen = {"commit_id": commit["commit_id"], "expected_revision": commit["revision"], "quantity": 1}
            answer = await client.ask(made(f"/ics/{step}/record", **seen))


def _spread(items: int) -> list[int]:
    """The item numbers in random order, the same in every run."""
    numbers = list(range(items))
    random.Random(1).shuffle(numbers)
    return numbers


@contextmanager
def _bare_server() -> Iterator[tuple[tuple[str, int], psutil.Process]]:
    command = [sys.executable, "-m", "bench.bare"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield ("127.0.0.1", int(process.stdout.readline())), psutil.Process(process.pid)
        finally:
            process.terminate()


def _cpu_of(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)

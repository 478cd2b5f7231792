"""The gate row: the CPU cost of a maintenance gate check, alone and as a share of a request.

The gate is asked twice in a request, once by the gateway and once by the service, and what it is asked is a few
attributes in memory: so it is measured by itself, a million times over, and held against a request's CPU.
"""

import time
from contextlib import suppress

from bench import load
from bench.load import Measured, single
from bench.meter import Cpu
from bench.rows import SPREAD, Bench, Row
from bench.world import ORG, variant
from chassis.clock import SystemClock, later
from chassis.errors import MaintenanceActive
from chassis.gate import Closures, Gate, GateWindow

LOOKS = 1_000_000
REFUSED_LOOKS = 50_000
LOOKS_A_REQUEST = 3
"""Checks per request: by the gateway before and after it knows the org, and by the service."""

CLIENTS = 16


async def look_at_the_gate(bench: Bench) -> Row:
    """Checks of an open gate per second; the row's name has the cost of a check and its share of stock/get."""
    opened, closed = _seconds_open(), _seconds_closed()
    request = await _seconds_a_request(bench)
    share = LOOKS_A_REQUEST * opened / request if request else 0.0
    name = f"gate.check: open {opened * 1e9:.0f} ns, closed {closed * 1e9:,.0f} ns; {share:.3%} of a stock/get"
    measured = Measured(name=name, clients=1, latencies=[opened * 1000], requests=LOOKS, seconds=opened * LOOKS)
    return Row(measured=measured, cpu=Cpu(ours=opened * LOOKS))


def _seconds_open() -> float:
    """CPU seconds of a check of a gate that is closed for one other org."""
    gate = Gate(SystemClock())
    gate.set_closures(Closures(orgcodes=frozenset({"OTHER001"})))
    check = gate.check
    before = time.process_time()
    for _ in range(LOOKS):
        check(ORG)
    return (time.process_time() - before) / LOOKS


def _seconds_closed() -> float:
    """CPU seconds of a check of a closed gate, including the refusal with its Retry-After."""
    clock = SystemClock()
    gate = Gate(clock)
    gate.close(GateWindow(maintenance_id="bench", expected_end_utc=later(clock.now(), 3600)))
    before = time.process_time()
    for _ in range(REFUSED_LOOKS):
        with suppress(MaintenanceActive):
            gate.check(ORG)
    return (time.process_time() - before) / REFUSED_LOOKS


async def _seconds_a_request(bench: Bench) -> float:
    """CPU seconds of the services for one stock/get."""
    requests = [bench.world.request("/ics/stock/get", variant_id=variant(n)) for n in range(SPREAD)]
    flow = single(lambda n: requests[n % len(requests)])
    before = bench.meter.read()
    found = await load.run("", bench.world.address, flow, clients=CLIENTS, seconds=min(bench.seconds, 4.0))
    used = (bench.meter.read() - before).ours
    return used / found.requests if found.requests else 0.0

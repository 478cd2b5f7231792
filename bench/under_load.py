"""Measures how much of their rate callers keep while a large operation runs.

The same load runs before, during and after the operation. The rate during it is compared with the mean of the other
two, because the load on the machine changes over minutes.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

from msgspec import Struct

from bench import load
from bench.load import Flow, Measured
from bench.meter import Cpu
from bench.rows import Bench

T = TypeVar("T")

CLIENTS = 16
LOAD_SECONDS_MAX = 600.0


class UnderLoad(Struct, Generic[T]):
    """The operation's result, the load measured during it, the CPU of both, the share of the rate kept (0 to 1), and
    the load's p99 latency at rest in milliseconds."""

    answer: T
    measured: Measured
    cpu: Cpu
    kept: float
    p99_at_rest: float


async def under_load(
    bench: Bench,
    flow: Flow,
    work: Callable[[], Coroutine[Any, Any, T]],
    *,
    begin: Callable[[], Coroutine[Any, Any, None]] | None = None,
) -> UnderLoad[T]:
    """Run `work` under load. `begin` prepares it and is not measured."""
    alone = [await _alone(bench, flow)]
    if begin is not None:
        await begin()
    before = bench.meter.read()
    task = asyncio.create_task(work())
    try:
        measured = await load.run(
            "", bench.world.address, flow, clients=CLIENTS, seconds=LOAD_SECONDS_MAX, enough=task.done
        )
        answer = await task
    finally:
        task.cancel()
    cpu = bench.meter.read() - before
    alone.append(await _alone(bench, flow))
    return UnderLoad(
        answer=answer,
        measured=measured,
        cpu=cpu,
        kept=2 * measured.per_second / sum(each.per_second for each in alone),
        p99_at_rest=sum(each.percentile(0.99) for each in alone) / 2,
    )


async def _alone(bench: Bench, flow: Flow) -> Measured:
    """The load without the operation."""
    told = await load.run("alone", bench.world.address, flow, clients=CLIENTS, seconds=bench.seconds)
    if not told.per_second:
        raise RuntimeError(f"no request succeeds: {told.note}")
    return told

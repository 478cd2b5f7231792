"""What callers keep of their pace while something large goes on beside them.

The same load runs before, meanwhile and afterwards: what else this machine does changes by the minute, so the pace
meanwhile is held against the mean of the other two.
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
    """What the large thing answered, what the callers did meanwhile, the CPU of both, and the share of pace kept."""

    answer: T
    measured: Measured
    cpu: Cpu
    kept: float


async def under_load(
    bench: Bench,
    flow: Flow,
    work: Callable[[], Coroutine[Any, Any, T]],
    *,
    begin: Callable[[], Coroutine[Any, Any, None]] | None = None,
) -> UnderLoad[T]:
    """Do the work while callers go on. `begin` is what must come before it, and is not to be measured."""
    pace = [await _alone(bench, flow)]
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
    pace.append(await _alone(bench, flow))
    return UnderLoad(answer=answer, measured=measured, cpu=cpu, kept=2 * measured.per_second / sum(pace))


async def _alone(bench: Bench, flow: Flow) -> float:
    """Requests a second with nothing beside them."""
    told = await load.run("alone", bench.world.address, flow, clients=CLIENTS, seconds=bench.seconds)
    if not told.per_second:
        raise RuntimeError(f"no request succeeds: {told.note}")
    return told.per_second

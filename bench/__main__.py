"""`make bench`: a table of rates, latencies and CPU costs, with ratios between its rows.

A running stack is used; otherwise one is started and stopped again. Absolute numbers depend on the machine: compare the
ratios. A row that fails is shown as failed and the others are still measured; the exit status is then 1.
"""

import asyncio
import os
import subprocess
import sys
import time
from typing import Annotated

import uvloop
from cyclopts import App, Parameter
from rich.console import Console

from bench.meter import ProcessMeter
from bench.plan import Planned, chosen
from bench.rows import PRODUCTS, SPREAD, Bench, Row, failed
from bench.table import show
from bench.vacuum import SHORT_WAITS
from bench.world import World
from deploy.local.state import Home

PROCESSES = Home().directory / "processes.json"
PAUSE_SECONDS = 1.0
"""Pause between rows, so that background work of one does not slow down the next."""

app = App(name="bench", help="Measure the stack against yardsticks of the same run.")


@app.default
def bench(
    *,
    seconds: Annotated[float, Parameter(help="how long each row loads")] = 8.0,
    items: Annotated[int, Parameter(help="how many items the ledger holds, at least 1,000")] = SPREAD,
    products: Annotated[int, Parameter(help="how many products the catalogue rows publish, at least 2,000")] = PRODUCTS,
    only: Annotated[
        str, Parameter(help="rows by name, with commas between; soak, crowd and places run only when named")
    ] = "",
) -> int:
    """Run the rows and print the table."""
    console = Console(width=None if sys.stdout.isatty() else 160)
    items, products = max(items, SPREAD), max(products, 2 * SPREAD)
    try:
        plan = chosen(only, items, seconds, products)
    except ValueError as unknown:
        console.print(f"[red]{unknown}[/]")
        return 2
    started_here = not PROCESSES.exists()
    if started_here:
        console.print("no stack is running here: starting one")
        up = [sys.executable, "-m", "deploy.local", "up"]
        if subprocess.run(up, env={**os.environ, **SHORT_WAITS}, check=False).returncode:
            return 1  # It has printed the reason.
    try:
        return uvloop.run(_run(console, plan, seconds, items, products))
    finally:
        if started_here:
            subprocess.run([sys.executable, "-m", "deploy.local", "down"], check=True)


async def _run(console: Console, plan: list[Planned], seconds: float, items: int, products: int) -> int:
    minutes, most = (sum(getattr(each, name) for each in plan) / 60 for name in ("seconds", "seconds_max"))
    console.print(f"{len(plan)} rows: about {minutes:.0f} minutes, {most:.0f} at the very most")
    world = World(items=items, products=products)
    with console.status(f"stocking {items:,} items"):
        await world.stock_up(items)
    bench = Bench(world, ProcessMeter(PROCESSES), seconds)
    rows: list[Row] = []
    for number, each in enumerate(plan, 1):
        began = time.monotonic()
        rows.append(await _row(bench, each))
        measured = rows[-1].measured
        wrong = f", [red]{measured.errors} errors[/]" if measured.errors else ""
        console.print(f"{number:2}/{len(plan)}  {measured.name}: {time.monotonic() - began:.0f} s{wrong}")
        await asyncio.sleep(PAUSE_SECONDS)
    show(console, rows, world.stack["ENGINE"], items, bench.meter.memory_mib())
    return 1 if any(row.measured.errors for row in rows) else 0


async def _row(bench: Bench, planned: Planned) -> Row:
    """Measure one row. Any error makes it a failed row, so that the other rows are still measured."""
    try:
        async with asyncio.timeout(planned.seconds_max):
            return await planned.work(bench)
    except TimeoutError:
        return failed(planned.name, f"not done after {planned.seconds_max:.0f} s")
    except Exception as failure:  # noqa: BLE001  it is shown in the table
        return failed(planned.name, f"{type(failure).__name__}: {failure}")


if __name__ == "__main__":
    sys.exit(app())

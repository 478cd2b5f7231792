"""`make bench`: one table of rates, latencies and CPU costs, and the ratios within this run.

A stack that is already running is used as it is; otherwise one is brought up and taken down again. Absolute numbers are
this machine's; the ratios are what to read.
"""

import asyncio
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable
from typing import Annotated

import uvloop
from cyclopts import App, Parameter
from rich.console import Console

from bench.counting import count_positions, snapshot
from bench.endurance import soak
from bench.gate import look_at_the_gate
from bench.meter import Meter
from bench.replenishing import sweep_rules
from bench.rows import SPREAD, Bench, Row
from bench.searching import find_comments
from bench.table import show
from bench.vacuum import HURRIED, empty_an_org
from bench.world import World
from deploy.local.state import Home

PROCESSES = Home().directory / "processes.json"

app = App(name="bench", help="Measure the stack against yardsticks of the same run.")


@app.default
def bench(
    *,
    seconds: Annotated[float, Parameter(help="how long each row loads")] = 8.0,
    items: Annotated[int, Parameter(help="how many items the ledger holds meanwhile")] = SPREAD,
    only: Annotated[str, Parameter(help="rows whose name has this in it; soak runs only when named")] = "",
) -> None:
    """Run the rows and print the table."""
    console = Console(width=None if sys.stdout.isatty() else 160)
    started_here = not (PROCESSES).exists()
    if started_here:
        console.print("no stack is running here: bringing one up")
        subprocess.run([sys.executable, "-m", "deploy.local", "up"], env={**os.environ, **HURRIED}, check=True)
    try:
        world = World(items=items)
        uvloop.run(_run(world, console, seconds, items, only))
    finally:
        if started_here:
            subprocess.run([sys.executable, "-m", "deploy.local", "down"], check=True)


async def _run(world: World, console: Console, seconds: float, items: int, only: str) -> None:
    with console.status(f"stocking {items:,} items"):
        await world.stock_up(items)
    rows: list[Row] = []
    bench = Bench(world, Meter(PROCESSES), seconds)
    for name, work in _plan(bench, items):
        if only not in name or (name == "soak" and not only):
            continue
        with console.status(name):
            rows.append(await work())
            await asyncio.sleep(1)
    show(console, rows, world.stack["ENGINE"], items, bench.meter.memory_mib())


def _plan(bench: Bench, items: int) -> list[tuple[str, Callable[[], Awaitable[Row]]]]:
    """The rows in order, each with the name it is chosen by."""
    at_scale = [
        ("scale", lambda: bench.stock_get(items)),
        ("scale", lambda: bench.reserve(64, items)),
    ]
    return [
        ("bare", bench.bare),
        ("hop", bench.hop),
        ("stock", bench.stock_get),
        ("atp", bench.atp_query),
        ("hand", lambda: bench.by_hand(SPREAD)),
        ("reserve", lambda: bench.reserve(1)),
        ("reserve", lambda: bench.reserve(16)),
        ("reserve", lambda: bench.reserve(64)),
        ("hand hot", lambda: bench.by_hand(1)),
        ("hot", bench.reserve_hot),
        *(at_scale if items > SPREAD else []),
        ("line", bench.whole_line),
        ("events", bench.events),
        ("gate", lambda: look_at_the_gate(bench)),
        ("count", lambda: count_positions(bench)),
        ("snapshot", lambda: snapshot(bench)),
        ("sweep", lambda: sweep_rules(bench)),
        ("search", lambda: find_comments(bench)),
        ("vacuum", lambda: empty_an_org(bench)),
        ("soak", lambda: soak(bench)),
    ]


if __name__ == "__main__":
    app()

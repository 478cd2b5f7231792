"""`make demo`: a day of two shops on the running stack. Exits 0 only if the books agree at the end."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import aiohttp
from rich.console import Console
from rich.table import Table

from demo.catalogue import load_day
from demo.scene import Scene
from demo.stack import NotRunning, Refused, Shop, running
from demo.story import Story
from demo.subscriber import Subscriber

FACILITIES = ("FAC-A", "FAC-B")


async def main(console: Console) -> int:
    """Tell the story, then let the auditor have the last word."""
    stack, demo = running()
    org, session = demo["DEMO_ORGCODE"], demo["DEMO_OWNER_SESSION"]
    day = load_day()
    subscriber = Subscriber(stack["AMQP_URL"], org)
    await subscriber.start()
    try:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)) as http:
            shops = [Shop(http, stack["GATEWAY_URL"], session, org, facility) for facility in FACILITIES]
            with Scene(console, subscriber, day.source) as scene:
                await Story(shops, day, scene).tell()
                arrived = await subscriber.wait_for("ics.commit.shipped", 1, seconds=10)
        _show_events(console, subscriber)
    finally:
        await subscriber.stop()
    if not arrived:
        console.print("[red]the subscriber heard of no shipment[/]")
        return 1
    addresses = {f"STACK_{name}": value for name, value in stack.items()}
    return _audit(console, org, {**addresses, "STACK_SECRET_FILE": demo["DEMO_SECRET_FILE"]})


def _show_events(console: Console, subscriber: Subscriber) -> None:
    table = Table(title="What the subscriber heard", title_justify="left")
    table.add_column("event")
    table.add_column("times", justify="right")
    for kind, count in sorted(subscriber.heard.items()):
        table.add_row(kind, str(count))
    console.print(table)


def _audit(console: Console, org: str, settings: Mapping[str, str]) -> int:
    """Replay every stock card against the balances, as an operator would."""
    stackctl = Path(sys.executable).with_name("stackctl")
    command = [str(stackctl), "audit", "ledger", "--org", org, "--json"]
    done = subprocess.run(
        command, env={**os.environ, **settings}, capture_output=True, text=True, timeout=300, check=False
    )
    if done.returncode not in (0, 1) or not done.stdout:
        console.print(f"[red]the audit did not run: {done.stderr.strip()}[/]")
        return 1
    report = json.loads(done.stdout)
    differences = len(report["differences"])
    colour = "red" if differences else "green"
    console.print(
        f"Audit: {report['entries_checked']:,} stock cards replayed over {report['items_checked']:,} items, "
        f"[bold {colour}]{differences} differences[/]"
    )
    return 1 if differences else 0


if __name__ == "__main__":
    out = Console(width=None if sys.stdout.isatty() else 150)
    try:
        sys.exit(asyncio.run(main(out)))
    except (NotRunning, Refused, RuntimeError, aiohttp.ClientError) as failure:
        out.print(f"[red]{failure}[/]")
        sys.exit(1)

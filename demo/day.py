"""The demo `day`: a day of two shops on the running stack, with an event subscriber."""

from collections.abc import Mapping

import aiohttp
from rich.console import Console
from rich.table import Table

from demo.catalogue import load_day
from demo.operator import Operator
from demo.scene import Scene
from demo.stack import Shop
from demo.story import DayRunner
from demo.subscriber import Subscriber

FACILITIES = ("FAC-A", "FAC-B")


async def run_day(console: Console, stack: Mapping[str, str], demo: Mapping[str, str]) -> int:
    """Run the day, then audit the ledger; returns the exit status."""
    org, session = demo["DEMO_ORGCODE"], demo["DEMO_OWNER_SESSION"]
    day = load_day()
    subscriber = Subscriber(stack["AMQP_URL"], org)
    await subscriber.start()
    try:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)) as http:
            shops = [Shop(http, stack["GATEWAY_URL"], session, org, facility) for facility in FACILITIES]
            with Scene(console, subscriber, day.source) as scene:
                await DayRunner(shops, day, scene).run()
                arrived = await subscriber.wait_for("ics.commit.shipped", 1, seconds=10)
        _show_events(console, subscriber)
    finally:
        await subscriber.stop()
    if not arrived:
        console.print("[red]the subscriber received no shipment event[/]")
        return 1
    return 0 if await Operator(stack, demo).audit(console) else 1


def _show_events(console: Console, subscriber: Subscriber) -> None:
    table = Table(title="Events received by the subscriber", title_justify="left")
    table.add_column("event")
    table.add_column("times", justify="right")
    for kind, count in sorted(subscriber.received.items()):
        table.add_row(kind, str(count))
    console.print(table)

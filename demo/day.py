"""The story `day`: a day of two shops on the running stack, while a subscriber listens."""

from collections.abc import Mapping

import aiohttp
from rich.console import Console
from rich.table import Table

from demo.catalogue import load_day
from demo.operator import Operator
from demo.scene import Scene
from demo.stack import Shop
from demo.story import Story
from demo.subscriber import Subscriber

FACILITIES = ("FAC-A", "FAC-B")


async def run_day(console: Console, stack: Mapping[str, str], demo: Mapping[str, str]) -> int:
    """Tell the story, then let the auditor have the last word; what the process is to exit with."""
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
    return 0 if await Operator(stack, demo).books_agree(console) else 1


def _show_events(console: Console, subscriber: Subscriber) -> None:
    table = Table(title="What the subscriber heard", title_justify="left")
    table.add_column("event")
    table.add_column("times", justify="right")
    for kind, count in sorted(subscriber.heard.items()):
        table.add_row(kind, str(count))
    console.print(table)

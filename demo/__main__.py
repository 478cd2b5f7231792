"""`make demo`: runs a demo on the running stack. Exits 0 if all results are as expected and the audit passes.

day         a day of orders in two shops, with an event subscriber
scenarios   the scenarios of the ICS domain guide, each number compared with the guide's
shopify     the scenario of the SLC domain guide, against the stand-in Shopify of `make up SHOP=1`
publish     the built-in catalogue, published to two channels: a wrong price, its fix, a rollback, searches

`make up` loads the built-in catalogue into the demo org with `load`.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence

import aiohttp
from rich.console import Console
from rich.text import Text

from demo import day
from demo.assortment.loading import load
from demo.publishing import runner as publishing
from demo.scenarios import runner
from demo.shopify import runner as shopify
from demo.stack import NotRunning, Refused, running

WIDE_CELLS = 150
LOAD = "load"

Demo = Callable[[Console, Mapping[str, str], Mapping[str, str]], Awaitable[int]]

DEMOS: Mapping[str, Demo] = {
    "day": day.run_day,
    "scenarios": runner.run_scenarios,
    "publish": publishing.run_publishing,
    "shopify": shopify.run_shopify,
}


def main(arguments: Sequence[str]) -> int:
    """Run the named demo, `day` by default; returns the exit status."""
    name = arguments[0] if arguments else "day"
    if name not in {LOAD, *DEMOS} or len(arguments) > 1:
        sys.stderr.write(f'there is no demo "{" ".join(arguments)}"; there are: {", ".join(DEMOS)}\n')
        return 2
    run = _load if name == LOAD else DEMOS[name]
    console = Console(width=None if sys.stdout.isatty() else WIDE_CELLS)
    try:
        return asyncio.run(_run(run, console))
    except (NotRunning, Refused, RuntimeError, TimeoutError, aiohttp.ClientError) as failure:
        console.print(Text(str(failure) or "the stack does not answer in time", style="red"))
        return 1


async def _load(console: Console, stack: Mapping[str, str], demo: Mapping[str, str]) -> int:
    console.print(await load(stack, demo), highlight=False)
    return 0


async def _run(run: Demo, console: Console) -> int:
    stack, demo = running()
    return await run(console, stack, demo)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

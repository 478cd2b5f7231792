"""Runs the scenario of the SLC domain guide in an org and a shop made for it: each number beside the expected one."""

import uuid
from collections.abc import Mapping

import aiohttp
from rich.console import Console
from rich.text import Text

from demo.operator import Operator
from demo.publishing.runner import run_steps
from demo.shopify.counter import Counter
from demo.shopify.goods import FACILITY
from demo.shopify.opening import Opening
from demo.shopify.standin import StandInShop
from demo.shopify.trading import Trading
from demo.stack import NotRunning, Shop

CALL_SECONDS = 60


async def run_shopify(console: Console, stack: Mapping[str, str], demo: Mapping[str, str]) -> int:
    """Run the story; returns the exit status."""
    if "SHOP_URL" not in stack:
        raise NotRunning("the stack runs without the stand-in shop: `make up SHOP=1` adds it")
    run = uuid.uuid4().hex[:8]
    orgcode, domain = f"STORY{run.upper()}", f"acme-{run}.myshopify.com"
    operator = Operator(stack, demo)
    session = await operator.make_org(orgcode, "Shopify story")
    heading = ("A channel of a Shopify shop", "bold"), (f" · org {orgcode}, shop {domain} · found = expected", "dim")
    console.print(Text.assemble(*heading))
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=CALL_SECONDS)) as http:
        shop = Shop(http, stack["GATEWAY_URL"], session, orgcode, FACILITY, channel=None)
        counter = Counter(shop, StandInShop(http, stack["SHOP_URL"], domain), operator, orgcode)
        opening, trading = Opening(counter), Trading(counter)
        await opening.prepare()
        compared, differing = await run_steps(console, [*opening.steps(), *trading.steps()])
    console.print()
    console.print(f"{compared} compared, [bold {'red' if differing else 'green'}]{differing} differ[/]")
    return 1 if differing else 0

"""The stand-in as a program: `python -m tests.shop --port 9400` serves one shop and a page that shows it."""

import argparse
import asyncio
import sys

from tests.shop import schema
from tests.shop.server import ShopServer
from tests.shop.standin import StandIn


async def main() -> None:
    """Serve until interrupted."""
    asked = argparse.ArgumentParser(prog="tests.shop", description="A stand-in for a Shopify shop.")
    asked.add_argument("--port", type=int, default=9400)
    asked.add_argument("--shop", default="acme-test.myshopify.com", help="its myshopify domain")
    asked.add_argument("--currency", default="EUR")
    asked.add_argument("--token", action="append", default=[], help="a token it accepts; may be given more than once")
    asked.add_argument("--secret", default="shop-secret-0001", help="signs its webhooks")
    asked.add_argument("--webhooks-to", default="", help="scheme, host and port that webhooks go to")
    asked.add_argument("--version", default="2026-10", help="the API version that documents are checked against")
    given = asked.parse_args()
    validator = schema.validator(given.version) if schema.is_there(given.version) else None
    standin = StandIn(given.shop, currency=given.currency, secret=given.secret, validator=validator)
    standin.shop.add_location("Main street")
    for token in given.token or ["shpat_good_0001"]:
        standin.token(token)
    server = ShopServer([standin], webhooks_to=given.webhooks_to)
    async with server.running(given.port):
        checked = f"documents are checked against {given.version}" if validator else "documents are not checked"
        sys.stdout.write(f"{given.shop} at {server.address} (SLC_SHOPIFY_BASE_URL={server.base_url}); {checked}\n")
        sys.stdout.flush()
        await asyncio.Event().wait()


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except KeyboardInterrupt:
        sys.exit(0)

"""The stand-in as a program: `python -m tests.shop --port 9400` serves one shop and a page that shows it.

SHOP_PORT and SHOP_WEBHOOKS_TO say what --port and --webhooks-to do: the launcher starts it so.
"""

import argparse
import asyncio
import os
import sys

from tests.shop import schema
from tests.shop.server import ShopServer, opened

TOKEN = "shpat_good_0001"


async def main() -> None:
    """Serve until interrupted."""
    asked = argparse.ArgumentParser(prog="tests.shop", description="A stand-in for a Shopify shop.")
    asked.add_argument("--port", type=int, default=int(os.environ.get("SHOP_PORT", "9400")))
    asked.add_argument("--shop", default="acme-test.myshopify.com", help="its myshopify domain")
    asked.add_argument("--currency", default="EUR")
    asked.add_argument("--token", action="append", default=[], help="a token it accepts; may be given more than once")
    asked.add_argument("--secret", default="shop-secret-0001", help="signs its webhooks")
    asked.add_argument(
        "--webhooks-to",
        default=os.environ.get("SHOP_WEBHOOKS_TO", ""),
        help="scheme, host and port that webhooks go to",
    )
    asked.add_argument("--version", default="2026-10", help="the API version that documents are checked against")
    given = asked.parse_args()
    validator = schema.validator(given.version) if schema.is_there(given.version) else None
    tokens = given.token or [TOKEN]
    first = opened(validator, domain=given.shop, currency=given.currency, tokens=tokens, secret=given.secret)
    server = ShopServer([first], webhooks_to=given.webhooks_to, validator=validator)
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

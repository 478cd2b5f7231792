"""The stock card rows: the page after a hundred thousand entries of one item, compared with the first page.

The deep page is reached by following page tokens, as callers do. The item has its own facility, which later runs use
again.
"""

import asyncio
from collections.abc import Mapping
from typing import Any

import aiohttp

from bench.rows import Bench, Row
from bench.world import RECEIPT_LINES, ask

FACILITY = "FAC-CARDS"
VARIANT = "CARDS-1"
DEPTH = 100_000
RECEIPTS_AT_ONCE = 4
PAGE_MAX = 256
CLIENTS = 16
FIRST = "stock/card/list, page one"
_HERE = {"x-logical-guid": FACILITY}
_ASKED: Mapping[str, Any] = {"variant_id": VARIANT, "limit": PAGE_MAX}


async def first_page(bench: Bench) -> Row:
    """stock/card/list of one item, newest first."""
    await _fill(bench)
    return await bench.ask(FIRST, [_request(bench, _ASKED)], CLIENTS)


async def deep_page(bench: Bench) -> Row:
    """stock/card/list of the same item, after DEPTH entries."""
    await _fill(bench)
    async with bench.world.calls() as http:
        token = await _token_at_depth(http)
    asked = [_request(bench, {**_ASKED, "next_token": token})]
    row = await bench.ask(f"stock/card/list, {DEPTH:,} entries down", asked, CLIENTS)
    row.against = FIRST
    return row


def _request(bench: Bench, asked: Mapping[str, Any]) -> bytes:
    return bench.world.request("/ics/stock/card/list", _HERE, **asked)


async def _fill(bench: Bench) -> None:
    """Post receipts until the item has DEPTH entries and one page more."""
    async with bench.world.calls() as http:
        policy = await ask(http, "/ics/stock/policy/get", _HERE)
        if policy["policy"] is None:
            await ask(http, "/ics/stock/policy/set", _HERE, qc="skip")
        lines = [{"variant_id": VARIANT, "quantity": 1}] * RECEIPT_LINES
        while (await ask(http, "/ics/stock/get", _HERE, variant_id=VARIANT))["stock"]["seq"] < DEPTH + PAGE_MAX:
            receipts = (ask(http, "/ics/receive/record", _HERE, lines=lines) for _ in range(RECEIPTS_AT_ONCE))
            await asyncio.gather(*receipts)


async def _token_at_depth(http: aiohttp.ClientSession) -> str:
    """The token of the page after DEPTH entries."""
    passed, asked = 0, dict(_ASKED)
    while passed < DEPTH:
        page = await ask(http, "/ics/stock/card/list", _HERE, **asked)
        passed += page["count"]
        if page["next_token"] is None:
            raise RuntimeError(f"the list ends after {passed:,} entries")
        asked["next_token"] = page["next_token"]
    return str(asked["next_token"])

"""ICS is killed in the middle of approving a count: all its variances are posted, or none."""

import asyncio
import time
import uuid
from typing import Any

import aiohttp
import pytest

from tests.outages.world import World

pytestmark = pytest.mark.outage

POSITIONS = 500
RECEIPT_LINES = 200
TRIES = 5
HURRY = 0.7
"""How much sooner each further try is cut off, as a share of the one before."""


async def submitted_count(world: World) -> tuple[dict[str, Any], list[str]]:
    """A count of five hundred positions, a unit short at each, and its variants.

    The units are under inspection, so that receipts lose some, too.
    """
    batch = uuid.uuid4().hex[:8]
    names = [f"CNT-{batch}-{number}" for number in range(POSITIONS)]
    for start in range(0, POSITIONS, RECEIPT_LINES):
        lines = [{"variant_id": name, "quantity": 9} for name in names[start : start + RECEIPT_LINES]]
        await world.call("/ics/receive/record", lines=lines)
    count = (await world.call("/ics/count/create", lines=[{"variant_id": name} for name in names]))["count"]
    lines = [{"line_no": number, "counted": 8} for number in range(1, POSITIONS + 1)]
    named = {"count_id": count["count_id"], "expected_revision": 1, "lines": lines}
    return (await world.call("/ics/count/submit", **named))["count"], names


async def on_hand(world: World, names: list[str]) -> list[int]:
    """Units on hand of each variant."""
    found: dict[str, int] = {}
    for start in range(0, len(names), 100):
        part = names[start : start + 100]
        listed = await world.call("/ics/stock/list", variant_ids=part, logical_guid="FAC-A", limit=256)
        found |= {row["variant_id"]: row["on_hand"] for row in listed["items"]}
    return [found[name] for name in names]


async def approve(world: World, body: dict[str, Any]) -> bool:
    """Ask for the approval; whether somebody said yes."""
    url = world.stack["GATEWAY_URL"] + "/ics/count/approve"
    try:
        async with aiohttp.ClientSession(headers=world.headers) as http, http.post(url, json=body) as answer:
            return bool((await answer.json())["success"])
    except (aiohttp.ClientError, TimeoutError):
        return False


async def test_a_count_is_approved_whole_or_not_at_all(world: World) -> None:
    count, names = await submitted_count(world)
    began = time.monotonic()
    body = {"count_id": count["count_id"], "expected_revision": 2}
    assert await approve(world, {**body, "idempotency_key": "first"})
    seconds = time.monotonic() - began
    assert set(await on_hand(world, names)) == {8}

    for number in range(TRIES):
        count, names = await submitted_count(world)
        body = {"count_id": count["count_id"], "expected_revision": 2, "idempotency_key": f"try-{count['count_id']}"}
        asked = asyncio.create_task(approve(world, body))
        # Wait for the work to have begun, and not for its end: there is no event to wait for in between.
        await asyncio.wait([asked], timeout=seconds * HURRY**number)
        await asyncio.to_thread(world.kill, "ics")
        await asyncio.to_thread(world.start, "ics")
        told = await asked

        there = set(await on_hand(world, names))
        assert there in ({8}, {9}), "some variances were posted and some were not"
        assert not told or there == {8}, "what was answered was not kept"
        # The same call again finishes what was left undone, once.
        assert await approve(world, body)
        assert set(await on_hand(world, names)) == {8}
    assert (await asyncio.to_thread(world.audit))["differences"] == []

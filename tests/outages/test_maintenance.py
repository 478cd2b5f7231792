"""A maintenance evening on a whole stack, worked by `stackctl`; and things that die around a window."""

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from chassis.clock import SystemClock, later
from tests.outages.world import World
from tests.waiting import stretched

pytestmark = pytest.mark.outage

HOLD_SECONDS = 2.0
AHEAD_SECONDS = 6.0
"""Long enough for the command line to come up while the start is in the future still."""

SWEEP_SECONDS = 20.0
RETURN_SECONDS = 30.0
POLL_SECONDS = 0.05


class Evening:
    """The operator of a stack, and a caller who keeps asking."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.window: dict[str, Any] = {}

    async def stackctl(self, *words: str) -> dict[str, Any]:
        """What `stackctl maintenance` answers."""
        return await asyncio.to_thread(self._stackctl, *words)

    def _stackctl(self, *words: str) -> dict[str, Any]:
        done = subprocess.run(
            [str(Path(sys.executable).with_name("stackctl")), "maintenance", *words, "--json"],
            env={
                **os.environ,
                **{f"STACK_{key}": value for key, value in self.world.stack.items()},
                "STACK_SECRET_FILE": self.world.demo["DEMO_SECRET_FILE"],
            },
            capture_output=True,
            text=True,
            timeout=stretched(60),
            check=False,
        )
        assert done.returncode == 0, done.stderr
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer

    async def schedule(self, seconds: float) -> str:
        """A window that begins after the given seconds; its id."""
        start = later(SystemClock().now(), seconds)
        words = ("--start", start, "--minutes", "10", "--description", "a new disk")
        self.window = (await self.stackctl("schedule", *words))["maintenance"]
        return str(self.window["maintenance_id"])

    async def ask(self, path: str = "/ics/stock/list") -> tuple[int, dict[str, str], dict[str, Any]]:
        """Status, headers and envelope of a call."""
        async with (
            aiohttp.ClientSession(headers=self.world.headers) as http,
            http.post(self.world.stack["GATEWAY_URL"] + path, json={}) as answer,
        ):
            return answer.status, dict(answer.headers), await answer.json()

    async def until(self, status: int, seconds: float, code: str = "") -> None:
        """Ask until the answer has this status; not longer."""
        end = time.monotonic() + stretched(seconds)
        while True:
            with suppress(aiohttp.ClientError):
                found, _, said = await self.ask()
                if found == status and (not code or said["error"]["error_code"] == code):
                    return
            assert time.monotonic() < end, f"no {status} within {seconds} s"
            await asyncio.sleep(POLL_SECONDS)

    def clear(self) -> None:
        """Leave no window behind."""
        for window in self._stackctl("list")["items"]:
            if window["state"] == "active":
                self._stackctl("end", window["maintenance_id"])
            elif window["state"] == "scheduled":
                self._stackctl("cancel", window["maintenance_id"], "--reason", "the evening is over")


@pytest.fixture
def evening(world: World) -> Iterator[Evening]:
    evening = Evening(world)
    try:
        yield evening
    finally:
        evening.clear()


async def test_a_window_closes_the_stack_and_its_end_brings_it_back(evening: Evening) -> None:
    own = await evening.schedule(3600)
    await evening.stackctl("start", own)
    await evening.until(503, HOLD_SECONDS)
    status, headers, said = await evening.ask()
    assert (status, said["error"]["error_code"], said["error"]["retryable"]) == (503, "ics.maintenance_active", True)
    assert said["error"]["details"]["maintenance_id"] == own
    assert 5 <= int(headers["Retry-After"]) <= 600
    assert (await evening.ask("/ops/maintenance/list"))[0] == 200

    await evening.stackctl("end", own)
    await evening.until(200, HOLD_SECONDS)


async def test_the_sweep_starts_a_window_by_itself(evening: Evening) -> None:
    own = await evening.schedule(AHEAD_SECONDS)
    await evening.until(503, AHEAD_SECONDS + SWEEP_SECONDS + HOLD_SECONDS)
    window = (await evening.stackctl("get", own))["maintenance"]
    assert (window["state"], window["started_by"]) == ("active", "sweep")


async def test_ops_killed_while_no_window_is_active_is_missed_by_nobody(evening: Evening) -> None:
    evening.world.kill("ops")
    try:
        for _ in range(40):
            assert (await evening.ask())[0] == 200
            await asyncio.sleep(POLL_SECONDS)
    finally:
        await asyncio.to_thread(evening.world.start, "ops")


async def test_ops_killed_in_a_window_opens_the_stack_until_it_is_back(evening: Evening) -> None:
    own = await evening.schedule(3600)
    await evening.stackctl("start", own)
    await evening.until(503, HOLD_SECONDS)
    evening.world.kill("ops")
    try:
        await evening.until(200, RETURN_SECONDS)
    finally:
        await asyncio.to_thread(evening.world.start, "ops")
    await evening.until(503, RETURN_SECONDS, "ics.maintenance_active")
    await evening.stackctl("end", own)
    await evening.until(200, HOLD_SECONDS)


async def test_without_the_broker_windows_begin_and_end_in_time(evening: Evening) -> None:
    own = await evening.schedule(3600)
    evening.world.kill("rabbitmq")
    try:
        await evening.stackctl("start", own)
        await evening.until(503, HOLD_SECONDS)
        await evening.stackctl("end", own)
        await evening.until(200, HOLD_SECONDS)
    finally:
        await asyncio.to_thread(evening.world.start, "rabbitmq")


async def test_a_service_that_comes_up_in_a_window_is_closed_from_the_first_seconds(evening: Evening) -> None:
    own = await evening.schedule(3600)
    await evening.stackctl("start", own)
    await evening.until(503, HOLD_SECONDS)
    for name in ("ics", "gateway"):
        evening.world.kill(name)
        await asyncio.to_thread(evening.world.start, name)
        await evening.until(503, HOLD_SECONDS, "ics.maintenance_active")
    await evening.stackctl("end", own)
    await evening.until(200, HOLD_SECONDS)

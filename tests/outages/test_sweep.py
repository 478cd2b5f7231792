"""ICS dies in the middle of a sweep. Every rule has moved wholly or not at all, and none moves twice in its window."""

import asyncio
import json
import subprocess
import sys
import time
import uuid
from collections.abc import Coroutine, Iterable, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from pymongo import MongoClient

from tests.engines import Room
from tests.outages.world import World
from tests.waiting import stretched, until

pytestmark = pytest.mark.outage

RULES = 400
STOCK_EACH = 100
MINIMUM, MAXIMUM = 10, 20
CALLS_AT_ONCE = 32
PATIENCE_SECONDS = 180.0


@pytest.fixture(scope="module")
def world_of_a_day(room: Room) -> Iterator[World]:
    """A stack in which a rule moves at most once a day, whoever sweeps: by hand, or by the clock meanwhile."""
    stack = World(room.folder / "sweeps")
    stack.environment |= {"ICS_REPLENISHMENT_SWEEP_WINDOW_MINUTES": "1440"}
    try:
        stack.up()
        yield stack
    finally:
        stack.down()


class Sweeping:
    """Many rules of the demo org, each below its minimum, and the operator who sweeps them."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.client: MongoClient[dict[str, Any]] = MongoClient(world.stack["MONGODB_URI"])
        self.ics = self.client["ics"]
        self.rules: dict[str, str] = {}
        self.pick = self.over = ""

    async def lay_out(self) -> None:
        """A variant a rule, with nothing at its pick place; goods come last."""
        lane = uuid.uuid4().hex[:8].upper()
        zones = "/ics/zone/create"
        self.pick = (await self.world.call(zones, code=f"P-{lane}", purpose="pick"))["zone"]["zone_id"]
        self.over = (await self.world.call(zones, code=f"O-{lane}", purpose="overstock"))["zone"]["zone_id"]
        names = [f"R-{lane}-{number}" for number in range(RULES)]
        await self._all("/ics/stock/policy/set", [{"variant_id": name, "qc": "skip"} for name in names])
        places = {"pick_zone_id": self.pick, "overstock_zone_id": self.over, "min_qty": MINIMUM, "max_qty": MAXIMUM}
        made = await self._all("/ics/replenishment/rule/set", [{"variant_id": name, **places} for name in names])
        self.rules = {each["rule"]["rule_id"]: each["rule"]["variant_id"] for each in made}
        for start in range(0, RULES, 200):
            part = names[start : start + 200]
            lines = [{"variant_id": name, "quantity": STOCK_EACH, "zone_id": self.over} for name in part]
            await self.world.call("/ics/receive/record", lines=lines)

    def begin(self) -> "subprocess.Popen[str]":
        """Start a sweep by hand."""
        command = [
            str(Path(sys.executable).with_name("stackctl")),
            "job",
            "run",
            "ics",
            "replenishment-sweep",
            "--json",
        ]
        command += ["--param", f"orgcode={self.world.demo['DEMO_ORGCODE']}", "--param", "limit=500"]
        environment = {
            **self.world.environment,
            **{f"STACK_{key}": value for key, value in self.world.stack.items()},
            "STACK_SECRET_FILE": self.world.demo["DEMO_SECRET_FILE"],
        }
        return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def sweep(self) -> dict[str, Any]:
        """A sweep by hand, as soon as nobody else is at it: who died holds the lease a little longer."""
        deadline = time.monotonic() + stretched(PATIENCE_SECONDS)
        while True:
            told, complaint = (run := self.begin()).communicate(timeout=stretched(PATIENCE_SECONDS))
            if run.returncode == 0:
                answer: dict[str, Any] = json.loads(told)
                return answer
            assert "running" in complaint, complaint
            assert time.monotonic() < deadline, complaint
            time.sleep(0.5)

    def moved(self) -> dict[str, str]:
        """The rules that have moved, each with its operation, if entries, windows and events all say the same."""
        entries: dict[str, set[str]] = {}
        for entry in self.ics["entries"].find({"kind": "replenish", "recorded_by": "system"}):
            if entry["document_id"] in self.rules:
                assert entry["quantity"] == MAXIMUM
                entries.setdefault(entry["document_id"], set()).add(entry["operation_id"])
        marks: dict[str, set[str]] = {}
        for mark in self.ics["swept_windows"].find():
            marks.setdefault(mark["_id"].split(":")[1], set()).add(mark["operation_id"])
        marks = {rule_id: operations for rule_id, operations in marks.items() if rule_id in self.rules}
        told = {event["subject"] for event in self.ics["events"].find({"type": "ics.replenishment.recorded"})}
        assert entries == marks, "entries without a window, or a window without entries"
        assert {operation for each in marks.values() for operation in each} <= told
        assert all(len(operations) == 1 for operations in entries.values()), "a rule moved twice"
        return {rule_id: next(iter(operations)) for rule_id, operations in entries.items()}

    async def empty_pick_places(self, rules: Iterable[str]) -> None:
        """Bring what was moved back to overstock, so that these rules are below their minimum again."""
        places = {"from_zone_id": self.pick, "to_zone_id": self.over, "quantity": MAXIMUM}
        await self._all("/ics/replenishment/record", [{"variant_id": self.rules[each], **places} for each in rules])

    async def _all(self, path: str, bodies: list[dict[str, Any]]) -> list[dict[str, Any]]:
        places = asyncio.Semaphore(CALLS_AT_ONCE)
        async with aiohttp.ClientSession(headers=self.world.headers, base_url=self.world.stack["GATEWAY_URL"]) as http:

            async def one(body: dict[str, Any]) -> dict[str, Any]:
                async with places, http.post(path, json=body) as answer:
                    envelope = await answer.json()
                assert envelope["success"], (path, envelope)
                data: dict[str, Any] = envelope["data"]
                return data

            calls: list[Coroutine[Any, Any, dict[str, Any]]] = [one(body) for body in bodies]
            return await asyncio.gather(*calls)


async def test_ics_killed_in_the_middle_of_a_sweep_moves_each_rule_once_or_not_at_all(world_of_a_day: World) -> None:
    world = world_of_a_day
    sweeping = Sweeping(world)
    await sweeping.lay_out()

    run = sweeping.begin()
    deadline = time.monotonic() + stretched(PATIENCE_SECONDS)
    while sweeping.ics["swept_windows"].count_documents({}) < RULES // 8:
        assert time.monotonic() < deadline, "the sweep does not begin"
    world.kill("ics")
    run.communicate(timeout=stretched(PATIENCE_SECONDS))
    before = sweeping.moved()
    assert 0 < len(before) < RULES, "the kill came too late"

    await asyncio.to_thread(world.start, "ics")
    await until(lambda: world.reaches("/ics/zone/list"), 30, "ICS does not answer")
    await sweeping.empty_pick_places(before)
    answer = await asyncio.to_thread(sweeping.sweep)
    after = sweeping.moved()

    assert after.keys() == sweeping.rules.keys()
    assert {rule_id: after[rule_id] for rule_id in before} == before, "a rule moved twice in its window"
    assert answer["conflicts"] >= len(before)
    assert answer["errors"] == 0
    report = await asyncio.to_thread(world.audit)
    assert report["differences"] == []
    sweeping.client.close()

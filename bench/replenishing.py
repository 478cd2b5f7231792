"""The sweep row: a thousand rules below their minimum, each with stock to move, swept with `stackctl job run`.

Rules and variants are new in every run; the rules of the previous run are archived. Stock is received last, so that the
scheduled sweep finds little to do before the measurement.
"""

import asyncio
import time
import uuid
from collections.abc import Coroutine, Iterable
from typing import Any

import aiohttp

from bench.load import Measured
from bench.rows import Bench, Row
from bench.world import FACILITY, ORG, RECEIPT_LINES, Refused, World, ask

RULES = 1_000
RULES_A_RUN = 500
RULES_BY_THE_CLOCK = 100
"""How many rules the scheduled sweep may have handled before the measurement."""

STOCK_EACH = 1_000
MINIMUM, MAXIMUM = 10, 20
RUNNING_SECONDS_MAX = 120.0


async def sweep_rules(bench: Bench) -> Row:
    """Rules swept per second, including the start of `stackctl`; the row's name has the total time."""
    await _lay_out(bench.world)
    before, started = bench.meter.read(), time.perf_counter()
    answers = await asyncio.to_thread(_sweep_all, bench.world)
    seconds = time.perf_counter() - started
    cpu = bench.meter.read() - before
    executed = sum(answer["executed"] for answer in answers)
    told = Measured(name=f"sweep: {executed:,} of {RULES:,} rules moved in {seconds:.1f} s", clients=1)
    told.latencies = [1000 * seconds / len(answers)] * len(answers)
    told.requests, told.seconds = sum(answer["processed"] for answer in answers), seconds
    told.errors = told.requests - executed + max(0, RULES - RULES_BY_THE_CLOCK - executed)
    told.note = str(answers[-1])
    return Row(measured=told, cpu=cpu)


def _sweep_all(world: World) -> list[dict[str, Any]]:
    """Run the job until all rules are processed; returns the results."""
    answers: list[dict[str, Any]] = []
    while not answers or answers[-1]["next_cursor"] is not None:
        answers.append(_run(world, f"orgcode={ORG}", f"limit={RULES_A_RUN}"))
    return answers


def _run(world: World, *params: str) -> dict[str, Any]:
    words = [word for param in params for word in ("--param", param)]
    deadline = time.monotonic() + RUNNING_SECONDS_MAX
    while True:
        try:
            return world.stackctl("job", "run", "ics", "replenishment-sweep", *words)
        except Refused as refusal:
            # The scheduled run may be in progress.
            if "running" not in str(refusal) or time.monotonic() > deadline:
                raise
        time.sleep(0.1)


async def _lay_out(world: World) -> None:
    """Create the rules, one variant each, with stock in overstock and none at the pick place."""
    async with world.calls() as http:
        await _archive_all(http)
        lane = uuid.uuid4().hex[:8].upper()
        pick = (await ask(http, "/ics/zone/create", code=f"P-{lane}", purpose="pick"))["zone"]["zone_id"]
        over = (await ask(http, "/ics/zone/create", code=f"O-{lane}", purpose="overstock"))["zone"]["zone_id"]
        names = [f"R-{lane}-{number}" for number in range(RULES)]
        places = {"pick_zone_id": pick, "overstock_zone_id": over, "min_qty": MINIMUM, "max_qty": MAXIMUM}
        await _all(ask(http, "/ics/replenishment/rule/set", variant_id=name, **places) for name in names)
        for start in range(0, RULES, RECEIPT_LINES):
            part = names[start : start + RECEIPT_LINES]
            lines = [{"variant_id": name, "quantity": STOCK_EACH, "zone_id": over} for name in part]
            await ask(http, "/ics/receive/record", lines=lines)


async def _archive_all(http: aiohttp.ClientSession) -> None:
    asked = {"logical_guid": FACILITY, "status": "active", "limit": 256}
    while rules := (await ask(http, "/ics/replenishment/rule/list", **asked))["items"]:
        await _all(
            ask(
                http,
                "/ics/replenishment/rule/status/set",
                rule_id=rule["rule_id"],
                expected_revision=rule["revision"],
                status="archived",
            )
            for rule in rules
        )


async def _all(calls: Iterable[Coroutine[Any, Any, Any]]) -> None:
    await asyncio.gather(*calls)

"""Runs scenarios: performs every step and compares what is found with the contract."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, time, timedelta

import aiohttp
from msgspec import Struct
from rich.console import Console

from demo.findings import Finding
from demo.operator import Operator
from demo.scenarios.floor import OK, Floor
from demo.scenarios.output import COLUMNS, Findings, ScenarioOutput
from demo.scenarios.questions import bucket_totals
from demo.scenarios.scenario_1 import scenario_1
from demo.scenarios.scenario_2 import SCENARIO_2
from demo.scenarios.scenario_3 import SCENARIO_3
from demo.scenarios.scenario_4 import SCENARIO_4
from demo.scenarios.script import Scenario, Step
from demo.scenarios.steps import ApiCall

CALL_SECONDS = 30
RUN_SECONDS = 60
"""Longest time of scenario 1, including its wait of twenty seconds."""


class Tally(Struct):
    """The counts of a run so far."""

    scenarios: int = 0
    steps: int = 0
    compared: int = 0
    differing: int = 0
    left_out: int = 0

    @property
    def good(self) -> bool:
        """Whether all steps ran and all values were as expected."""
        return self.differing == 0 and self.left_out == 0


async def run_scenarios(console: Console, stack: Mapping[str, str], demo: Mapping[str, str]) -> int:
    """Run all scenarios, then audit the ledger; returns the exit status."""
    tally = Tally()
    if wait := seconds_to_clear_midnight(datetime.now(UTC)):
        console.print(f"waiting {wait:.0f} seconds, for a new day")
        await asyncio.sleep(wait)
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=CALL_SECONDS)) as http:
        for scenario in (scenario_1(), SCENARIO_2, SCENARIO_3, SCENARIO_4):
            await run_scenario(scenario, Floor(http, stack, demo, scenario.variant), ScenarioOutput(console), tally)
    console.print()
    agree = await Operator(stack, demo).audit(console)
    left_out = f", {tally.left_out} steps skipped" if tally.left_out else ""
    console.print(
        f"{tally.scenarios} scenarios, {tally.steps} steps: {tally.compared} compared, "
        f"[bold {'green' if tally.good else 'red'}]{tally.differing} differ{left_out}[/]"
    )
    return 0 if agree and tally.good else 1


def seconds_to_clear_midnight(now: datetime) -> float:
    """Seconds to wait so that scenario 1 does not run across midnight (UTC); demand is counted by day."""
    midnight = datetime.combine(now.date() + timedelta(days=1), time(), UTC)
    left = (midnight - now).total_seconds()
    return left if left < RUN_SECONDS else 0.0


async def run_scenario(scenario: Scenario, floor: Floor, show: ScenarioOutput, tally: Tally) -> None:
    """Run one scenario. If an action gets an unexpected answer, the steps after it are skipped: they build on it."""
    tally.scenarios += 1
    show.begin(scenario, floor.called)
    if not await _prepared(scenario.given, floor):
        tally.left_out += len(scenario.steps)
        show.stopped(f"the preparation failed ({floor.status})", len(scenario.steps))
        return
    for position, step in enumerate(scenario.steps, 1):
        show.step(step)
        findings = await run_step(step, floor)
        show.findings(findings)
        tally.steps += 1
        tally.compared += len(findings.all)
        tally.differing += sum(not finding.agrees for finding in findings.all)
        if floor.status != step.status:
            tally.left_out += len(scenario.steps) - position
            show.stopped("what follows builds on this", len(scenario.steps) - position)
            return
    await _prepared(scenario.afterwards, floor)


async def _prepared(calls: Sequence[ApiCall], floor: Floor) -> bool:
    """Make the calls that prepare or clean up; whether all succeeded."""
    for call in calls:
        await floor.do(call)
        if floor.status != OK:
            return False
    return True


async def run_step(step: Step, floor: Floor) -> Findings:
    """Run a step and compare its results. After an unexpected answer nothing else is asked."""
    floor.status = OK
    for act in step.actions:
        await floor.do(act)
        if floor.status != OK:
            break
    answered = Finding("answer", floor.status, step.status)
    if not answered.agrees:
        return Findings({}, [answered])
    totals = {
        facility: [Finding(*cell) for cell in zip(COLUMNS, await bucket_totals(floor, facility), expected, strict=True)]
        for facility, expected in step.books.items()
    }
    others = [Finding(each.words, await each.found(floor), expected) for each, expected in step.finds.items()]
    return Findings(totals, [answered, *others] if step.actions else others)

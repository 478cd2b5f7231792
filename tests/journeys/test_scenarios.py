"""The demo's scenarios: played on a whole stack, and shown to notice when a number is not what it should be."""

import io
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from msgspec.structs import replace
from rich.console import Console

from demo.scenarios.floor import Floor
from demo.scenarios.output import ScenarioOutput
from demo.scenarios.questions import BUCKETS, dig
from demo.scenarios.runner import Tally, run_scenario, seconds_to_clear_midnight
from demo.scenarios.scenario_1 import scenario_1
from demo.scenarios.scenario_2 import SCENARIO_2
from demo.scenarios.scenario_3 import SCENARIO_3
from demo.scenarios.scenario_4 import SCENARIO_4
from demo.scenarios.script import Scenario, Step
from demo.scenarios.steps import call
from tests.outages.world import World
from tests.waiting import stretched

SCENARIOS = [scenario_1(), SCENARIO_2, SCENARIO_3, SCENARIO_4]
STEPS_OF_THE_GUIDE = [22, 15, 10, 16]


def told(arguments: list[str], environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """What `make demo` runs, and what came of it."""
    return subprocess.run(
        [sys.executable, "-m", "demo", *arguments],
        env=environment,
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=stretched(300),
        check=False,
    )


async def played(scenario: Scenario, world: World) -> tuple[Tally, str]:
    """A scenario, played on the stack: how it went, and what was printed."""
    tally, printed = Tally(), io.StringIO()
    async with aiohttp.ClientSession() as http:
        floor = Floor(http, world.stack, world.demo, scenario.variant)
        await run_scenario(scenario, floor, ScenarioOutput(Console(file=printed, width=150)), tally)
    return tally, printed.getvalue()


@pytest.mark.outage
def test_every_number_of_the_guide_is_found_on_a_running_stack(world: World) -> None:
    demo = told(["scenarios"], world.environment)

    assert demo.returncode == 0, demo.stdout + demo.stderr
    assert "4 scenarios, 69 steps" in demo.stdout
    assert "0 differ" in demo.stdout.splitlines()[-1]
    assert "0 differences" in demo.stdout


@pytest.mark.outage
async def test_a_number_that_differs_is_shown_beside_the_one_expected_and_counted(world: World) -> None:
    first, *rest = SCENARIO_3.steps
    wrong = replace(first, books={"FAC-A": (9, 0, 0, 0, 0, 0, 0, 10)})
    tally, printed = await played(replace(SCENARIO_3, steps=[wrong, *rest]), world)

    assert (tally.steps, tally.differing, tally.left_out, tally.good) == (10, 1, 0, False)
    assert "10 ≠ 9" in printed


@pytest.mark.outage
async def test_after_a_call_that_is_refused_the_rest_is_left_out(world: World) -> None:
    first, *rest = SCENARIO_3.steps
    unknown = Step(
        number=1, says="", actions=[call("pick/record", nonsense=True)], books=first.books, finds=first.finds
    )
    tally, printed = await played(replace(SCENARIO_3, steps=[first, unknown, *rest]), world)

    assert (tally.steps, tally.differing, tally.left_out, tally.good) == (2, 1, len(rest), False)
    assert "400 ics.validation_failed ≠ 200" in printed


@pytest.mark.parametrize("arguments", [["nights"], ["day", "scenarios"]])
def test_an_unknown_demo_is_refused_with_the_names_of_those_there_are(arguments: list[str]) -> None:
    refused = told(arguments)

    assert refused.returncode == 2
    assert refused.stderr == f'there is no demo "{" ".join(arguments)}"; there are: day, scenarios, publish, shopify\n'


@pytest.mark.parametrize(("scenario", "steps"), list(zip(SCENARIOS, STEPS_OF_THE_GUIDE, strict=True)))
def test_a_scenario_plays_every_step_of_the_guide_in_order(scenario: Scenario, steps: int) -> None:
    numbers = [step.number for step in scenario.steps]

    assert list(dict.fromkeys(numbers)) == list(range(1, steps + 1))
    assert numbers == sorted(numbers)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.variant)
def test_the_totals_of_every_step_add_up_to_what_is_on_hand(scenario: Scenario) -> None:
    on_the_way = BUCKETS.index("in_transit")
    for step in scenario.steps:
        assert step.books, step.says
        for totals in step.books.values():
            assert totals[-1] == sum(totals[:on_the_way]), (step.number, step.says)


@pytest.mark.parametrize(
    ("clock", "seconds"), [("12:00:00", 0.0), ("23:58:59", 0.0), ("23:59:50", 10.0), ("00:00:00", 0.0)]
)
def test_a_run_that_midnight_would_fall_into_waits_for_the_new_day(clock: str, seconds: float) -> None:
    assert seconds_to_clear_midnight(datetime.fromisoformat(f"2026-03-01T{clock}+00:00")) == seconds


@pytest.mark.parametrize(
    ("path", "found"),
    [("a.b", 1), ("a.c", None), ("rows.*.n", [1, 2]), ("rows.*", [{"n": 1}, {"n": 2}]), ("a.b.c", None)],
)
def test_a_path_leads_into_an_answer(path: str, found: Any) -> None:
    assert dig({"a": {"b": 1}, "rows": [{"n": 1}, {"n": 2}]}, path) == found

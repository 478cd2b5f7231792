"""Runs the publishing story on the running stack, in an org made for it: each number beside the expected one."""

import uuid
from collections.abc import Mapping, Sequence

import aiohttp
from rich.console import Console
from rich.text import Text

from demo.findings import print_findings
from demo.operator import Operator
from demo.publishing.steps import PublishingStory, Step
from demo.stack import Shop

CALL_SECONDS = 60


async def run_publishing(console: Console, stack: Mapping[str, str], demo: Mapping[str, str]) -> int:
    """Run the story, then audit the catalogue; returns the exit status."""
    operator = Operator(stack, demo)
    orgcode = f"STORY{uuid.uuid4().hex[:8].upper()}"
    session = await operator.make_org(orgcode, "Publishing story")
    console.print(Text.assemble(("A catalogue is published", "bold"), (f" · org {orgcode} · found = expected", "dim")))
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=CALL_SECONDS)) as http:
        story = PublishingStory(Shop(http, stack["GATEWAY_URL"], session, orgcode, channel=None))
        compared, differing = await run_steps(console, story.steps())
    console.print()
    agree = await operator.audit_catalogue(console, orgcode)
    console.print(f"{compared} compared, [bold {'red' if differing else 'green'}]{differing} differ[/]")
    return 0 if agree and not differing else 1


async def run_steps(console: Console, steps: Sequence[tuple[str, Step]]) -> tuple[int, int]:
    """Run steps in order; how many values were compared, and how many differed."""
    compared = differing = 0
    for number, (title, step) in enumerate(steps, 1):
        console.print(Text.assemble((f"{number:>2}  ", "bold"), title))
        findings = await step()
        print_findings(console, findings)
        compared += len(findings)
        differing += sum(not each.agrees for each in findings)
    return compared, differing

"""The operator's commands of the demo, run with `stackctl`."""

import asyncio
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console

COMMAND_SECONDS_MAX = 300
SESSION_TTL = "1h"


class Operator:
    """Runs `stackctl` against one stack, for the demo's org."""

    def __init__(self, stack: Mapping[str, str], demo: Mapping[str, str]) -> None:
        self._orgcode = demo["DEMO_ORGCODE"]
        addresses = {f"STACK_{name}": value for name, value in stack.items()}
        self._environment = {**os.environ, **addresses, "STACK_SECRET_FILE": demo["DEMO_SECRET_FILE"]}

    async def sweep(self, facility: str) -> dict[str, Any]:
        """Run the replenishment sweep of one facility; returns its result."""
        return await self.run_job("ics", "replenishment-sweep", orgcode=self._orgcode, logical_guid=facility)

    async def run_job(self, service: str, job: str, **params: str) -> dict[str, Any]:
        """Run a job; its result."""
        words = [word for name, value in params.items() for word in ("--param", f"{name}={value}")]
        return await self._run("job", "run", service, job, *words)

    async def audit(self, console: Console) -> bool:
        """Audit the org's ledger and print the result; whether it found no difference."""
        report = await self._run("audit", "ledger", "--org", self._orgcode)
        differences = len(report["differences"])
        colour = "red" if differences else "green"
        console.print(
            f"Audit: {report['entries_checked']:,} stock cards replayed over {report['items_checked']:,} items, "
            f"[bold {colour}]{differences} differences[/]"
        )
        return differences == 0

    async def audit_catalogue(self, console: Console, orgcode: str) -> bool:
        """Audit an org's roll-ups and search index and print the result; whether it found no difference."""
        report = await self._run("audit", "catalogue", "--org", orgcode)
        differences = len(report["differences"])
        colour = "red" if differences else "green"
        console.print(
            f"Audit: {report['products_checked']:,} products counted again, [bold {colour}]{differences} differences[/]"
        )
        return differences == 0

    async def make_org(self, orgcode: str, name: str) -> str:
        """Create an org with an owner; a session of the owner."""
        await self._run("org", "create", orgcode, "--name", name)
        user_id = (await self._run("user", "create", "--name", f"Owner of {orgcode}"))["user"]["user_id"]
        await self._run("member", "set", orgcode, user_id, "--owner")
        return str((await self._run("session", "open", user_id, "--ttl", SESSION_TTL))["session_guid"])

    async def _run(self, *words: str) -> dict[str, Any]:
        stackctl = Path(sys.executable).with_name("stackctl")
        process = await asyncio.create_subprocess_exec(
            str(stackctl),
            *words,
            "--json",
            env=self._environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            async with asyncio.timeout(COMMAND_SECONDS_MAX):
                output, errors = await process.communicate()
        except TimeoutError:
            process.kill()
            await process.wait()
            raise RuntimeError(f"stackctl {' '.join(words)} did not end") from None
        # Status 1 is a result too: an audit found differences.
        if process.returncode not in (0, 1) or not output:
            raise RuntimeError(f"stackctl {' '.join(words)}: {errors.decode().strip()}")
        document: dict[str, Any] = json.loads(output)
        return document

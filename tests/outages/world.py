"""A whole stack of the tests' own, brought up by the launcher, whose processes can be killed and started again."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import aiohttp
import psutil

from deploy.local import process
from deploy.local.running import Running
from deploy.local.state import ROOT, read_env
from tests.waiting import stretched

LAUNCH_SECONDS = 180


class World:
    """The stack in one folder, with its demo org."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.environment = {
            **{key: value for key, value in os.environ.items() if key not in {"MONGODB_URI", "AMQP_URL"}},
            "RETAILSTACK_RUN": str(home),
        }

    def up(self, replicas: str = "") -> None:
        """Bring it up, with replicas of services such as `ics=2,pmc=2`, and read where it is."""
        self._launch("up", *(["--replicas", replicas] if replicas else []))
        self.stack = read_env(self.home / "stack.env")
        self.demo = read_env(self.home / "demo.env")

    def add_shop(self) -> None:
        """Add the stand-in Shopify, which stays until the stack is down."""
        self._launch("shop")
        self.stack = read_env(self.home / "stack.env")

    def down(self) -> None:
        """Take it down and forget it."""
        self._launch("down", "--clean")

    def start(self, name: str) -> None:
        """Start one process again and wait until it is ready."""
        self._launch("start", name)

    def stop(self, name: str) -> None:
        """Stop one process in order (SIGTERM)."""
        self._launch("stop", name)

    def kill(self, name: str) -> None:
        """End one process and all it started, at once, and wait until it is gone."""
        pid = self.pid(name)
        began = psutil.Process(pid).create_time()
        process.kill(Running(name=name, pid=pid, started=began, log=str(self.log(name))))

    def pid(self, name: str) -> int:
        """The process id of one part of the stack."""
        rows = json.loads((self.home / "processes.json").read_text())
        return int(next(row["pid"] for row in rows if row["name"] == name))

    def ports(self, name: str) -> dict[str, int]:
        """The ports of one part of the stack, by purpose."""
        rows = json.loads((self.home / "processes.json").read_text())
        found: dict[str, int] = next(row["ports"] for row in rows if row["name"] == name)
        return found

    def log(self, name: str) -> Path:
        """The log of one part of the stack."""
        return self.home / "logs" / f"{name}.log"

    @property
    def headers(self) -> dict[str, str]:
        """A caller who may do everything in the demo org's first facility."""
        return {
            "x-session-guid": self.demo["DEMO_OWNER_SESSION"],
            "x-orgcode": self.demo["DEMO_ORGCODE"],
            "x-logical-guid": "FAC-A",
            "x-channel-code": "WEB",
        }

    async def call(self, path: str, *, facility: str = "FAC-A", **body: Any) -> dict[str, Any]:
        """The data of an answer that must be a good one, asked in a facility."""
        async with (
            aiohttp.ClientSession(headers={**self.headers, "x-logical-guid": facility}) as http,
            http.post(self.stack["GATEWAY_URL"] + path, json=body) as answer,
        ):
            envelope: dict[str, Any] = await answer.json()
        assert envelope["success"], (path, envelope)
        data: dict[str, Any] = envelope["data"]
        return data

    async def reaches(self, path: str, **body: Any) -> bool:
        """Whether this call succeeds; right after a start the gateway may still hold the service for dead."""
        try:
            await self.call(path, **body)
        except AssertionError:
            return False
        return True

    def audit(self) -> dict[str, Any]:
        """What the auditor says of the demo org's books."""
        done = subprocess.run(
            [str(Path(sys.executable).with_name("stackctl")), "audit", "ledger", "--json"],
            env={
                **self.environment,
                **{f"STACK_{key}": value for key, value in self.stack.items()},
                "STACK_SECRET_FILE": self.demo["DEMO_SECRET_FILE"],
            },
            capture_output=True,
            text=True,
            timeout=stretched(LAUNCH_SECONDS),
            check=False,
        )
        assert done.stdout, done.stderr
        report: dict[str, Any] = json.loads(done.stdout)
        return report

    def _launch(self, *words: str) -> None:
        command: Sequence[str] = [sys.executable, "-m", "deploy.local", *words]
        done = subprocess.run(
            command,
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=stretched(LAUNCH_SECONDS),
            check=False,
        )
        assert done.returncode == 0, f"{' '.join(words)}: {done.stdout}{done.stderr}"

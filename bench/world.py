"""The benchmark's org on the running stack: its stock, its credentials, and requests prepared as bytes."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from bench.load import post
from deploy.local.state import Home, read_env

ORG = "BENCH001"
FACILITY = "FAC-A"
CHANNEL = "WEB"
RECEIPT_LINES = 200
STOCK_EACH = 1_000_000
STACKCTL_SECONDS = 120.0
TIMEOUT = aiohttp.ClientTimeout(total=120)

THIS_RUN = f"{int(time.time()):x}"
"""Part of the variant ids of this run: reservations left by an earlier run would slow down this one."""


def variant(number: int) -> str:
    """The variant id of the n-th item."""
    return f"V{THIS_RUN}-{number:06d}"


class Refused(Exception):
    """A call or `stackctl` command that a row needs was refused."""


class World:
    """The benchmark's org on a running stack."""

    def __init__(self, *, items: int, products: int) -> None:
        self.items = items
        self.products = products
        self.demo = read_env(Home().demo_env)
        self.read_addresses()
        parts = urlsplit(self.stack["GATEWAY_URL"])
        self.address = (str(parts.hostname), int(parts.port or 80))
        self.session = self._owner_session()
        self.headers = {
            "x-session-guid": self.session,
            "x-orgcode": ORG,
            "x-logical-guid": FACILITY,
            "x-channel-code": CHANNEL,
        }

    def read_addresses(self) -> None:
        """Read where the stack is: again after a part was added to it."""
        self.stack = read_env(Home().stack_env)

    def request(self, path: str, headers: Mapping[str, str] | None = None, /, **body: Any) -> bytes:
        """A call of the benchmark's org as bytes; `headers` are added, for instance another facility."""
        return post(path, {**self.headers, **(headers or {})}, json.dumps(body).encode())

    def _owner_session(self) -> str:
        """A new session of the org's owner; org and owner are created if needed."""
        with suppress(Refused):  # The org exists from an earlier run.
            self.stackctl("org", "create", ORG, "--name", "Benchmark")
        user = self.stackctl("user", "create", "--name", "Benchmark")["user"]["user_id"]
        self.stackctl("member", "set", ORG, user, "--owner")
        return str(self.stackctl("session", "open", user)["session_guid"])

    def stackctl(self, *words: str) -> dict[str, Any]:
        """The output of a `stackctl` command. Raises Refused if it fails."""
        command = [str(Path(sys.executable).with_name("stackctl")), *words, "--json"]
        addresses = {f"STACK_{name}": value for name, value in self.stack.items()}
        environment = {**os.environ, **addresses, "STACK_SECRET_FILE": self.demo["DEMO_SECRET_FILE"]}
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=STACKCTL_SECONDS, check=False
        )
        if done.returncode != 0:
            raise Refused(f"stackctl {' '.join(words[:2])}: {done.stderr.strip()}")
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer

    def calls(self) -> aiohttp.ClientSession:
        """An HTTP session for calls outside measurements; see `ask`."""
        return aiohttp.ClientSession(headers=self.headers, base_url=self.stack["GATEWAY_URL"], timeout=TIMEOUT)

    async def stock_up(self, items: int) -> None:
        """Receive stock of the first `items` items; items with enough stock are left unchanged."""
        async with self.calls() as http:
            policy = await ask(http, "/ics/stock/policy/get", logical_guid=FACILITY)
            if policy["policy"] is None:
                await ask(http, "/ics/stock/policy/set", logical_guid=FACILITY, qc="skip")
            for start in range(0, items, RECEIPT_LINES):
                await self._receive(http, range(start, min(items, start + RECEIPT_LINES)))

    async def _receive(self, http: aiohttp.ClientSession, numbers: range) -> None:
        names = [variant(number) for number in numbers]
        held: set[str] = set()
        for part in (names[:100], names[100:]):
            if part:
                listed = await ask(http, "/ics/stock/list", logical_guid=FACILITY, variant_ids=part, limit=256)
                held |= {row["variant_id"] for row in listed["items"] if row["buckets"]["available"] > STOCK_EACH // 2}
        lines = [{"variant_id": name, "quantity": STOCK_EACH} for name in names if name not in held]
        if lines:
            await ask(http, "/ics/receive/record", lines=lines)

    async def stock(self, variant_id: str) -> dict[str, Any]:
        """The stock of one item, as `/ics/stock/get` answers it."""
        async with self.calls() as http:
            stock: dict[str, Any] = (await ask(http, "/ics/stock/get", variant_id=variant_id))["stock"]
            return stock


async def ask(http: aiohttp.ClientSession, path: str, headers: Mapping[str, str] | None = None, /, **body: Any) -> Any:
    """The `data` of the answer. Raises Refused if the call is refused."""
    async with http.post(path, json=body, headers=headers) as answer:
        envelope = json.loads(await answer.read())
    if not envelope["success"]:
        raise Refused(f"{path}: {envelope['error']}")
    return envelope["data"]

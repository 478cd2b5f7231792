"""Callers that only read, from every service, and note each answer that is not a good one."""

import asyncio
from collections.abc import Mapping

import aiohttp

from tests.outages.world import World

READS: Mapping[str, tuple[str, str, dict[str, object]]] = {
    "ops": ("POST", "/ops/maintenance/list", {}),
    "ics": ("POST", "/ics/stock/list", {}),
    "pmc": ("GET", "/pmc/pack/list", {}),
    "slc": ("POST", "/slc", {"action": "channel/list"}),
    "visualgrid": ("GET", "/visualgrid/ping", {}),
}
"""A call of each service."""

PAUSE_SECONDS = 0.02


class Readers:
    """A caller of each service in turn, until told to stop."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._stopped = False
        self.answered = 0
        self.failed: list[str] = []

    async def read(self) -> None:
        """Call one service after the other until `stop`."""
        async with aiohttp.ClientSession(self._world.stack["GATEWAY_URL"], headers=self._world.headers) as http:
            while not self._stopped:
                for service, (method, path, body) in READS.items():
                    await self._call(http, service, method, path, body)
                await asyncio.sleep(PAUSE_SECONDS)

    def stop(self) -> None:
        """Let everyone finish the call in hand."""
        self._stopped = True

    async def _call(
        self, http: aiohttp.ClientSession, service: str, method: str, path: str, body: dict[str, object]
    ) -> None:
        try:
            async with http.request(method, path, json=body if method == "POST" else None) as answer:
                await answer.read()
        except (aiohttp.ClientError, OSError) as problem:
            self.failed.append(f"{service}: {problem!r}")
            return
        self.answered += 1
        if answer.status != 200:
            self.failed.append(f"{service}: {answer.status}")

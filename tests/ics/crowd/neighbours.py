"""The neighbours of a crowd: promises on another item, made one after the other while a call on the crowd is under way.

How long they wait is not measured by the clock but counted: the batches committed before a neighbour has its answer,
and what others wrote in them.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from chassis.mongo.limits import LARGE_BYTES, LARGE_DOCUMENTS
from chassis.mongo.stats import BatchSize
from chassis.testing.client import ServiceClient
from tests.ics.given import CHANNEL

T = TypeVar("T")

BATCHES_MAX = 2
"""Batches until a neighbour has its answer: the one under way when it asks, and its own."""

OWN_DOCUMENTS, OWN_BYTES = 16, 32 * 1024
"""The most that a neighbour writes itself."""

UNITS = 1_000_000


class Neighbours:
    """Promises on an item that nobody else asks for. `calls`: how many were made beside others."""

    def __init__(self, ics: ServiceClient, variant_id: str = "NEXT-DOOR") -> None:
        self._ics = ics
        self._body = {"variant_id": variant_id, "quantity": 1, "ttl_seconds": 86_400}
        self.calls = 0

    async def move_in(self) -> None:
        """Bring their units in."""
        body = {"variant_id": self._body["variant_id"], "delta": UNITS, "reason_code": "found"}
        assert (await self._ics.post("/adjustment/create", **body)).status == 200

    async def beside(self, work: Callable[[], Awaitable[T]]) -> tuple[T, list[str]]:
        """What the work gives, and what is wrong with how long neighbours waited meanwhile."""
        wrong: list[str] = []
        self._batches()
        under_way = asyncio.ensure_future(work())
        try:
            while not under_way.done():
                # One after the other, and not the whole time: neighbours are few.
                await asyncio.sleep(0)
                wrong += await self._call()
        finally:
            given = await under_way
        return given, wrong

    async def _call(self) -> list[str]:
        self._batches()
        answer = await self._ics.post("/reservation/create", headers={"x-channel-code": CHANNEL}, **self._body)
        shared = [each for each in self._batches() if each.lane == "shared"]
        assert answer.status == 200, answer
        self.calls += 1
        wrong = [] if len(shared) <= BATCHES_MAX else [f"a neighbour waited for {len(shared)} batches"]
        too_large = (
            each
            for each in shared
            if each.documents > LARGE_DOCUMENTS + OWN_DOCUMENTS or each.bytes > LARGE_BYTES + OWN_BYTES
        )
        return [*wrong, *(f"a neighbour waited for a batch of {each}" for each in too_large)]

    def _batches(self) -> list[BatchSize]:
        units: Any = self._ics.application.runtime.units
        sizes: list[BatchSize] = units.stats.take_sizes()
        return sizes

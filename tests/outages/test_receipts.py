"""ICS is killed in the middle of receipts: each shipment is booked in once and whole, or is still on its way."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import Any

import aiohttp
import pytest
from pymongo import MongoClient

from tests.outages.listener import Listener
from tests.outages.world import World
from tests.waiting import within

pytestmark = pytest.mark.outage

SHIPMENTS = 80
PIECES = 3
CALLS_AT_ONCE = 16
BEFORE = 10
"""Receipts acknowledged before the kill; as many as are asked for at once are under way then."""

PATIENCE_SECONDS = 60.0
DONE_BEFORE = "ics.revision_conflict"
"""What who asks a second time is told: the shipment is at another revision since."""


class Lane:
    """Shipments on their way from the first facility to the second, and the people who book them in there."""

    def __init__(self, world: World, variants: Sequence[str]) -> None:
        self.world = world
        self.variants = variants
        self.told: dict[str, str] = {}
        self._news = asyncio.Event()
        self._places = asyncio.Semaphore(CALLS_AT_ONCE)

    async def ship(self) -> str:
        """Send some pieces of every article; the shipment's id."""
        lines = [{"variant_id": variant, "quantity": PIECES} for variant in self.variants]
        between = {"from_logical_guid": "FAC-A", "to_logical_guid": "FAC-B"}
        answer = await self._ask("request/create", **between, lines=lines)
        for step in ("request/submit", "request/approve", "shipment/record"):
            transfer = answer["transfer"]
            named = {"transfer_id": transfer["transfer_id"], "expected_revision": transfer["revision"]}
            answer = await self._ask(step, **named)
        return str(answer["shipment"]["shipment_id"])

    async def receive(self, shipments: Sequence[str]) -> None:
        """Book them all in, and keep what each one's receiver was told."""
        headers = {**self.world.headers, "x-logical-guid": "FAC-B"}
        async with aiohttp.ClientSession(headers=headers, base_url=self.world.stack["GATEWAY_URL"]) as http:

            async def one(shipment_id: str) -> None:
                async with self._places:
                    self.told[shipment_id] = await _receipt(http, shipment_id)
                self._news.set()

            await asyncio.gather(*(one(each) for each in shipments))

    async def until_received(self, count: int) -> None:
        """Wait until the given number of receipts have been acknowledged."""
        async with within(PATIENCE_SECONDS):
            while len(self.told_that("received")) < count:
                self._news.clear()
                await self._news.wait()

    def told_that(self, word: str) -> set[str]:
        """The shipments whose receivers were told so."""
        return {shipment_id for shipment_id, told in self.told.items() if told == word}

    async def booked_in(self, shipments: Sequence[str]) -> set[str]:
        """The shipments that are received, if records, entries and stock all say the same."""
        received = set()
        # One call by itself comes first: the gateway lets no more through to a service that was away.
        stock = await self._buckets()
        answers = await asyncio.gather(*(self._ask("shipment/get", shipment_id=each) for each in shipments))
        for shipment_id, answer in zip(shipments, answers, strict=True):
            shipment = answer["shipment"]
            left = {line["outstanding"] for line in shipment["lines"]}
            assert (shipment["status"], left) in (("received", {0}), ("in_transit", {PIECES})), "received by half"
            received |= {shipment_id} if left == {0} else set()
        entries = await asyncio.to_thread(self._entries, shipments)
        assert entries == dict.fromkeys(received, len(self.variants)), "entries without a receipt, or the reverse"
        for buckets in stock:
            assert buckets["available"] == PIECES * len(received)
            assert buckets["in_transit"] == PIECES * (len(shipments) - len(received))
        return received

    async def _ask(self, path: str, **body: Any) -> dict[str, Any]:
        """A call about transfers, where they begin."""
        async with self._places:
            return await self.world.call(f"/ics/transfer/{path}", **body)

    async def _buckets(self) -> list[dict[str, int]]:
        """What there is of each article where it goes."""
        listed = await self.world.call("/ics/stock/list", facility="FAC-B", variant_ids=list(self.variants))
        assert len(listed["items"]) == len(self.variants)
        return [row["buckets"] for row in listed["items"]]

    def _entries(self, shipments: Sequence[str]) -> Counter[str]:
        """How many entries each shipment's receipts have made."""
        with MongoClient[dict[str, Any]](self.world.stack["MONGODB_URI"]) as client:
            found = client["ics"]["entries"].find({"kind": "transfer_receive"})
            return Counter(entry["document_id"] for entry in found if entry["document_id"] in shipments)


async def _receipt(http: aiohttp.ClientSession, shipment_id: str) -> str:
    """Book everything in that is expected of a shipment nobody has touched; what the answer comes down to."""
    body = {"shipment_id": shipment_id, "expected_revision": 1}
    try:
        async with http.post("/ics/transfer/shipment/receive", json=body) as answer:
            envelope = await answer.json()
    except (aiohttp.ClientError, TimeoutError):
        return "nothing"
    return "received" if envelope["success"] else str(envelope["error"]["error_code"])


async def test_ics_killed_in_the_middle_of_receipts_books_each_shipment_in_once_or_not_at_all(
    world: World, variants: list[str]
) -> None:
    lane = Lane(world, variants)
    shipments = await asyncio.gather(*(lane.ship() for _ in range(SHIPMENTS)))
    assert await lane.booked_in(shipments) == set()

    async with Listener(world.stack["AMQP_URL"], variants) as listener:
        receiving = asyncio.create_task(lane.receive(shipments))
        await lane.until_received(BEFORE)
        await asyncio.to_thread(world.kill, "ics")
        await receiving
        acknowledged = lane.told_that("received")
        await asyncio.to_thread(world.start, "ics")

        received = await lane.booked_in(shipments)
        assert acknowledged <= received, "what was answered was not kept"
        assert len(received) < SHIPMENTS, "the kill came too late"

        await lane.receive([each for each in shipments if each not in acknowledged])
        assert lane.told_that(DONE_BEFORE) == received - acknowledged
        assert lane.told_that("received") == set(shipments) - lane.told_that(DONE_BEFORE)
        assert await lane.booked_in(shipments) == set(shipments)
        assert not await listener.until_told_of("ics.shipment.received", set(shipments))

    told = listener.first_hearings("ics.shipment.received")
    assert {shipment_id: len(events) for shipment_id, events in told.items()} == dict.fromkeys(shipments, 1)
    assert (await asyncio.to_thread(world.audit))["differences"] == []

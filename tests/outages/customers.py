"""Customers who reserve one piece each, through the gateway, and remember what they were told.

Each piece has an idempotency key of its own. A customer who gets no clear answer keeps the key and asks again later:
whatever happened meanwhile, the piece must be theirs exactly once.
"""

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import Any

import aiohttp
from msgspec import Struct

from tests.waiting import within

RETRY_SECONDS = 0.1
GIVE_UP_SECONDS = 60.0


class Piece(Struct):
    """One piece a customer wants: its key, and the reservation they hold once somebody has said so."""

    variant_id: str
    key: str
    reservation_id: str = ""
    tries: int = 0
    told: list[str] = []


class Customers:
    """A crowd that reserves pieces, a few at a time."""

    def __init__(self, url: str, headers: Mapping[str, str], variants: Sequence[str], name: str) -> None:
        self._url = url
        self._headers = dict(headers)
        self._variants = variants
        self._name = name
        self.pieces: list[Piece] = []
        self._stopped = asyncio.Event()
        self._news = asyncio.Event()

    async def buy(self, crowd: int) -> None:
        """Reserve piece after piece until `stop`."""
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=15)) as http:
            await asyncio.gather(*(self._customer(http) for _ in range(crowd)))

    def stop(self) -> None:
        """Let everyone finish the piece in hand."""
        self._stopped.set()

    async def until_held(self, count: int) -> None:
        """Wait until the given number of pieces have been acknowledged."""
        async with within(GIVE_UP_SECONDS):
            while sum(bool(piece.reservation_id) for piece in self.pieces) < count:
                self._news.clear()
                await self._news.wait()

    async def ask_again(self) -> None:
        """Everyone who was left without an answer asks again with the same key, until there is one."""
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=15)) as http,
            within(GIVE_UP_SECONDS),
        ):
            await asyncio.gather(*(self._insist(http, piece) for piece in self.pieces if not piece.reservation_id))

    async def replayed(self, pieces: Sequence[Piece]) -> list[tuple[Piece, str, bool]]:
        """Ask again for pieces already held: what each is told now, and whether it was marked as a repeat."""
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=15)) as http:
            answers = []
            for piece in pieces:
                async with http.post(self._url, json=_body(piece), headers=self._headers) as answer:
                    data = (await answer.json())["data"]
                    repeated = answer.headers.get("Idempotent-Replayed") == "true"
                    answers.append((piece, data["reservation"]["reservation_id"], repeated))
            return answers

    async def _customer(self, http: aiohttp.ClientSession) -> None:
        while not self._stopped.is_set():
            number = len(self.pieces)
            piece = Piece(self._variants[number % len(self._variants)], f"{self._name}-{number}", told=[])
            self.pieces.append(piece)
            await self._ask(http, piece)
            if not piece.reservation_id:
                await asyncio.sleep(RETRY_SECONDS)

    async def _insist(self, http: aiohttp.ClientSession, piece: Piece) -> None:
        while not piece.reservation_id:
            await self._ask(http, piece)
            if not piece.reservation_id:
                await asyncio.sleep(RETRY_SECONDS)

    async def _ask(self, http: aiohttp.ClientSession, piece: Piece) -> None:
        piece.tries += 1
        try:
            async with http.post(self._url, json=_body(piece), headers=self._headers) as answer:
                envelope: dict[str, Any] = json.loads(await answer.read())
        except (aiohttp.ClientError, TimeoutError, OSError) as failure:
            piece.told.append(type(failure).__name__)
            return
        if envelope["success"]:
            piece.reservation_id = envelope["data"]["reservation"]["reservation_id"]
            self._news.set()
        else:
            piece.told.append(f"{answer.status} {envelope['error']['error_code']}")


def _body(piece: Piece) -> dict[str, Any]:
    return {"variant_id": piece.variant_id, "quantity": 1, "ttl_seconds": 86_400, "idempotency_key": piece.key}

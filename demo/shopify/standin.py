"""The stand-in Shopify beside the stack: a shop of one run, told what customers do, and asked what it has seen."""

from typing import Any

import aiohttp

ORDER_TOPICS = ("orders/create", "orders/paid")


class StandInShop:
    """One shop of the stand-in. `mark` notes how many calls it has seen; `writes` are those after the mark."""

    def __init__(self, http: aiohttp.ClientSession, base: str, domain: str) -> None:
        self._http = http
        self._base = base
        self.domain = domain
        self._marked = 0

    async def open(self, *, token: str, secret: str) -> None:
        """Open the shop, empty, with one location. Raises aiohttp.ClientError where the stand-in refuses."""
        body = {"domain": self.domain, "currency": "EUR", "tokens": [token], "secret": secret}
        await self._post("/told/shops", body)

    async def tell(self, verb: str, **given: Any) -> dict[str, Any]:
        """Tell the shop to do something: its answer."""
        return await self._post(f"/{self.domain}/told/{verb}", given)

    async def state(self) -> dict[str, Any]:
        """Everything the shop shows of itself."""
        async with self._http.get(f"{self._base}/{self.domain}/told/state", raise_for_status=True) as answer:
            found: dict[str, Any] = await answer.json()
            return found

    async def mark(self) -> None:
        """Have `calls` and `writes` count from here."""
        self._marked = (await self.state())["calls"]

    async def calls(self) -> list[dict[str, Any]]:
        """The calls since the mark, the last hundred at most."""
        state = await self.state()
        new = state["calls"] - self._marked
        return list(state["log"][-new:]) if new else []

    async def writes(self) -> list[dict[str, Any]]:
        """The mutations since the mark that were executed or refused."""
        return [each for each in await self.calls() if each["write"]]

    async def levels_written(self) -> list[str]:
        """Each level since the mark, in the order it was written: compared quantity, quantity, and a refusal."""
        return [
            f"{entry['changeFromQuantity']} → {entry['quantity']}"
            + (" refused" if each["outcome"] == "refused" else "")
            for each in await self.writes()
            if each["fields"] == ["inventorySetQuantities"]
            for entry in each["variables"]["input"]["quantities"]
        ]

    async def counted(self) -> dict[str, tuple[int, int]]:
        """Mutations since the mark that were executed: root field -> calls, and quantities in all of them."""
        found = await self._written()
        return {name: (calls, entries) for name, (calls, entries) in found["calls"].items()}

    async def quantities_written(self) -> dict[str, list[tuple[int, float]]]:
        """SKU -> the quantities written since the mark, each with its time in seconds since 1970."""
        found: dict[str, list[tuple[int, float]]] = {}
        for sku, quantity, at in (await self._written())["quantities"]:
            found.setdefault(sku, []).append((quantity, at))
        return found

    async def shown(self, sku: str) -> dict[str, Any] | None:
        """A variant as the shop shows it."""
        return next((each for each in (await self.state())["variants"] if each["sku"] == sku), None)

    async def quantity(self, sku: str) -> int | None:
        """The units that the shop shows of a SKU."""
        found = await self.shown(sku)
        return next(iter(found["levels"].values()), None) if found is not None else None

    async def close(self) -> None:
        """Close the connections of its calls."""
        await self._http.close()

    async def _written(self) -> dict[str, Any]:
        url = f"{self._base}/{self.domain}/told/written"
        async with self._http.get(url, params={"since": str(self._marked)}, raise_for_status=True) as answer:
            found: dict[str, Any] = await answer.json()
            return found

    async def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        async with self._http.post(self._base + path, json=body) as answer:
            if answer.status != 200:
                raise RuntimeError(f"the stand-in shop answers {answer.status} at {path}: {await answer.text()}")
            found: dict[str, Any] = await answer.json()
            return found

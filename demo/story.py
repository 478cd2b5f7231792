"""The steps of the demo day: receive goods, take and ship orders, and let many buyers want the last units."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

from demo.sales import Article, Day, OrderLine
from demo.scene import Scene
from demo.stack import Refused, Shop

BUYERS = 60
LAST_PIECES = 25
RECEIPT_LINES = 100
AT_ONCE = 8
SPARE = 40

T = TypeVar("T")


class DayRunner:
    """Runs the steps of the day in two facilities of one org."""

    def __init__(self, shops: Sequence[Shop], day: Day, scene: Scene) -> None:
        self.shops = shops
        self.day = day
        self.scene = scene
        self.needed: Counter[tuple[int, str]] = Counter()
        for line in day.orders:
            self.needed[line.shop, line.variant_id] += line.quantity

    async def receive(self) -> str:
        """Receive every article in both facilities: the day's demand plus a reserve."""
        pieces = 0
        for number, shop in enumerate(self.shops):
            dock = await shop.place("RCV")
            for articles in _chunks(self.day.articles, RECEIPT_LINES):
                lines = [
                    {
                        "variant_id": article.variant_id,
                        "quantity": self.needed[number, article.variant_id] + SPARE,
                        "zone_id": dock,
                    }
                    for article in articles
                ]
                receipt = (await shop.call("/ics/receive/record", lines=lines))["receive"]
                pieces += sum(line["quantity"] for line in receipt["lines"])
                self._receipts.append((shop, receipt))
        return f"{len(self.day.articles)} articles, {pieces:,} pieces in {len(self.shops)} facilities"

    async def inspect(self) -> str:
        """Inspect each receipt: two units are damaged, one is rejected, the rest is accepted."""
        for shop, receipt in self._receipts:
            results: list[dict[str, Any]] = []
            for line in receipt["lines"]:
                bad = {1: ("damaged", 2), 2: ("rejected", 1)}.get(line["line_no"])
                if bad:
                    results.append({"line_no": line["line_no"], "outcome": bad[0], "quantity": bad[1]})
                good = line["quantity"] - (bad[1] if bad else 0)
                results.append({"line_no": line["line_no"], "outcome": "accepted", "quantity": good})
            await shop.call(
                "/ics/qc/complete",
                receive_id=receipt["receive_id"],
                expected_revision=receipt["revision"],
                results=results,
            )
        return f"{len(self._receipts)} receipts inspected"

    async def put_away(self) -> str:
        """Move the day's demand from receiving to the pick zone."""
        moves = []
        for number, shop in enumerate(self.shops):
            dock, pick = await shop.place("RCV"), await shop.place("PCK")
            for article in self.day.articles:
                quantity = self.needed[number, article.variant_id] + SPARE // 2
                moves.append(_put_away(shop, article, quantity, dock, pick))
        await _all(moves)
        return f"{len(moves)} putaways"

    async def reserve(self) -> str:
        """Reserve every line of every basket."""
        self._reserved = await _all([self._reserve(line) for line in self.day.orders])
        return f"{len(self._reserved)} lines of {len({line.basket for line in self.day.orders})} baskets"

    async def commit(self) -> str:
        """Commit every reservation, every other one through an allocation."""
        self._commits = await _all(
            [self._commit(entry, number % 2 == 0) for number, entry in enumerate(self._reserved)]
        )
        return f"{len(self._commits)} commits, half of them by way of an allocation"

    async def pick_and_pack(self) -> str:
        """Pick every commit to the staging zone and pack it."""
        self._commits = await _all([_pick_and_pack(shop, commit) for shop, commit in self._commits])
        return f"{len(self._commits)} lines picked and packed"

    async def ship(self) -> str:
        """Ship every commit, except every tenth, which is released because the customer cancels."""
        shipped = await _all([_ship(shop, commit, n % 10 == 9) for n, (shop, commit) in enumerate(self._commits)])
        return f"{sum(shipped)} lines shipped, {len(shipped) - sum(shipped)} released again"

    async def last_pieces(self) -> str:
        """Sixty buyers reserve one unit each at once; twenty-five units are left, so exactly that many succeed."""
        shop, article = self.shops[0], self.day.articles[0]
        await _leave_exactly(shop, article.variant_id, LAST_PIECES)
        buyers = [
            shop.call("/ics/reservation/create", variant_id=article.variant_id, quantity=1, demand_ref=f"buyer {n}")
            for n in range(BUYERS)
        ]
        outcomes = await asyncio.gather(*buyers, return_exceptions=True)
        served = [outcome for outcome in outcomes if isinstance(outcome, dict)]
        refused = [outcome for outcome in outcomes if isinstance(outcome, Refused)]
        if others := [o for o in outcomes if not isinstance(o, dict | Refused)]:
            raise RuntimeError(f"a buyer got an unexpected error: {others[0]!r}")
        if len(served) != LAST_PIECES or {r.error_code for r in refused} != {"ics.insufficient_stock"}:
            raise RuntimeError(f"{len(served)} of {BUYERS} buyers were served, {LAST_PIECES} should have been")
        short = refused[0].details["shortages"][0]
        await _all([_release(shop, outcome["reservation"]) for outcome in served])
        return (
            f"{len(served)} served, {len(refused)} refused: “insufficient_stock, requested {short['requested']}, "
            f"available {short['available']}” ({article.name})"
        )

    def steps(self) -> list[tuple[str, Callable[[], Awaitable[str]]]]:
        """Title and function of each step, in order."""
        return [
            ("Goods arrive", self.receive),
            ("Inspection", self.inspect),
            ("Putaway", self.put_away),
            ("Carts fill", self.reserve),
            ("Orders are placed", self.commit),
            ("Pick and pack", self.pick_and_pack),
            ("The carrier comes", self.ship),
            (f"{BUYERS} buyers, {LAST_PIECES} pieces", self.last_pieces),
        ]

    async def run(self) -> None:
        """Run all steps and show the stock totals after each."""
        self._receipts: list[tuple[Shop, dict[str, Any]]] = []
        self.scene.add_step("Before", "", await self._totals())
        for title, step in self.steps():
            self.scene.begin_step(title)
            self.scene.add_step(title, await step(), await self._totals())

    async def _totals(self) -> dict[str, int]:
        totals: dict[str, int] = defaultdict(int)
        for shop in self.shops:
            for row in await shop.all_items("/ics/stock/list", logical_guid=shop.facility):
                for bucket, units in row["buckets"].items():
                    totals[bucket] += units
                totals["on_hand"] += row["on_hand"]
        return totals

    async def _reserve(self, line: OrderLine) -> tuple[Shop, OrderLine, dict[str, Any]]:
        shop = self.shops[line.shop]
        answer = await shop.call(
            "/ics/reservation/create",
            variant_id=line.variant_id,
            quantity=line.quantity,
            demand_type="cart",
            demand_ref=line.basket,
        )
        return shop, line, answer["reservation"]

    async def _commit(
        self, entry: tuple[Shop, OrderLine, dict[str, Any]], allocate_first: bool
    ) -> tuple[Shop, dict[str, Any]]:
        shop, line, reservation = entry
        promise = {"reservation_id": reservation["reservation_id"], "expected_revision": reservation["revision"]}
        if allocate_first:
            answer = await shop.call("/ics/allocation/create", **promise, order_ref=line.basket)
            allocation = answer["allocation"]
            promise = {"allocation_id": allocation["allocation_id"], "expected_revision": allocation["revision"]}
        else:
            promise["order_ref"] = line.basket
        return shop, (await shop.call("/ics/commit/create", **promise))["commit"]


def _chunks(articles: Sequence[Article], size: int) -> list[Sequence[Article]]:
    return [articles[start : start + size] for start in range(0, len(articles), size)]


async def _all(work: Sequence[Awaitable[T]]) -> list[T]:
    """Await all, at most AT_ONCE at a time; results in order."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(job: Awaitable[T]) -> T:
        async with gate:
            return await job

    return await asyncio.gather(*(one(job) for job in work))


async def _put_away(shop: Shop, article: Article, quantity: int, dock: str, pick: str) -> None:
    await shop.call(
        "/ics/putaway/record",
        variant_id=article.variant_id,
        quantity=quantity,
        bucket="available",
        from_zone_id=dock,
        to_zone_id=pick,
    )


async def _pick_and_pack(shop: Shop, commit: dict[str, Any]) -> tuple[Shop, dict[str, Any]]:
    staging = await shop.place("STG")
    for path, extra in (("/ics/pick/record", {"to_zone_id": staging}), ("/ics/pack/record", {})):
        answer = await shop.call(path, **_of(commit), quantity=commit["quantity"], **extra)
        commit = answer["commit"]
    return shop, commit


async def _ship(shop: Shop, commit: dict[str, Any], changed_mind: bool) -> bool:
    if changed_mind:
        await shop.call("/ics/commit/release", **_of(commit), reason="the customer changed their mind")
        return False
    await shop.call("/ics/ship/record", **_of(commit), quantity=commit["packed"], carrier="Demo Parcel")
    return True


async def _release(shop: Shop, reservation: dict[str, Any]) -> None:
    await shop.call(
        "/ics/reservation/release",
        reservation_id=reservation["reservation_id"],
        expected_revision=reservation["revision"],
    )


async def _leave_exactly(shop: Shop, variant_id: str, pieces: int) -> None:
    """Adjust the stock so that exactly `pieces` units are promisable."""
    answer = await shop.call("/ics/atp/query", variant_ids=[variant_id], logical_guids=[shop.facility])
    delta = pieces - answer["items"][0]["promisable"]
    if delta:
        await shop.call(
            "/ics/adjustment/create",
            variant_id=variant_id,
            delta=delta,
            reason_code="correction",
            reason="prepare the last units",
        )


def _of(commit: dict[str, Any]) -> dict[str, Any]:
    return {"commit_id": commit["commit_id"], "expected_revision": commit["revision"]}

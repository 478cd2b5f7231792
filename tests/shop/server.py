"""Stand-in shops over HTTP: the Admin API, OAuth, a page, and an address to tell them what to do."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from aiohttp import ClientError, ClientSession, ClientTimeout, web

from tests.shop.execution import Validator
from tests.shop.faults import Fault
from tests.shop.hooks import Delivery, Habits
from tests.shop.standin import LoggedCall, Reply, StandIn, waited

PAGE = Path(__file__).parent / "page.html"
DELIVERY_SECONDS_MAX = 5.0
TRIES_MAX = 8
LOG_CALLS = 300
"""Calls that the state shows, the newest ones."""


class ShopServer:
    """Serves shops by domain: `{address}/{domain}/admin/api/…`.

    webhooks_to   scheme, host and port that webhooks go to instead of their subscription's own; empty: to its own
    """

    def __init__(self, shops: list[StandIn], *, webhooks_to: str = "", validator: Validator | None = None) -> None:
        self._validator = validator
        self.shops = {each.shop.domain: each for each in shops}
        self.webhooks_to = webhooks_to
        self.address = ""
        self.delivered = 0
        self._session: ClientSession | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def base_url(self) -> str:
        """The value of SLC_SHOPIFY_BASE_URL for these shops."""
        return f"{self.address}/{{shop}}"

    @asynccontextmanager
    async def running(self, port: int = 0) -> AsyncIterator["ShopServer"]:
        """Serve on loopback until the block ends."""
        application = web.Application(client_max_size=64 * 1024 * 1024)
        application.add_routes(
            [
                web.get("/", self._page),
                web.post("/told/shops", self._open),
                web.post("/{domain}/admin/api/{version}/graphql.json", self._graphql),
                web.post("/{domain}/admin/oauth/access_token", self._token),
                web.delete("/{domain}/admin/api_permissions/current.json", self._revoke),
                web.get("/{domain}/told/state", self._state),
                web.get("/{domain}/told/written", self._written),
                web.post("/{domain}/told/{verb}", self._told),
            ]
        )
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", port)
        await site.start()
        self.address = f"http://127.0.0.1:{runner.addresses[0][1]}"
        self._session = ClientSession(timeout=ClientTimeout(total=DELIVERY_SECONDS_MAX))
        try:
            yield self
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            await self._session.close()
            await runner.cleanup()

    def deliver(self, standin: StandIn) -> None:
        """Send what lies in the outbox, unless it is held back."""
        habits = standin.hooks.habits
        if habits.held:
            return
        waiting, standin.hooks.outbox = standin.hooks.outbox, []
        for each in waiting:
            task = asyncio.create_task(self._send(each, habits.delay_seconds))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _send(self, delivery: Delivery, delay_seconds: float) -> None:
        assert self._session is not None
        uri = urlsplit(delivery.uri)
        url = f"{self.webhooks_to}{uri.path}" if self.webhooks_to else delivery.uri
        await asyncio.sleep(delay_seconds)
        for attempt in range(TRIES_MAX):
            with suppress(ClientError, TimeoutError, OSError):
                async with self._session.post(url, data=delivery.body, headers=delivery.headers) as answer:
                    if answer.status < 300 or answer.status == 401:
                        self.delivered += 1
                        return
            await asyncio.sleep(0.2 * 2**attempt)

    async def _graphql(self, request: web.Request) -> web.StreamResponse:
        standin = self._standin(request)
        token = request.headers.get("X-Shopify-Access-Token", "")
        reply = await waited(await standin.handle(token, json.loads(await request.read())))
        self.deliver(standin)
        return _response(request, reply)

    async def _token(self, request: web.Request) -> web.StreamResponse:
        return _response(request, self._standin(request).exchange(await request.json()))

    async def _revoke(self, request: web.Request) -> web.StreamResponse:
        standin = self._standin(request)
        known = standin.shop.tokens.pop(request.headers.get("X-Shopify-Access-Token", ""), None)
        return web.json_response({}, status=200 if known is not None else 401)

    async def _page(self, request: web.Request) -> web.StreamResponse:
        return web.Response(text=PAGE.read_text(encoding="utf-8"), content_type="text/html")

    async def _open(self, request: web.Request) -> web.StreamResponse:
        """Open one more shop, empty but for a location. One of this domain that is there already is replaced."""
        given = await request.json()
        try:
            standin = opened(self._validator, **given)
        except TypeError as problem:
            return web.json_response({"error": repr(problem)}, status=400)
        self.shops[standin.shop.domain] = standin
        return web.json_response({"domain": standin.shop.domain, "location_ids": list(standin.shop.locations)})

    async def _state(self, request: web.Request) -> web.StreamResponse:
        standin = self._standin(request)
        variants = [
            {
                "sku": each.item.sku,
                "title": standin.shop.products[each.product_id].title,
                "status": standin.shop.products[each.product_id].status,
                "id": each.id,
                "price": each.price,
                "levels": {place: level.available for place, level in each.item.levels.items()},
            }
            for each in standin.shop.variants.values()
        ]
        log = [
            {
                "fields": each.fields,
                "outcome": each.outcome,
                "write": each.is_write,
                "variables": each.variables,
                "idempotent": "@idempotent" in each.query,
            }
            for each in standin.log[-LOG_CALLS:]
        ]
        subscriptions = [each.view() for each in standin.hooks.subscriptions.values()]
        orders = [{"id": each.id, "name": each.name} for each in standin.shop.orders.values()]
        return web.json_response(
            {
                "domain": standin.shop.domain,
                "domains": list(self.shops),
                "variants": variants,
                "orders": orders,
                "subscriptions": subscriptions,
                "calls": len(standin.log),
                "writes": sum(each.is_write and each.outcome == "done" for each in standin.log),
                "rung": len(standin.hooks.rung),
                "log": log,
            }
        )

    async def _written(self, request: web.Request) -> web.StreamResponse:
        """What was written since a number of calls: mutations by root field with their entries, and quantities."""
        standin = self._standin(request)
        since = int(request.query.get("since", "0"))
        return web.json_response(written(standin, standin.log[since:]))

    async def _told(self, request: web.Request) -> web.StreamResponse:
        standin, given = self._standin(request), await request.json()
        try:
            answer = tell(standin, request.match_info["verb"], given)
        except (KeyError, TypeError, StopIteration) as problem:
            return web.json_response({"error": repr(problem)}, status=400)
        self.deliver(standin)
        return web.json_response(answer or {})

    def _standin(self, request: web.Request) -> StandIn:
        found = self.shops.get(request.match_info["domain"].lower())
        if found is None:
            raise web.HTTPNotFound
        return found


def opened(
    validator: Validator | None,
    *,
    domain: str,
    currency: str = "EUR",
    tokens: Sequence[str] = ("shpat_good_0001",),
    secret: str = "shop-secret-0001",
) -> StandIn:
    """A new shop with one location, in which these tokens may do everything."""
    standin = StandIn(domain.lower(), currency=currency, secret=secret, validator=validator)
    standin.shop.add_location("Main street")
    for token in tokens:
        standin.token(token)
    return standin


def written(standin: StandIn, log: Sequence[LoggedCall]) -> dict[str, Any]:
    """Mutations that were executed: calls and entries by root field, and each quantity with the time it came."""
    counted: dict[str, list[int]] = {}
    quantities: list[tuple[str | None, int, float]] = []
    for call in log:
        if not call.is_write or call.outcome != "done":
            continue
        entries = call.variables.get("input", {}).get("quantities", []) if "input" in call.variables else []
        for name in call.fields:
            known = counted.setdefault(name, [0, 0])
            known[0] += 1
            known[1] += len(entries)
        items = standin.shop.items
        quantities += [(items[each["inventoryItemId"]].sku, each["quantity"], call.at) for each in entries]
    return {"calls": counted, "quantities": quantities}


def tell(standin: StandIn, verb: str, given: dict[str, Any]) -> Any:
    """What a person, or a test, tells the shop to do. KeyError for an unknown verb."""
    return VERBS[verb](standin, **given)


def _sell(standin: StandIn, **given: Any) -> Any:
    return {"order_id": standin.trade.sell(**given).id}


def _refund(standin: StandIn, **given: Any) -> Any:
    return {"refund_id": standin.trade.refund(**given).id}


def _move(standin: StandIn, **given: Any) -> Any:
    return {"fulfilment_order_id": standin.trade.move(**given).id}


def _price(standin: StandIn, sku: str, price: str) -> None:
    standin.shop.by_sku(sku).price = price


def _quantity(standin: StandIn, sku: str, quantity: int, location_id: str = "", *, silent: bool = False) -> None:
    where = location_id or next(iter(standin.shop.locations))
    standin.levels.edit(standin.shop.by_sku(sku).item.id, where, quantity, silent=silent)


def _refuse(standin: StandIn, sku: str, message: str) -> None:
    standin.levels.refused[standin.shop.by_sku(sku).item.id] = message


def _fault(standin: StandIn, **given: Any) -> Any:
    return asdict(standin.faults.add(Fault(**given)))


def _webhooks(standin: StandIn, *, reverse: bool = False, **given: Any) -> None:
    habits = asdict(standin.hooks.habits) | given
    standin.hooks.habits = Habits(**{**habits, "dropped": set(habits["dropped"])})
    if reverse:
        standin.hooks.outbox.reverse()


VERBS: dict[str, Callable[..., Any]] = {
    "sell": _sell,
    "refund": _refund,
    "move": _move,
    "cancel": lambda standin, **given: standin.trade.cancel(**given),
    "pay": lambda standin, **given: standin.trade.pay(**given),
    "edit": lambda standin, **given: standin.trade.edit(**given),
    "price": _price,
    "quantity": _quantity,
    "ring": lambda standin, topic, body: standin.hooks.ring(topic, body),
    "token": lambda standin, **given: standin.token(**given),
    "revoke": lambda standin, token: standin.shop.tokens.pop(token, None),
    "fault": _fault,
    "refuse": _refuse,
    "heal": lambda standin: standin.faults.told.clear(),
    "bucket": lambda standin, **given: standin.bucket.set(**given),
    "webhooks": _webhooks,
}
"""What a shop can be told -> how it does it."""


def _response(request: web.Request, reply: Reply) -> web.StreamResponse:
    if reply.lost and request.transport is not None:
        request.transport.abort()
    return web.json_response(reply.body, status=reply.status, headers={"X-Request-ID": f"shop-{id(reply):x}"})

"""Webhooks that arrive while the broker is away: each is answered at once, and worked on once when it is back."""

from collections import Counter as Numbers
from collections.abc import AsyncIterator
from typing import Any

import pytest_asyncio
from yarl import URL

from chassis.bus.inbox import INBOX, Handled
from chassis.caller import ANONYMOUS
from chassis.key_ring import KeyRing, new_key
from chassis.mongo.eventlog import EVENTS
from chassis.testing.client import ServiceClient, serve
from chassis.unit import View, one_of
from deploy.local import ports
from services.slc.app import SLC
from tests.chassis.proxy_given import Proxy
from tests.running import Engines
from tests.shop.server import ShopServer
from tests.slc.counter import Counter
from tests.slc.sync.given import SECONDS
from tests.waiting import until, within

ORDERS = 8
ANSWER_SECONDS = 1.0


class Line:
    """The only way from SLC to the broker."""

    def __init__(self, amqp_url: str) -> None:
        self._port = ports.any_free()
        self._server = f"mongodb://{URL(amqp_url).host}:{URL(amqp_url).port}"
        self._proxy: Proxy | None = None
        self.url = str(URL(amqp_url).with_host("127.0.0.1").with_port(self._port))

    async def mend(self) -> None:
        """Let bytes pass."""
        if self._proxy is None:
            self._proxy = await Proxy(self._server, port=self._port).__aenter__()

    async def cut(self) -> None:
        """Break what is open, and refuse what is new."""
        proxy, self._proxy = self._proxy, None
        if proxy is not None:
            await proxy.__aexit__()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def line(engines: Engines) -> AsyncIterator[Line]:
    found = Line(engines.amqp_url)
    await found.mend()
    yield found
    await found.cut()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def reached(engines: Engines, line: Line, ics: ServiceClient, shops: ShopServer) -> AsyncIterator[ServiceClient]:
    """A running SLC whose broker is behind the line."""
    async with serve(
        SLC,
        mongodb_uri=engines.mongodb_uri,
        mongodb_engine="embedded" if engines.mongodb_engine == "embedded" else "",
        database=f"{engines.name}line",
        amqp_url=line.url,
        prefix=f"{engines.name}.",
        slc_keys=KeyRing.from_text(new_key("k1")),
        slc_shopify_base_url=shops.base_url,
        slc_public_url="https://stack.example",
        ics_grpc=(f"127.0.0.1:{ics.application.runtime.grpc_port}",),
    ) as client:
        yield client
        await line.mend()


async def ring_all(counter: Counter, times: int) -> list[str]:
    """Send what lies ready a number of times, each answered within its second; the ids."""
    client = counter.slc.client.as_caller()
    client.caller = ANONYMOUS
    waiting, counter.standin.hooks.outbox = counter.standin.hooks.outbox, []
    for each in waiting * times:
        async with within(ANSWER_SECONDS):
            answer = await client.send("POST", "/webhooks/shopify", each.body, each.headers)
        assert (answer.status, answer.raw) == (200, b""), answer
    return [each.headers["X-Shopify-Webhook-Id"] for each in waiting]


async def events_of(counter: Counter, ids: list[str]) -> dict[str, dict[str, Any]]:
    """Webhook -> the event that tells of it; fails where one has two."""
    events = counter.slc.client.application.runtime.database.collection(EVENTS.collection)
    found = await events.find({"_id": {"$gt": ""}})
    told = [each for each in found if each["type"] == "slc.webhook.received" and each["subject"] in ids]
    assert len(told) == len({each["subject"] for each in told})
    return {each["subject"]: each for each in told}


async def times_handled(counter: Counter, event_ids: list[str]) -> Numbers[str]:
    """Event -> how many consumers have handled it."""

    async def read(view: View) -> list[Handled]:
        keys = [f"slc.inbound/{each}" for each in event_ids]
        return await view.find(INBOX, {"handled_id": one_of(keys)}, limit=len(keys) + 1)

    return Numbers(each.event_id for each in await counter.units.view(counter.call, read))


async def test_webhooks_are_answered_without_the_broker_and_worked_on_once_when_it_is_back(
    reached: ServiceClient, line: Line, ics: ServiceClient, shops: ShopServer
) -> None:
    """200 within a second whatever else is down: none is lost, and none is done twice."""
    counter = Counter(reached, ics, shops)
    # What the test does not deliver stays where it is.
    counter.standin.hooks.habits.held = True
    await counter.open()
    await counter.listed("v-1", 100)
    bus = reached.application.runtime.bus
    await line.cut()
    await until(lambda: not bus.publishing.up and not bus.consuming.up, SECONDS)

    orders = [counter.standin.trade.sell({"v-1": 1 + number % 2}) for number in range(ORDERS)]
    ids = await ring_all(counter, 2)
    told = await events_of(counter, ids)
    assert sorted(told) == sorted(ids)
    assert all(each["pending"] for each in told.values())
    assert [await counter.order(each.id) for each in orders] == [None] * ORDERS

    await line.mend()
    # Orders by their webhooks, not by a catch-up, which would find what was lost.
    counter.standin.log.clear()
    for number, each in enumerate(orders):
        await counter.settled(each.id, "booked", committed=1 + number % 2)
    event_ids = [each["_id"] for each in told.values()]

    async def all_handled() -> bool:
        return await times_handled(counter, event_ids) == Numbers(event_ids)

    await until(all_handled, SECONDS)
    again = await events_of(counter, ids)
    assert {name: each["_id"] for name, each in again.items()} == {name: each["_id"] for name, each in told.items()}
    assert not any(each["pending"] for each in again.values())
    assert [each for each in counter.standin.log if "orders" in each.fields] == []
    for number, each in enumerate(orders):
        found = await counter.order(each.id)
        assert found is not None
        [posted] = found["lines"]
        assert [(p["kind"], p["quantity"]) for p in posted["postings"]] == [("commit", 1 + number % 2)]
    sold = sum(1 + number % 2 for number in range(ORDERS))
    buckets = await counter.buckets("v-1")
    assert (buckets["available"], buckets["committed"]) == (100 - sold, sold)
    assert counter.standin.available("v-1") == 100 - sold
    totals = (await counter.slc.ask("channel/stats", **counter.ids, period="1h")).data["stats"]["totals"]
    assert (totals["webhooks_received"], totals["webhooks_duplicate"]) == (len(ids), len(ids))

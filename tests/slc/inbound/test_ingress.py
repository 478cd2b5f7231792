"""Webhooks at the door: what each costs, who may sign it at which moment, and what need not be there."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from typing import Any
from unittest.mock import patch

import pytest
import pytest_asyncio

from chassis.caller import ANONYMOUS
from chassis.key_ring import KeyRing, new_key
from chassis.mongo.collection import Collection
from chassis.testing.client import ServiceClient, TestAnswer
from chassis.unit import Change, View
from chassis.work.store import is_under_way
from deploy.local import ports
from services.slc.app import SLC
from services.slc.inbound import handlers
from services.slc.inbound.events import WebhookReceived
from services.slc.inbound.signers import DROPPED
from services.slc.inbound.store import DOORBELLS_TO_ANSWER
from services.slc.inbound.taking_in import work_on
from services.slc.lifecycle.store import DOORBELLS, Doorbell
from services.slc.shopify.signatures import sign_body
from services.slc.words import number_of
from tests.reading import reads_of
from tests.running import Engines
from tests.shop.server import ShopServer
from tests.slc.counter import SECRET, TOKEN, Counter
from tests.slc.sync.given import SECONDS
from tests.waiting import until

PATH = "/webhooks/shopify"
TOGETHER = 48


async def ring(counter: Counter, webhook_id: str, secret: str = SECRET, **body: Any) -> TestAnswer:
    """The answer to an orders/create that is signed with this secret."""
    client = counter.slc.client.as_caller()
    client.caller = ANONYMOUS
    raw = json.dumps({"id": 1, **body}).encode()
    headers = {
        "X-Shopify-Topic": "orders/create",
        "X-Shopify-Hmac-SHA256": sign_body(raw, secret),
        "X-Shopify-Shop-Domain": counter.domain,
        "X-Shopify-Webhook-Id": webhook_id,
    }
    return await client.send("POST", PATH, raw, headers)


async def totals(counter: Counter) -> dict[str, Any]:
    answer = await counter.slc.ask("channel/stats", **counter.ids, period="1h")
    found: dict[str, Any] = answer.data["stats"]["totals"]
    return found


async def kept(counter: Counter) -> list[str]:
    """The ids of the channel's webhooks that were stored."""

    async def read(view: View) -> list[Doorbell]:
        return await view.find(DOORBELLS, {"channel_id": counter.channel["channel_id"]}, order=("row_id",))

    return [each.webhook_id for each in await counter.units.view(counter.call, read)]


async def test_the_signers_of_a_shop_are_looked_for_once(counter: Counter) -> None:
    await counter.open()
    async with reads_of("slc_credentials") as reads:
        for number in range(20):
            assert (await ring(counter, f"w-{number}", number=number)).status == 200

    by_shop = [where for _, where in reads.filters if "shop_domain" in where]
    assert len(by_shop) == 1
    assert (await totals(counter))["webhooks_received"] == 20


async def test_webhooks_that_arrive_together_are_stored_together(counter: Counter) -> None:
    await counter.open()
    assert (await ring(counter, "first")).status == 200
    stored: list[int] = []
    insert_many = Collection.insert_many

    async def spy(collection: Collection, documents: Sequence[Any], **how: Any) -> None:
        if collection.name == DOORBELLS.collection:
            stored.append(len(documents))
        await insert_many(collection, documents, **how)

    with patch.object(Collection, "insert_many", spy):
        answers = await asyncio.gather(*(ring(counter, f"w-{number}", number=number) for number in range(TOGETHER)))

    assert {each.status for each in answers} == {200}
    assert len(await kept(counter)) == TOGETHER + 1
    assert len(stored) < TOGETHER // 2, stored


async def test_a_rotated_secret_signs_from_the_answer_on_and_the_former_one_no_more(counter: Counter) -> None:
    await counter.open()
    assert (await ring(counter, "w-1")).status == 200
    await counter.ask("credentials/rotate", **counter.revised, access_token=TOKEN, webhook_secret="another-secret")

    assert (await ring(counter, "w-2")).status == 401
    assert (await ring(counter, "w-3", "another-secret")).status == 200
    assert (await ring(counter, "w-4")).status == 401
    found = await totals(counter)
    assert (found["webhooks_received"], found["webhooks_refused"]) == (2, 2)


async def test_a_new_secret_is_known_at_its_first_webhook(counter: Counter) -> None:
    await counter.open()
    assert (await ring(counter, "w-1")).status == 200
    await counter.ask("credentials/rotate", **counter.revised, access_token=TOKEN, webhook_secret="another-secret")
    assert (await ring(counter, "w-2", "another-secret")).status == 200


async def test_a_deleted_channel_takes_nothing_in(counter: Counter) -> None:
    await counter.open()
    assert (await ring(counter, "w-1")).status == 200
    await counter.ask("channel/deactivate", **counter.revised)
    phrase = "DELETE CHANNEL WEB PERMANENTLY"
    gone = await counter.slc.ask("channel/delete", **counter.revised, confirmation_phrase=phrase)
    assert gone.status == 200, gone
    await ring(counter, "w-2")
    assert "w-2" not in await kept(counter)


async def test_the_same_id_again_is_counted_and_stored_once(counter: Counter) -> None:
    await counter.open()
    for _ in range(3):
        assert (await ring(counter, "w-1")).status == 200

    found = await totals(counter)
    assert (found["webhooks_received"], found["webhooks_duplicate"]) == (1, 2)
    assert await kept(counter) == ["w-1"]


async def test_wrong_webhook_signature_is_401_and_nothing_stored(counter: Counter) -> None:
    """Wrong webhook signature: 401 and nothing stored."""
    await counter.open()
    counter.slc.client.events.clear()
    answer = await ring(counter, "w-1", "a-guess")

    assert (answer.status, answer.raw) == (401, b"")
    assert await kept(counter) == []
    assert "slc.webhook.received" not in counter.slc.client.events
    assert (await totals(counter))["webhooks_received"] == 0


async def test_what_nobody_has_signed_is_not_decoded(counter: Counter, monkeypatch: pytest.MonkeyPatch) -> None:
    await counter.open()
    decoded: list[str] = []
    monkeypatch.setattr(handlers, "read_webhook", lambda topic, _: decoded.append(topic))

    assert (await ring(counter, "w-1", "a-guess")).status == 401
    assert decoded == []
    assert (await ring(counter, "w-2")).status == 200
    assert decoded == ["orders/create"]


async def test_unknown_shop_with_a_right_signature_is_counted_and_dropped(counter: Counter) -> None:
    metrics = counter.slc.client.application.runtime.metrics
    counter.slc.client.events.clear()
    answer = await ring(counter, "w-1", "app-secret-0001")

    assert (answer.status, answer.raw) == (200, b"")
    assert f'{DROPPED.name}{{reason="unknown_shop"}} 1.0' in metrics.text().decode().splitlines()
    assert counter.slc.client.events == []


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def alone(engines: Engines, shops: ShopServer) -> AsyncIterator[ServiceClient]:
    """A running SLC whose ICS does not answer."""
    async with engines.serve(
        SLC,
        "alone",
        prefix=f"{engines.name}.alone.",
        slc_keys=KeyRing.from_text(new_key("k1")),
        slc_shopify_base_url=shops.base_url,
        slc_public_url="https://stack.example",
        ics_grpc=(f"127.0.0.1:{ports.any_free()}",),
    ) as client:
        yield client


async def test_a_right_signature_is_200_while_ics_is_down(
    alone: ServiceClient, ics: ServiceClient, shops: ShopServer
) -> None:
    """Right signature: 200 in under a second while ICS is down."""
    counter = Counter(alone, ics, shops)
    await counter.open()
    await counter.listed("v-1", 0, shown=5)
    order = counter.standin.trade.sell({"v-1": 2})
    delivery = counter.standin.hooks.outbox[0]
    await counter.deliver()

    assert delivery.headers["X-Shopify-Webhook-Id"] in await kept(counter)

    async def waits() -> bool:
        found = await counter.order(order.id)
        return found is not None and found["state"] == "failed"

    await until(waits, SECONDS)
    found = await counter.order(order.id)
    assert found is not None
    assert found["lines"][0]["committed"] == 0


async def under_way(counter: Counter, topic: str, gid: str) -> bool:
    """Whether a look is due after a webhook of this topic about this thing was worked on."""
    told = WebhookReceived(
        webhook_id="w-1",
        topic=topic,
        shop_domain=counter.domain,
        channel_id=counter.channel["channel_id"],
        resource_id=gid,
    )

    async def work(change: Change) -> bool:
        await work_on(change, told, change.now)
        key = f"{told.channel_id}/product/{number_of(gid)}"
        return await is_under_way(change, DOORBELLS_TO_ANSWER, key, orgcode=counter.orgcode)

    found: bool = await counter.units.change(counter.call, work)
    return found


async def test_only_products_of_the_channel_are_looked_at(counter: Counter) -> None:
    await counter.open()
    await counter.listed("v-1", 0, shown=0)
    product = next(iter(counter.standin.shop.products.values()))

    assert not await under_way(counter, "products/update", "gid://shopify/Product/999999")
    assert await under_way(counter, "products/update", product.id)

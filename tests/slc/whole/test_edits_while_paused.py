"""Webhooks of a channel that the system has paused are stored, and worked on when the cause is gone."""

import pytest

from services.slc.inbound import work
from services.slc.words import number_of
from tests.slc.counter import SECRET
from tests.slc.sync.given import SECONDS
from tests.slc.whole.given import Whole
from tests.waiting import until


async def test_an_edit_while_the_token_was_dead_is_put_right_afterwards(
    whole: Whole, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work, "PAUSED_SECONDS", 0.2)
    await whole.selling({"v-1": 5})
    product_id = (await whole.variant("v-1"))["shopify_product_id"]
    whole.standin.shop.tokens.clear()
    whole.standin.shop.by_sku("SKU-V-1").price = "15.00"
    whole.standin.hooks.outbox.clear()
    whole.standin.hooks.ring("products/update", {"id": number_of(product_id)})
    await whole.deliver()

    async def is_paused() -> bool:
        channel = await whole.slc.again(whole.channel)
        return bool(channel["state"] == "paused" and channel["pause"]["by"] == "system")

    await until(is_paused, SECONDS)
    whole.channel = await whole.slc.again(whole.channel)
    whole.standin.token("shpat_good_0002")
    await whole.ask("credentials/rotate", **whole.revised, access_token="shpat_good_0002", webhook_secret=SECRET)

    await until(lambda: whole.standin.shop.by_sku("SKU-V-1").price == "19.90", SECONDS)

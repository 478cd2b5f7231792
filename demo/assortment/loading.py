"""Loads the built-in catalogue into the demo org, so that there are products to find. `make up` does it.

Loading may be repeated: what is there already is kept, and a load that was cut off goes on.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Any

import aiohttp

from demo.assortment.document import catalogue
from demo.assortment.profiles import store_profile, web_profile
from demo.assortment.publishing import start_run, step_to_the_end, store_pack
from demo.stack import Refused, Shop

WEB, STORE = "DEMO-WEB", "DEMO-STORE"
PROFILES = {WEB: web_profile("demo-web"), STORE: store_profile("demo-store")}
NAME = "Demo catalogue"
PAGE_ITEMS = "256"
CALL_SECONDS = 60


async def load(stack: Mapping[str, str], demo: Mapping[str, str]) -> str:
    """Load the catalogue where it is missing; what there is then, in words."""
    document = catalogue(WEB, STORE)
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=CALL_SECONDS)) as http:
        shop = Shop(http, stack["GATEWAY_URL"], demo["DEMO_OWNER_SESSION"], demo["DEMO_ORGCODE"], channel=None)
        if not await _is_published(shop, document):
            await _publish(shop, document)
    articles = sum(len(style["variants"]) for style in document["styles"])
    return f"{articles} articles in the channels {STORE} and {WEB}"


async def _is_published(shop: Shop, document: dict[str, Any]) -> bool:
    """Whether both channels have at least the products of the catalogue."""
    stats = (await shop.get("/pmc/build/stats"))["build_stats"]
    products = {each["channel_code"]: each["products"] for each in stats["channels"]}
    return all(products.get(code, 0) >= count for code, count in offers(document).items())


def offers(document: dict[str, Any]) -> Counter[str]:
    """How many articles a document offers in each channel."""
    variants = [variant for style in document["styles"] for variant in style["variants"]]
    return Counter(offer["channel_code"] for variant in variants for offer in variant["channels"])


async def _publish(shop: Shop, document: dict[str, Any]) -> None:
    for code, profile in PROFILES.items():
        if not await _has_profile(shop, code):
            await shop.call("/pmc/publish-profile/set", channel_code=code, **profile)
    pack_id = await _known_pack(shop) or (await store_pack(shop, document, name=NAME))["pack_id"]
    try:
        run = await start_run(shop, pack_id=pack_id)
    except Refused as refusal:
        if "run_id" not in refusal.details:
            raise
        # A load before this one was cut off.
        run = (await shop.get("/pmc/publish/run/get", run_id=refusal.details["run_id"]))["run"]
    await step_to_the_end(shop, run)


async def _has_profile(shop: Shop, code: str) -> bool:
    try:
        await shop.get("/pmc/publish-profile/get", channel_code=code)
    except Refused as refusal:
        if refusal.status != 404:
            raise
        return False
    return True


async def _known_pack(shop: Shop) -> str | None:
    """The pack of a load that was cut off, if it is among the newest packs."""
    packs = (await shop.get("/pmc/pack/list", limit=PAGE_ITEMS))["items"]
    return next((str(each["pack_id"]) for each in packs if each.get("name") == NAME), None)

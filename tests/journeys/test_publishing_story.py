"""The built-in catalogue and the story of its publication, on a whole stack."""

import io
import re
from collections import Counter
from collections.abc import Callable

import aiohttp
import pytest
from rich.console import Console

from demo.assortment.document import catalogue, check_digit
from demo.assortment.loading import STORE, WEB, load, offers
from demo.findings import Finding
from demo.publishing.runner import run_steps
from demo.stack import Shop
from tests.journeys.test_scenarios import told
from tests.outages.world import World

DOCUMENT = catalogue("WEB", "STORE")
VARIANTS = [variant for style in DOCUMENT["styles"] for variant in style["variants"]]


@pytest.mark.outage
def test_every_number_of_the_story_is_found_on_a_running_stack(world: World) -> None:
    demo = told(["publish"], world.environment)

    assert demo.returncode == 0, demo.stdout + demo.stderr
    assert demo.stdout.splitlines()[-1] == "56 compared, 0 differ"
    assert "564 products counted again, 0 differences" in demo.stdout


@pytest.mark.outage
async def test_the_stack_comes_up_with_the_catalogue_and_keeps_it(world: World) -> None:
    async with aiohttp.ClientSession() as http:
        owner = world.demo["DEMO_OWNER_SESSION"]
        shop = Shop(http, world.stack["GATEWAY_URL"], owner, world.demo["DEMO_ORGCODE"], channel=None)
        before = (await shop.get("/pmc/build/stats"))["build_stats"]
        said = await load(world.stack, world.demo)
        after = (await shop.get("/pmc/build/stats"))["build_stats"]
        hits = await shop.get("/pmc/product/search", q="merino", channel_code=WEB)

    assert said == f"300 articles in the channels {STORE} and {WEB}"
    assert {name: before[name] for name in ("products", "packs", "runs_finished")} == {
        name: after[name] for name in ("products", "packs", "runs_finished")
    }
    assert (hits["count"], hits["items"][0]["product"]["online_state"]) == (21, "online")


async def test_a_number_that_differs_is_counted_and_shown_beside_the_one_expected() -> None:
    async def wrong() -> list[Finding]:
        return [Finding("created", 562, 563), Finding("blocked", 1, 1)]

    printed = io.StringIO()
    compared, differing = await run_steps(Console(file=printed, width=150), [("Publish", wrong)])

    assert (compared, differing) == (2, 1)
    assert "created 562 ≠ 563" in printed.getvalue()


def test_the_catalogue_is_the_same_in_every_run() -> None:
    assert catalogue("WEB", "STORE") == DOCUMENT
    assert (len(DOCUMENT["styles"]), len(VARIANTS)) == (56, 300)
    assert offers(DOCUMENT) == {"WEB": 300, "STORE": 264}


@pytest.mark.parametrize(
    "value_of",
    [
        lambda variant: variant["variant_id"],
        lambda variant: variant["variant_code"],
        lambda variant: variant["sku"],
        lambda variant: variant["title"],
        lambda variant: variant["barcodes"][0]["value"],
    ],
)
def test_no_two_articles_share_an_id_a_code_a_sku_a_title_or_a_barcode(
    value_of: Callable[[dict[str, str]], str],
) -> None:
    assert max(Counter(value_of(variant) for variant in VARIANTS).values()) == 1


def test_every_article_has_a_gtin_with_the_right_check_digit() -> None:
    assert check_digit("400638133393") == "1"
    for variant in VARIANTS:
        gtin = variant["barcodes"][0]["value"]
        assert re.fullmatch(r"200\d{10}", gtin)
        assert gtin[-1] == check_digit(gtin[:-1])

"""Searching for variants by SKU: many in a call, to the last page, exactly."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from services.slc.shopify.port import Shop
from tests.shop.standin import Reply, StandIn
from tests.slc.shopify.given import DOMAIN, TOKEN, a_client, a_product, a_standin


@pytest.fixture
def standin() -> StandIn:
    return a_standin()


@pytest_asyncio.fixture(loop_scope="module")
async def shop(standin: StandIn) -> AsyncIterator[Shop]:
    async with a_client(standin, slc_shopify_timeout=2.0) as found:
        yield found.open(DOMAIN, TOKEN)


async def test_a_search_quotes_its_value_and_compares_case_itself(standin: StandIn, shop: Shop) -> None:
    a_product(standin, 'A"\\B')

    found = await shop.products.find("sku", ['A"\\B', 'a"\\b'])

    assert {value: [each.sku for each in hits] for value, hits in found.items()} == {
        'A"\\B': ['A"\\B'],
        'a"\\b': [],
    }


async def test_one_call_searches_for_many_skus(standin: StandIn, shop: Shop) -> None:
    skus = [f"S{number}" for number in range(60)]
    product = a_product(standin, *skus)

    found = await shop.products.find("sku", [*skus, "ABSENT", "S0"])

    assert {value: [each.id for each in hits] for value, hits in found.items()} == {
        **{sku: [variant.id] for sku, variant in zip(skus, product.variants, strict=True)},
        "ABSENT": [],
    }
    searches = [each for each in standin.log if "productVariants" in each.fields]
    assert [len(each.fields) for each in searches] == [25, 25, 25]
    assert all(each.outcome == "done" for each in searches)


@pytest.mark.parametrize("others", [0, 4])
async def test_hits_are_read_to_the_last_page(standin: StandIn, shop: Shop, others: int) -> None:
    for number in range(40):
        a_product(standin, "same" if number % 20 else "SAME")

    found = await shop.products.find("sku", ["SAME", *[f"other-{number}" for number in range(others)]])

    # Two among forty that differ in case alone, on the first page and on a later one.
    assert [each.sku for each in found["SAME"]] == ["SAME", "SAME"]
    assert len({each.product.id for each in found["SAME"]}) == 2


async def test_hits_in_one_product_are_read_until_none_can_be_in_another(standin: StandIn, shop: Shop) -> None:
    a_product(standin, *["SAME"] * 30)
    other = a_product(standin, *["SAME"] * 30)

    found = await shop.products.find("sku", ["SAME"])

    assert other.id in {each.product.id for each in found["SAME"]}
    assert len([each for each in standin.log if "productVariants" in each.fields]) == 4


async def test_a_search_that_is_too_expensive_is_asked_in_smaller_parts(standin: StandIn, shop: Shop) -> None:
    skus = [f"S{number}" for number in range(12)]
    a_product(standin, *skus)
    handle = standin.handle

    async def dear(token: str, request: dict[str, Any]) -> Reply:
        if "VariantsByManyQueries" in request["query"]:
            return Reply(200, {"errors": [{"message": "dear", "extensions": {"code": "MAX_COST_EXCEEDED"}}]})
        return await handle(token, request)

    standin.handle = dear  # type: ignore[method-assign]

    found = await shop.products.find("sku", skus)

    assert [len(hits) for hits in found.values()] == [1] * 12

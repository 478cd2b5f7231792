from tests.slc.whole.given import Whole


def levels_written(whole: Whole) -> list[tuple[int, int]]:
    """Quantity and compared quantity of every level that was set."""
    entries = [
        each
        for call in whole.standin.writes("inventorySetQuantities")
        for each in call.variables["input"]["quantities"]
    ]
    return [(each["quantity"], each["changeFromQuantity"]) for each in entries]


async def test_activation_writes_products_and_quantities_that_follow_the_stock(whole: Whole) -> None:
    await whole.selling({"v-red-m": 10, "v-red-l": 4}, stock_buffer=1)

    assert whole.standin.available("SKU-V-RED-M") == 9
    assert whole.standin.available("SKU-V-RED-L") == 3
    [created] = whole.standin.writes("productSet")
    assert len(created.variables["input"]["variants"]) == 2
    assert len(whole.standin.hooks.subscriptions) == 10

    await whole.stock("v-red-m", -2)
    await whole.shows("v-red-m", 7)
    assert levels_written(whole) == [(7, 9)]

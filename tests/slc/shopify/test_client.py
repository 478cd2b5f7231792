from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from chassis.settings import SettingsError
from chassis.telemetry.metrics import Metrics
from services.slc.shopify.client import shops
from services.slc.shopify.errors import (
    BadRequest,
    CostTooHigh,
    CredentialRefused,
    NoAnswer,
    ShopFailed,
    ShopRefused,
    ShopThrottled,
    ShopUnavailable,
)
from services.slc.shopify.inputs import (
    FileInput,
    ItemInput,
    LevelWrite,
    MetafieldInput,
    MetafieldKey,
    NewProduct,
    NewVariant,
    OptionDefinition,
    OptionInput,
    OptionName,
    OwnedMetafield,
    ProductChange,
    VariantChange,
)
from services.slc.shopify.order_states import FulfilmentUnits
from services.slc.shopify.port import Shop, Shops
from tests.shop.faults import Fault
from tests.shop.server import ShopServer
from tests.shop.standin import StandIn
from tests.slc.shopify.given import DOMAIN, TOKEN, a_client, a_product, a_settings, a_standin


@pytest.fixture
def standin() -> StandIn:
    return a_standin()


@pytest_asyncio.fixture(loop_scope="module")
async def client(standin: StandIn) -> AsyncIterator[Shops]:
    async with a_client(standin, slc_shopify_timeout=2.0) as found:
        yield found


@pytest.fixture
def shop(client: Shops) -> Shop:
    return client.open(DOMAIN, TOKEN)


async def test_the_probe_says_which_shop_it_is_and_what_the_token_may_do(standin: StandIn, shop: Shop) -> None:
    standin.token(TOKEN, ["read_orders"])

    facts = await shop.account.probe()

    assert (facts.domain, facts.currency, facts.scopes) == (DOMAIN, "EUR", ("read_orders",))
    assert [each.name for each in await shop.account.locations()] == ["Main street"]
    assert [(each.operation, each.outcome) for each in shop.calls] == [("ShopProbe", "done"), ("Locations", "done")]
    assert all(each.cost and each.request_id for each in shop.calls)


async def test_a_product_is_created_by_its_custom_id_and_found_by_it(standin: StandIn, shop: Shop) -> None:
    await shop.products.define_style_id("retailstack")
    await shop.products.define_style_id("retailstack")
    values = [f"Size {number}" for number in range(120)]
    product = NewProduct(
        title="Tee",
        status="ACTIVE",
        product_options=(OptionDefinition(name="Size", values=tuple(OptionName(name=each) for each in values)),),
        variants=tuple(
            NewVariant(option_values=(OptionInput(option_name="Size", name=each),), sku=each, price="19.9")
            for each in values
        ),
        metafields=(MetafieldInput(namespace="retailstack", key="style_id", type="id", value="st-tee"),),
        files=(FileInput(original_source="https://example.com/a.jpg", content_type="IMAGE"),),
    )

    assert await shop.products.by_style("retailstack", "st-tee") is None
    made = await shop.products.create("retailstack", "st-tee", product)
    found = await shop.products.by_style("retailstack", "st-tee")

    assert found is not None
    assert found.id == made.product.id
    assert [each.sku for each in made.variants] == values
    assert all(each.inventory_item is not None for each in made.variants)
    assert standin.shop.products[made.product.id].variants[0].price == "19.90"


async def test_states_hold_every_field_and_leave_out_what_is_gone(standin: StandIn, shop: Shop) -> None:
    product = a_product(standin, "A", "B")
    variant = product.variants[0]

    changed = await shop.products.update_variants(
        product.id,
        [
            VariantChange(
                id=variant.id, price="5", compare_at_price="6", inventory_item=ItemInput(cost="2.5", tracked=False)
            )
        ],
    )
    states = await shop.products.states([variant.id, "gid://shopify/ProductVariant/99", product.variants[1].id])

    assert [each.price for each in changed] == ["5.00"]
    assert list(states) == [variant.id, product.variants[1].id]
    state = states[variant.id]
    assert (state.price, state.compare_at_price, state.product.title) == ("5.00", "6.00", "Tee")
    cost = state.inventory_item.unit_cost
    assert cost is not None
    assert (cost.amount, cost.currency_code) == ("2.50", "EUR")


async def test_a_bulk_update_keeps_its_good_entries(standin: StandIn, shop: Shop) -> None:
    product = a_product(standin, "A")
    changes = [
        VariantChange(id="gid://shopify/ProductVariant/99", price="1"),
        VariantChange(id=product.variants[0].id, price="2"),
    ]

    with pytest.raises(ShopRefused) as refused:
        await shop.products.update_variants(product.id, changes)

    assert [each.index for each in refused.value.errors] == [0]
    assert refused.value.gone
    assert [each.price for each in refused.value.answered] == ["2.00"]
    assert shop.calls[-1].outcome == "refused"


async def test_tags_metafields_and_fields_of_a_product(standin: StandIn, shop: Shop) -> None:
    product = a_product(standin, "A")
    product.tags = ["mine"]
    field = OwnedMetafield(
        owner_id=product.id, namespace="retailstack", key="care", type="single_line_text_field", value="cold"
    )

    assert await shop.products.add_tags(product.id, ["new"]) == ("mine", "new")
    assert await shop.products.remove_tags(product.id, ["new"]) == ("mine",)
    await shop.products.set_metafields([field])
    assert await shop.products.metafields([product.id], ["retailstack.care"]) == {
        product.id: {"retailstack.care": "cold"}
    }
    await shop.products.delete_metafields([MetafieldKey(owner_id=product.id, namespace="retailstack", key="care")] * 2)
    assert await shop.products.metafields([product.id], ["retailstack.care"]) == {product.id: {}}
    state = await shop.products.update(ProductChange(id=product.id, description_html="<p>a</p> <p>b<br/></p>"))
    assert state.description_html == "<p>a</p><p>b<br></p>"


async def test_quantities_are_set_by_comparing_and_once_a_key(standin: StandIn, shop: Shop) -> None:
    item = a_product(standin, "A", available=5).variants[0].item
    place = next(iter(standin.shop.locations))
    write = LevelWrite(inventory_item_id=item.id, location_id=place, quantity=4, change_from_quantity=5)

    await shop.levels.set("key-1", "job", [write])
    await shop.levels.set("key-1", "job", [write])
    assert standin.available("A") == 4

    with pytest.raises(ShopRefused) as stale:
        await shop.levels.set("key-2", "job", [write])
    assert stale.value.has(ShopRefused.STALE)
    assert [each.index for each in stale.value.errors] == [0]
    states = await shop.levels.states([item.id, "gid://shopify/InventoryItem/99"], place)
    assert [(each.available, each.exists) for each in states.values()] == [(4, True), (None, False)]


async def test_an_item_is_stocked_by_activation(standin: StandIn, shop: Shop) -> None:
    item = a_product(standin, "A").variants[0].item
    place = next(iter(standin.shop.locations))

    await shop.levels.activate("key-1", item.id, place, 7)

    assert standin.available("A") == 7


async def test_orders_show_lines_places_and_refunds(standin: StandIn, shop: Shop) -> None:
    a_product(standin, *[f"S{number}" for number in range(120)], available=9)
    sold = standin.trade.sell({f"S{number}": 2 for number in range(120)})
    refund = standin.trade.refund(sold.id, "S0", 1)

    order = await shop.orders.order(sold.id)
    placed = await shop.orders.placement(sold.id)
    shown = await shop.orders.refund(refund.id)

    assert order is not None
    assert len(order.lines) == 120
    assert (order.lines[0].quantity, order.lines[0].current_quantity) == (2, 1)
    assert order.refund_ids == (refund.id,)
    assert [len(each.lines) for each in placed] == [120]
    assert placed[0].lines[0].total == 1
    assert await shop.orders.order_of(placed[0].fulfilment_order_id) == sold.id
    assert shown is not None
    assert [(each.quantity, each.restock_type) for each in shown.lines] == [(1, "CANCEL")]
    assert await shop.orders.order("gid://shopify/Order/99") is None
    assert await shop.orders.placement("gid://shopify/Order/99") == []


async def test_changed_orders_are_found_page_by_page(standin: StandIn, shop: Shop) -> None:
    a_product(standin, "A", available=99)
    before = [standin.trade.sell({"A": 1}).id for _ in range(3)]
    since = standin.shop.now()
    later = [standin.trade.sell({"A": 1}).id for _ in range(60)]
    standin.trade.refund(before[1], "A", 1)

    first, more = await shop.orders.changed_since(since)
    rest, end = await shop.orders.changed_since(since, more)

    assert [each.id for each in [*first, *rest]] == [*later, before[1]]
    assert (len(first), end) == (50, None)


async def test_units_are_fulfilled_with_their_tracking(standin: StandIn, shop: Shop) -> None:
    a_product(standin, "A", available=5)
    order = standin.trade.sell({"A": 3})
    placed = (await shop.orders.placement(order.id))[0]
    units = [
        FulfilmentUnits(
            fulfilment_order_id=placed.fulfilment_order_id, fulfilment_line_id=placed.lines[0].id, quantity=2
        )
    ]

    made = await shop.orders.fulfil(units, "DHL", "123")

    assert made.id == order.fulfilments[0].id
    assert (order.fulfilments[0].company, order.fulfilments[0].number) == ("DHL", "123")
    assert [each.remaining for each in (await shop.orders.placement(order.id))[0].lines] == [1]
    with pytest.raises(ShopRefused):
        await shop.orders.fulfil(units, None, None)


async def test_webhooks_are_subscribed_listed_and_removed(shop: Shop) -> None:
    made = await shop.hooks.create("ORDERS_CREATE", "https://example.com/slc/webhooks/shopify", ["id"])

    assert await shop.hooks.all() == [made]
    await shop.hooks.delete(made.id)
    await shop.hooks.delete(made.id)
    assert await shop.hooks.all() == []


async def test_a_revoked_token_is_refused(standin: StandIn, shop: Shop) -> None:
    await shop.account.uninstall()

    with pytest.raises(CredentialRefused):
        await shop.account.probe()
    assert standin.shop.uninstalled


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (Fault(status=401), CredentialRefused),
        (Fault(status=403), CredentialRefused),
        (Fault(code="ACCESS_DENIED"), CredentialRefused),
        (Fault(status=402), ShopUnavailable),
        (Fault(status=404), ShopUnavailable),
        (Fault(status=423), ShopUnavailable),
        (Fault(status=500), NoAnswer),
        (Fault(status=302), NoAnswer),
        (Fault(code="INTERNAL_SERVER_ERROR"), NoAnswer),
        (Fault(code="MAX_COST_EXCEEDED"), CostTooHigh),
        (Fault(status=400), BadRequest),
        (Fault(lost=True), NoAnswer),
        (Fault(slow_seconds=30), NoAnswer),
    ],
    ids=str,
)
async def test_each_failure_has_its_meaning(standin: StandIn, fault: Fault, kind: type[ShopFailed]) -> None:
    standin.faults.add(fault)
    async with a_client(standin, slc_shopify_timeout=0.3) as client:
        shop = client.open(DOMAIN, TOKEN)

        with pytest.raises(ShopFailed) as failed:
            await shop.account.probe()

        assert type(failed.value) is kind
        assert [each.outcome for each in shop.calls] == ["failed"]
        assert TOKEN not in str(failed.value)


async def test_a_refusal_for_cost_is_waited_out_and_costs_no_attempt(standin: StandIn, shop: Shop) -> None:
    standin.faults.add(Fault(code="THROTTLED", times=1))

    await shop.account.probe()

    assert [each.outcome for each in shop.calls] == ["throttled", "done"]


async def test_a_call_that_may_not_wait_says_how_long_it_would(standin: StandIn, client: Shops) -> None:
    standin.faults.add(Fault(status=429))

    with pytest.raises(ShopThrottled) as throttled:
        await client.open(DOMAIN, TOKEN, patience_seconds=0).account.probe()

    assert throttled.value.wait_seconds >= 0.5


async def test_calls_that_are_not_urgent_leave_a_reserve(standin: StandIn, client: Shops) -> None:
    standin.bucket.set(100, 0.1)
    urgent = client.open(DOMAIN, TOKEN)
    patient = client.open(DOMAIN, TOKEN, reserve_percent=95, patience_seconds=0)
    await urgent.hooks.create("ORDERS_CREATE", "https://example.com/a", ["id"])

    with pytest.raises(ShopThrottled):
        await patient.hooks.create("ORDERS_CREATE", "https://example.com/b", ["id"])
    await urgent.hooks.create("ORDERS_CREATE", "https://example.com/c", ["id"])


async def test_a_query_that_is_too_expensive_is_halved(standin: StandIn, shop: Shop) -> None:
    product = a_product(standin, *[f"S{number}" for number in range(10)])
    standin.faults.add(Fault(field="nodes", code="MAX_COST_EXCEEDED", times=2))

    found = await shop.products.states([each.id for each in product.variants])

    assert len(found) == 10
    assert [each.outcome for each in shop.calls] == ["failed", "failed", *["done"] * 5]


async def test_codes_and_refresh_tokens_become_tokens(standin: StandIn, client: Shops) -> None:
    standin.codes["code-1"] = ["read_orders"]

    pair = await client.tokens.exchange(DOMAIN, "code-1")
    assert pair.refresh_token is not None
    renewed = await client.tokens.refresh(DOMAIN, pair.refresh_token)
    moved = await client.tokens.to_expiring(DOMAIN, TOKEN)

    assert (pair.scopes, pair.expires_in) == (("read_orders",), 3600)
    assert len({pair.access_token, renewed.access_token, moved.access_token}) == 3
    assert pair.access_token not in repr(pair)
    with pytest.raises(CredentialRefused):
        await client.tokens.exchange(DOMAIN, "never given")


async def test_a_shop_that_is_not_there_has_no_answer() -> None:
    async with ShopServer([]).running() as server:
        settings = a_settings(slc_shopify_base_url=server.base_url)
    async with shops.open(settings=settings, metrics=Metrics()) as client:
        with pytest.raises(NoAnswer):
            await client.open(DOMAIN, TOKEN).account.probe()


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/{shop}",
        "https://example.com",
        "https://{shop}/{shop}",
        "ftp://{shop}",
        "https://{shop}?a={b}",
    ],
)
def test_other_base_addresses_stop_the_start(url: str) -> None:
    with pytest.raises(SettingsError):
        a_settings(slc_shopify_base_url=url).shop_base_url()


@pytest.mark.parametrize("url", ["https://{shop}", "http://127.0.0.1:9400/{shop}", "http://[::1]:1/{shop}"])
def test_allowed_base_addresses(url: str) -> None:
    assert a_settings(slc_shopify_base_url=url).shop_base_url() == url

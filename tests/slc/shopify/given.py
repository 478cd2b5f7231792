"""A stand-in shop and the client for it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from chassis.settings import Secret
from chassis.telemetry.metrics import Metrics
from chassis.testing.keys import key_settings
from services.slc.settings import SlcSettings
from services.slc.shopify.client import shops
from services.slc.shopify.port import Shops
from tests.shop.model import Item, Level, Product, Variant
from tests.shop.server import ShopServer
from tests.shop.standin import StandIn

DOMAIN = "acme-test.myshopify.com"
TOKEN = "shpat_good_0001"


def a_settings(**given: object) -> SlcSettings:
    """Settings of SLC; what is given replaces the defaults."""
    plain = {"mongodb_uri": Secret("mongodb://x"), "amqp_url": Secret("amqp://x"), "caller_key": Secret("k" * 32)}
    plain |= key_settings("slc")
    return SlcSettings(**{**plain, **given})  # type: ignore[arg-type]


def a_standin() -> StandIn:
    """A shop with one location and one token."""
    standin = StandIn(DOMAIN)
    standin.shop.add_location("Main street")
    standin.token(TOKEN)
    return standin


def a_product(standin: StandIn, *skus: str, available: int | None = None, title: str = "Tee") -> Product:
    """A product of the shop with a variant for each SKU, stocked at the first location if a quantity is given."""
    shop = standin.shop
    product = Product(shop.gid("Product"), title.casefold(), title, options=["Size"])
    for sku in skus:
        item = Item(shop.gid("InventoryItem"), sku)
        if available is not None:
            item.levels[next(iter(shop.locations))] = Level(available)
        product.variants.append(Variant(shop.gid("ProductVariant"), product.id, item, [("Size", sku)]))
    shop.add_product(product)
    return product


@asynccontextmanager
async def a_client(standin: StandIn, **given: object) -> AsyncIterator[Shops]:
    """The client, connected to the stand-in."""
    async with ShopServer([standin]).running() as server:
        settings = a_settings(slc_shopify_base_url=server.base_url, **given)
        async with shops.open(settings=settings, metrics=Metrics()) as client:
            yield client

"""What a shop shows of itself, of its products and of its quantities."""

from chassis.entity import Value
from services.slc.shopify.words import Gid, InventoryPolicy, ProductStatus, Seo, Weight, Wire


class ShopFacts(Value):
    """What the probe says of the shop and the token. `scopes` are the granted ones."""

    shop_id: Gid
    name: str
    domain: str
    currency: str
    timezone: str
    scopes: tuple[str, ...]


class TokenPair(Value):
    """A token and, where it expires, what renews it. Seconds count from the answer."""

    access_token: str
    scopes: tuple[str, ...] = ()
    expires_in: int | None = None
    refresh_token: str | None = None
    refresh_token_expires_in: int | None = None

    def __repr__(self) -> str:
        return "TokenPair(…)"


class Location(Wire):
    """An active location of the shop."""

    id: Gid
    name: str
    is_active: bool
    fulfills_online_orders: bool = False


class Publication(Value):
    """Where products can be published."""

    publication_id: Gid
    title: str | None = None


class ProductState(Wire):
    """A product's own fields, as Shopify shows them."""

    id: Gid
    handle: str
    status: ProductStatus
    title: str
    description_html: str = ""
    vendor: str = ""
    product_type: str = ""
    tags: tuple[str, ...] = ()
    seo: Seo = Seo()


class ProductRef(Wire):
    """A product that was found."""

    id: Gid
    handle: str
    status: ProductStatus
    title: str


class OptionValue(Wire):
    """One option's value of a variant."""

    name: str
    value: str


class MoneyAmount(Wire):
    """An amount and its currency."""

    amount: str
    currency_code: str


class Measurement(Wire):
    """What an item measures."""

    weight: Weight | None = None


class ItemState(Wire):
    """The inventory item of a variant."""

    id: Gid
    tracked: bool = False
    unit_cost: MoneyAmount | None = None
    measurement: Measurement | None = None
    sku: str | None = None


class VariantState(Wire):
    """A variant with its product and its inventory item, as Shopify shows them."""

    id: Gid
    product: ProductState
    inventory_item: ItemState
    sku: str | None = None
    barcode: str | None = None
    price: str = "0.00"
    compare_at_price: str | None = None
    inventory_policy: InventoryPolicy = "DENY"
    requires_components: bool = False
    selected_options: tuple[OptionValue, ...] = ()


class FoundVariant(Wire):
    """A hit of a search."""

    id: Gid
    product: ProductRef
    inventory_item: ItemState
    sku: str | None = None
    barcode: str | None = None
    price: str = "0.00"
    compare_at_price: str | None = None
    inventory_policy: InventoryPolicy = "DENY"
    requires_components: bool = False


class ItemRef(Wire):
    """The inventory item of a variant, by its id."""

    id: Gid


class VariantRef(Wire):
    """A variant of a product, as it is listed or answered by a write."""

    id: Gid
    sku: str | None = None
    barcode: str | None = None
    price: str | None = None
    compare_at_price: str | None = None
    inventory_item: ItemRef | None = None
    selected_options: tuple[OptionValue, ...] = ()


class ProductOption(Wire):
    """An option of a product and its values."""

    name: str
    values: tuple[str, ...] = ()


class ProductVariants(Value):
    """All variants of a product, and its own options in their order."""

    options: tuple[ProductOption, ...]
    variants: tuple[VariantRef, ...]


class CreatedProduct(Value):
    """A product that was created, with every variant of it."""

    product: ProductState
    variants: tuple[VariantRef, ...]


class LevelState(Value):
    """What the shop shows of an item at a location. `available` is None where the item is not stocked there;
    `exists` is False where the shop has no such item."""

    inventory_item_id: Gid
    location_id: Gid
    available: int | None
    exists: bool = True


class WebhookSubscription(Wire):
    """A webhook subscription. `topic` is the API's word, such as ORDERS_CREATE."""

    id: Gid
    topic: str
    uri: str
    include_fields: tuple[str, ...] = ()

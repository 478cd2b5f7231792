"""A shop, as the rest of SLC sees it: the only way to Shopify.

    shop = shops.open("acme.myshopify.com", token)
    order = await shop.orders.order(order_id)

Every method raises `ShopFailed` where there is no outcome or nothing was executed, and methods that write raise
`ShopRefused` with the shop's `userErrors`. No method repeats a call that may have been executed: that is decided by the
caller, who knows what was stored. Ids are GIDs. `errors.py` has all exceptions;
`states.py`, `order_states.py`, `inputs.py` have the structs.
"""

from collections.abc import Sequence
from typing import Protocol

from services.slc.shopify.inputs import (
    ItemInput,
    LevelWrite,
    MetafieldKey,
    NewProduct,
    OwnedMetafield,
    ProductChange,
    VariantChange,
)
from services.slc.shopify.order_states import (
    Fulfilment,
    FulfilmentOrder,
    FulfilmentUnits,
    OrderChanged,
    OrderState,
    RefundState,
)
from services.slc.shopify.states import (
    CreatedProduct,
    FoundVariant,
    ItemState,
    LevelState,
    Location,
    ProductRef,
    ProductState,
    ProductVariants,
    Publication,
    ShopFacts,
    TokenPair,
    VariantRef,
    VariantState,
    WebhookSubscription,
)
from services.slc.shopify.words import Gid, SearchField, ShopCall

STATES_MAX = 100
"""Variants or levels that are read in one call."""

LEVELS_MAX = 100
"""Levels that are set in one call."""

METAFIELDS_MAX = 25
"""Metafields that are set or deleted in one call."""

VARIANTS_MAX = 250
"""Variants that are created or changed in one call: input lists hold no more."""


class Account(Protocol):
    """The shop itself and the installation of the app."""

    async def probe(self) -> ShopFacts:
        """Which shop this is and what the token may do."""
        ...

    async def locations(self) -> list[Location]:
        """All active locations."""
        ...

    async def publications(self) -> list[Publication]:
        """Where products can be published; the first 50."""
        ...

    async def uninstall(self) -> None:
        """Revoke the token."""
        ...


class Products(Protocol):
    """Products, variants, their tags, metafields and publications."""

    async def find(self, field: SearchField, values: Sequence[str]) -> dict[str, list[FoundVariant]]:
        """Value -> the variants whose `field` equals it, case included. Any number of values, 25 a call. All equal
        ones, unless they lie in several products: then `CANDIDATES_MAX` at least."""
        ...

    async def by_style(self, namespace: str, style_id: str) -> ProductRef | None:
        """The product with this custom id, or None."""
        ...

    async def define_style_id(self, namespace: str) -> None:
        """Make the definition of the custom id; one that is there already is fine."""
        ...

    async def create(self, namespace: str, style_id: str, product: NewProduct) -> CreatedProduct:
        """Create a product by its custom id. It would replace one that is there: ask `by_style` before."""
        ...

    async def variants_of(self, product_id: Gid) -> ProductVariants | None:
        """All variants of a product and its options; None if there is no such product."""
        ...

    async def states(self, variant_ids: Sequence[Gid]) -> dict[Gid, VariantState]:
        """Variants with product and item, of those that exist. Any number; `STATES_MAX` a call."""
        ...

    async def update(self, change: ProductChange) -> ProductState:
        """Set fields of a product; the answer holds them as Shopify normalised them."""
        ...

    async def update_variants(self, product_id: Gid, changes: Sequence[VariantChange]) -> list[VariantRef]:
        """Set fields of variants, `VARIANTS_MAX` at most. Good entries are kept where others are refused: then
        `ShopRefused.answered` holds what was written, and `UserError.index` says which entry was not."""
        ...

    async def create_variants(self, product_id: Gid, variants: Sequence[VariantChange]) -> list[VariantRef]:
        """Add variants to a product, all or none, `VARIANTS_MAX` at most."""
        ...

    async def update_item(self, item_id: Gid, change: ItemInput) -> ItemState:
        """Set fields of an inventory item."""
        ...

    async def add_tags(self, product_id: Gid, tags: Sequence[str]) -> tuple[str, ...]:
        """Add tags; the product's tags afterwards."""
        ...

    async def remove_tags(self, product_id: Gid, tags: Sequence[str]) -> tuple[str, ...]:
        """Remove tags; the product's tags afterwards."""
        ...

    async def metafields(self, owner_ids: Sequence[Gid], keys: Sequence[str]) -> dict[Gid, dict[str, str]]:
        """Owner -> `namespace.key` -> value, of the metafields with these keys (25 at most) that exist."""
        ...

    async def set_metafields(self, metafields: Sequence[OwnedMetafield]) -> None:
        """Set metafields, all or none, `METAFIELDS_MAX` at most."""
        ...

    async def delete_metafields(self, metafields: Sequence[MetafieldKey]) -> None:
        """Delete metafields, `METAFIELDS_MAX` at most; absent ones are fine."""
        ...

    async def publish(self, product_id: Gid, publication_ids: Sequence[Gid]) -> None:
        """Publish a product."""
        ...


class Levels(Protocol):
    """Quantities of items at locations."""

    async def states(self, item_ids: Sequence[Gid], location_id: Gid) -> dict[Gid, LevelState]:
        """What the shop shows at a location, of every id asked for. Any number; `STATES_MAX` a call."""
        ...

    async def set(self, key: str, job_id: str, levels: Sequence[LevelWrite]) -> None:
        """Set quantities, all or none, `LEVELS_MAX` at most. `key` is the idempotency key."""
        ...

    async def activate(self, key: str, item_id: Gid, location_id: Gid, available: int) -> None:
        """Stock an item at a location. `key` is the idempotency key."""
        ...


class Orders(Protocol):
    """Orders, refunds and fulfilments."""

    async def order(self, order_id: Gid) -> OrderState | None:
        """An order with all its lines; None if the shop does not show it."""
        ...

    async def placement(self, order_id: Gid) -> list[FulfilmentOrder]:
        """All fulfilment orders of an order, with all their lines."""
        ...

    async def order_of(self, fulfilment_order_id: Gid) -> Gid | None:
        """The order that a fulfilment order belongs to."""
        ...

    async def refund(self, refund_id: Gid) -> RefundState | None:
        """A refund with all its lines; None if the shop does not show it."""
        ...

    async def changed_since(self, at: str, after: str | None = None) -> tuple[list[OrderChanged], str | None]:
        """A page of orders changed at or after a time, oldest change first, and where the next page begins."""
        ...

    async def fulfil(self, units: Sequence[FulfilmentUnits], company: str | None, number: str | None) -> Fulfilment:
        """Fulfil units of one order at one location; the customer is not notified. It has no idempotency key: read
        the remaining quantities before it is sent again."""
        ...

    async def latest_fulfilment(self, order_id: Gid) -> Fulfilment | None:
        """The newest fulfilment of an order, if it has any."""
        ...


class Hooks(Protocol):
    """Webhook subscriptions."""

    async def all(self) -> list[WebhookSubscription]:
        """All subscriptions of the app in this shop."""
        ...

    async def create(self, topic: str, uri: str, include_fields: Sequence[str]) -> WebhookSubscription:
        """Subscribe to a topic (ORDERS_CREATE)."""
        ...

    async def delete(self, subscription_id: Gid) -> None:
        """Remove a subscription; an absent one is fine."""
        ...


class Shop(Protocol):
    """One shop, with one token. `calls` collects what was sent, for audit and statistics, until somebody takes it."""

    @property
    def calls(self) -> list[ShopCall]:
        """What was sent; whoever records it clears the list."""
        ...

    @property
    def account(self) -> Account:
        """The shop itself."""
        ...

    @property
    def products(self) -> Products:
        """Its products."""
        ...

    @property
    def levels(self) -> Levels:
        """Its quantities."""
        ...

    @property
    def orders(self) -> Orders:
        """Its orders."""
        ...

    @property
    def hooks(self) -> Hooks:
        """Its webhook subscriptions."""
        ...


class Tokens(Protocol):
    """OAuth of the stack's own app. Each raises `CredentialRefused` if the shop refuses, else `ShopFailed`."""

    async def exchange(self, shop_domain: str, code: str) -> TokenPair:
        """The token for a code of the callback."""
        ...

    async def refresh(self, shop_domain: str, refresh_token: str) -> TokenPair:
        """The next pair. The old refresh token stays good until the new one is first used."""
        ...

    async def to_expiring(self, shop_domain: str, token: str) -> TokenPair:
        """An expiring pair for a token that never expires."""
        ...


class Shops(Protocol):
    """All shops. A resource: asked for by type."""

    @property
    def tokens(self) -> Tokens:
        """OAuth."""
        ...

    def open(self, shop_domain: str, token: str, *, reserve_percent: int = 0, patience_seconds: float = 30.0) -> Shop:
        """A shop. Its calls leave `reserve_percent` of the shop's points to others: 0 for what is urgent. A call that
        has to wait longer than `patience_seconds` for points raises `ShopThrottled`."""
        ...

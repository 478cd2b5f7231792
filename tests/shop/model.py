"""What a stand-in shop holds: products, variants, items, levels, orders. Ids are GIDs, amounts are decimal text."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

Metafields = dict[str, tuple[str, str]]
"""`namespace.key` -> type and value."""


@dataclass
class Level:
    """Units of an item at a location."""

    available: int = 0
    committed: int = 0
    updated_at: str = ""


@dataclass
class Item:
    """An inventory item."""

    id: str
    sku: str | None = None
    tracked: bool = True
    cost: str | None = None
    weight: tuple[float, str] | None = None
    levels: dict[str, Level] = field(default_factory=dict)


@dataclass
class Variant:
    """A variant of a product."""

    id: str
    product_id: str
    item: Item
    options: list[tuple[str, str]]
    barcode: str | None = None
    price: str = "0.00"
    compare_at_price: str | None = None
    policy: str = "DENY"
    requires_components: bool = False
    metafields: Metafields = field(default_factory=dict)


@dataclass
class Product:
    """A product with its variants."""

    id: str
    handle: str
    title: str
    status: str = "ACTIVE"
    description_html: str = ""
    vendor: str = ""
    product_type: str = ""
    tags: list[str] = field(default_factory=list)
    seo: tuple[str | None, str | None] = (None, None)
    options: list[str] = field(default_factory=list)
    variants: list[Variant] = field(default_factory=list)
    metafields: Metafields = field(default_factory=dict)
    publications: set[str] = field(default_factory=set)
    files: list[str] = field(default_factory=list)


@dataclass
class OrderLine:
    """A line of an order. `removed` units were refunded or edited away."""

    id: str
    variant: Variant
    quantity: int
    removed: int = 0
    fulfilled: int = 0


@dataclass
class Placement:
    """Units of an order line in a fulfilment order."""

    id: str
    line: OrderLine
    total: int
    remaining: int


@dataclass
class FulfilmentOrder:
    """The part of an order at one location."""

    id: str
    location_id: str
    status: str
    lines: list[Placement]


@dataclass
class Refund:
    """Refunded units: id, line, units, restock type, location."""

    id: str
    created_at: str
    lines: list[tuple[str, OrderLine, int, str, str | None]]


@dataclass
class Fulfilment:
    """What was shipped, and how it was announced."""

    id: str
    order_id: str
    lines: list[tuple[str, int]]
    company: str | None
    number: str | None


@dataclass
class Order:
    """An order."""

    id: str
    name: str
    created_at: str
    updated_at: str
    lines: list[OrderLine]
    placements: list[FulfilmentOrder]
    financial_status: str = "PAID"
    cancelled_at: str | None = None
    refunds: list[Refund] = field(default_factory=list)
    fulfilments: list[Fulfilment] = field(default_factory=list)


@dataclass
class Location:
    """Where stock lies."""

    id: str
    name: str
    active: bool = True


class Shop:
    """One shop in memory. `clock` says what time it is; ids grow by one."""

    def __init__(self, domain: str, *, currency: str = "EUR", clock: Callable[[], datetime] | None = None) -> None:
        self.domain = domain
        self.name = domain.partition(".")[0]
        self.currency = currency
        self.tokens: dict[str, list[str]] = {}
        self.locations: dict[str, Location] = {}
        self.products: dict[str, Product] = {}
        self.variants: dict[str, Variant] = {}
        self.items: dict[str, Item] = {}
        self.orders: dict[str, Order] = {}
        self.definitions: set[str] = set()
        self.publications: dict[str, str] = {}
        self.uninstalled = False
        self._clock = clock or (lambda: datetime.now(UTC))
        self._last = datetime.min.replace(tzinfo=UTC)
        self._numbers: dict[str, int] = {}

    def gid(self, kind: str) -> str:
        """A new id."""
        self._numbers[kind] = self._numbers.get(kind, 0) + 1
        return f"gid://shopify/{kind}/{self._numbers[kind]}"

    def now(self) -> str:
        """The time, later than every time given before."""
        self._last = max(self._clock(), self._last + timedelta(milliseconds=1))
        return self._last.isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def add_location(self, name: str) -> Location:
        """A new active location."""
        location = Location(self.gid("Location"), name)
        self.locations[location.id] = location
        return location

    def by_sku(self, sku: str) -> Variant:
        """The variant with a SKU. KeyError if there is none."""
        for variant in self.variants.values():
            if variant.item.sku == sku:
                return variant
        raise KeyError(sku)

    def add_product(self, product: Product) -> None:
        """Store a product with its variants."""
        self.products[product.id] = product
        for variant in product.variants:
            self.add_variant(variant)

    def add_variant(self, variant: Variant) -> None:
        """Store a variant."""
        self.variants[variant.id] = variant
        self.items[variant.item.id] = variant.item

    def remove_product(self, product_id: str) -> None:
        """Delete a product and its variants."""
        for variant in self.products.pop(product_id).variants:
            del self.variants[variant.id], self.items[variant.item.id]

    def free_handle(self, wanted: str, product_id: str) -> str:
        """The handle, with a number behind it if another product has it."""
        taken = {each.handle for each in self.products.values() if each.id != product_id}
        handle, number = wanted, 1
        while handle in taken:
            handle, number = f"{wanted}-{number}", number + 1
        return handle


def money(amount: Any) -> str:
    """An amount with two digits behind the point."""
    return str(Decimal(str(amount)).quantize(Decimal("0.01")))

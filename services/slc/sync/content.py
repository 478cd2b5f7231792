"""What PMC serves of a product, as far as shops show it, and what ICS says of its stock."""

from chassis.entity import Value

Units = dict[tuple[str, str], int]
"""Variant and facility -> units, as the channel's stock_source counts them."""


class Price(Value):
    """An amount as decimal text, and its currency."""

    amount: str
    currency: str


class SeoTexts(Value):
    """Title and description for search engines."""

    title: str | None = None
    description: str | None = None


class Option(Value):
    """The value of an option."""

    name: str
    value: str


class Barcode(Value):
    """A barcode; the first one is primary."""

    value: str
    primary: bool | None = None


class WeightOf(Value):
    """A weight as decimal text, and its unit: g, kg, oz or lb."""

    value: str
    unit: str


class MediaFile(Value):
    """A picture, film or model by its address."""

    url: str
    kind: str
    alt: str | None = None


class MetafieldOf(Value):
    """A metafield as PMC keeps it."""

    namespace: str
    key: str
    type: str
    value: str


class Named(Value):
    """Something with a name."""

    name: str


class ListedContent(Value):
    """A product's content."""

    style_id: str
    variant_id: str
    variant_code: str
    sku: str
    title: str | None = None
    style_title: str | None = None
    handle: str | None = None
    caption: str | None = None
    description_html: str | None = None
    brand: str | None = None
    vendor: Named | None = None
    product_type: str | None = None
    seo: SeoTexts | None = None
    tags: tuple[str, ...] = ()
    options: tuple[Option, ...] = ()
    barcodes: tuple[Barcode, ...] = ()
    price: Price | None = None
    compare_at_price: Price | None = None
    cost: Price | None = None
    weight: WeightOf | None = None
    media: tuple[MediaFile, ...] = ()
    metafields: tuple[MetafieldOf, ...] = ()


class VariantListing(Value):
    """A variant as a channel of PMC shows it. `content` is None where nothing is served."""

    variant_id: str
    online: bool = False
    rev: int | None = None
    rev_id: str | None = None
    content: ListedContent | None = None

"""Pack documents as callers send them: a header, and styles with their variants."""

from typing import Annotated, Any, Literal

from msgspec import Meta

from chassis.values import Code, Guid, LongText, Name, Sku, Text
from services.pmc.words import (
    CHANNELS_MAX,
    Alias,
    Barcode,
    CurrencyCode,
    Dimensions,
    Handle,
    Identifier,
    LocaleText,
    Media,
    Metafield,
    OptionValue,
    Part,
    Price,
    Seo,
    Weight,
)

STYLES_MAX = 200_000
VARIANTS_PER_STYLE_MAX = 2_048
VARIANTS_MAX = 1_000_000
STYLE_BYTES_MAX = 1024 * 1024
"""Bytes of a line, and of a style in JSON form."""

Attributes = Annotated[dict[str, Any], Meta(extra={"attributes": True})]
"""Free fields: at most 16 KiB in RFC 8785 form, names without `$` or `.`."""


class PackChannel(Part):
    """A channel the pack is offered in, and its currency."""

    channel_code: Code
    currency: CurrencyCode


class PackVendor(Part):
    """A vendor the styles may name."""

    vendor_id: Guid
    code: Code | None = None
    name: Name


class PackNode(Part):
    """A node of the taxonomy."""

    node_id: Guid
    kind: Literal["division", "department", "category"]
    name: Name
    parent_id: Guid | None = None


class PackOption(Part):
    """An option of a style with its values, in the order shoppers see."""

    name: Name
    values: Annotated[list[LocaleText], Meta(min_length=1, max_length=2048)]


class StyleChannel(Part):
    """What a style is in one channel."""

    channel_code: Code
    category_id: Guid | None = None
    department_id: Guid | None = None
    division_id: Guid | None = None
    title: LocaleText | None = None
    handle: Handle | None = None
    caption: Text | None = None
    description_html: LongText | None = None
    seo: Seo | None = None
    tags: Annotated[list[LocaleText], Meta(max_length=250)] | None = None
    media: Annotated[list[Media], Meta(max_length=250)] | None = None
    attributes: Attributes | None = None


class VariantChannel(Part):
    """What a variant is in one channel: the offer."""

    channel_code: Code
    status: Literal["active", "withdrawn"] | None = None
    price: Price | None = None
    compare_at_price: Price | None = None
    cost: Price | None = None
    title: LocaleText | None = None
    caption: Text | None = None
    media: Annotated[list[Media], Meta(max_length=50)] | None = None
    attributes: Attributes | None = None


class PackVariant(Part):
    """A variant: the thing with a SKU."""

    variant_id: Guid
    variant_code: Code
    sku: Sku
    title: LocaleText | None = None
    option_values: Annotated[list[OptionValue], Meta(max_length=3)] | None = None
    barcodes: Annotated[list[Barcode], Meta(max_length=20)] | None = None
    identifiers: Annotated[list[Identifier], Meta(max_length=20)] | None = None
    aliases: Annotated[list[Alias], Meta(max_length=20)] | None = None
    weight: Weight | None = None
    dimensions: Dimensions | None = None
    tax_code: Name | None = None
    cost: Price | None = None
    media: Annotated[list[Media], Meta(max_length=50)] | None = None
    attributes: Attributes | None = None
    metafields: Annotated[list[Metafield], Meta(max_length=50)] | None = None
    channels: Annotated[list[VariantChannel], Meta(min_length=1, max_length=CHANNELS_MAX)]


class PackStyle(Part):
    """A style: what a shopper calls a product. One line of the JSON Lines form."""

    style_id: Guid
    style_code: Code
    title: LocaleText
    brand: Name | None = None
    vendor_id: Guid | None = None
    product_type: Name | None = None
    handle: Handle | None = None
    caption: Text | None = None
    description_html: LongText | None = None
    seo: Seo | None = None
    options: Annotated[list[PackOption], Meta(max_length=3)] | None = None
    media: Annotated[list[Media], Meta(max_length=250)] | None = None
    tags: Annotated[list[LocaleText], Meta(max_length=250)] | None = None
    attributes: Attributes | None = None
    metafields: Annotated[list[Metafield], Meta(max_length=50)] | None = None
    channels: Annotated[list[StyleChannel], Meta(max_length=CHANNELS_MAX)] | None = None
    variants: Annotated[list[PackVariant], Meta(min_length=1, max_length=VARIANTS_PER_STYLE_MAX)]


class PackHeader(Part):
    """All of a pack document but its styles. The first line of the JSON Lines form."""

    format: Literal["retailstack.pack/1"]
    name: Name | None = None
    source: Text | None = None
    channels: Annotated[list[PackChannel], Meta(min_length=1, max_length=CHANNELS_MAX)]
    vendors: Annotated[list[PackVendor], Meta(max_length=5_000)] | None = None
    taxonomy: Annotated[list[PackNode], Meta(max_length=20_000)] | None = None


class PackDocument(PackHeader):
    """A whole pack document."""

    styles: Annotated[list[PackStyle], Meta(min_length=1, max_length=STYLES_MAX)]

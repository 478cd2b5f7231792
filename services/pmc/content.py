"""Product content: what is known of a product at one moment, its canonical form, and the hash that names it.

The canonical form is RFC 8785. Every field of `ProductContent` has an ASCII name and no numbers, for which the JSON
encoder's sorted output is that form already; `attributes`, which may hold any JSON, goes through the library.
"""

import hashlib
from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
import rfc8785
from msgspec import Meta

from chassis.values import Code, Guid, LongText, Name, Sku, Text
from services.pmc.words import (
    Alias,
    Barcode,
    BarcodeType,
    Dimensions,
    Handle,
    Identifier,
    LocaleText,
    Media,
    Metafield,
    NodeRef,
    OptionValue,
    Part,
    Price,
    Seo,
    VendorRef,
    Weight,
)

CONTENT_BYTES_MAX = 262_144
"""Most bytes of a publishable content in RFC 8785 form: rule SIZE."""

_LENGTH_TYPES: Mapping[int, BarcodeType] = {8: "ean8", 12: "upca", 13: "ean13", 14: "gtin14"}


class ProductContent(Part):
    """What is known of a product. Lists and `attributes` are always there; other fields only with a value."""

    style_id: Guid
    style_code: Code
    variant_id: Guid
    variant_code: Code
    sku: Sku
    title: LocaleText
    style_title: LocaleText
    handle: Handle | None = None
    caption: Text | None = None
    description_html: LongText | None = None
    brand: Name | None = None
    vendor: VendorRef | None = None
    product_type: Name | None = None
    category: NodeRef | None = None
    department: NodeRef | None = None
    division: NodeRef | None = None
    seo: Seo | None = None
    tags: Annotated[list[LocaleText], Meta(max_length=500)]
    options: Annotated[list[OptionValue], Meta(max_length=3)]
    barcodes: Annotated[list[Barcode], Meta(max_length=20)]
    identifiers: Annotated[list[Identifier], Meta(max_length=20)]
    aliases: Annotated[list[Alias], Meta(max_length=20)]
    price: Price | None = None
    compare_at_price: Price | None = None
    cost: Price | None = None
    tax_code: Name | None = None
    weight: Weight | None = None
    dimensions: Dimensions | None = None
    media: Annotated[list[Media], Meta(max_length=600)]
    attributes: dict[str, Any]
    metafields: Annotated[list[Metafield], Meta(max_length=100)]


class CanonicalContent(Part):
    """A content with its RFC 8785 text and its hash."""

    content: ProductContent
    text: str
    rev_id: str
    bytes: int


def canonical(content: ProductContent) -> CanonicalContent:
    """The content's RFC 8785 form and `rev_id`."""
    fields = {name: value for name in content.__struct_fields__ if (value := getattr(content, name)) is not None}
    fields["attributes"] = msgspec.Raw(rfc8785.dumps(content.attributes)) if content.attributes else {}
    encoded = msgspec.json.encode(fields, order="sorted")
    return CanonicalContent(
        content=content, text=encoded.decode(), rev_id=hashlib.sha256(encoded).hexdigest(), bytes=len(encoded)
    )


_decoder = msgspec.json.Decoder(ProductContent)


def read_content(text: str) -> ProductContent:
    """A stored content."""
    return _decoder.decode(text)


_fields = msgspec.json.Decoder(dict[str, msgspec.Raw])


def changed_fields(before: str | None, after: str) -> list[str]:
    """The top-level fields in which two stored contents differ, ascending; an absent content counts as empty."""
    old = _fields.decode(before) if before else {}
    new = _fields.decode(after) if after else {}
    return sorted(name for name in old.keys() | new.keys() if old.get(name) != new.get(name))


def plain_decimal(text: str) -> str:
    """A decimal without trailing zeros and without a trailing point."""
    return text.rstrip("0").rstrip(".") if "." in text else text


def plain_money(money: Price | None) -> Price | None:
    """An amount without trailing zeros."""
    return None if money is None else Price(amount=plain_decimal(money.amount), currency=money.currency)


def canonical_barcodes(barcodes: list[Barcode]) -> list[Barcode]:
    """Barcodes with type and primary mark, the primary one first, then by value. Unmarked, the first is primary."""
    primary = next((place for place, each in enumerate(barcodes) if each.primary), 0)
    marked = [
        Barcode(
            value=each.value, type=each.type or _LENGTH_TYPES.get(len(each.value), "other"), primary=place == primary
        )
        for place, each in enumerate(barcodes)
    ]
    return sorted(marked, key=lambda each: (not each.primary, each.value))

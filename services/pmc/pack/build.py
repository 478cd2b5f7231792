"""From pack to content: what a style and a variant say of one channel, put together by the rules of precedence."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

from services.pmc.content import ProductContent, canonical_barcodes, plain_decimal, plain_money
from services.pmc.pack.document import PackHeader, PackStyle, PackVariant, StyleChannel
from services.pmc.words import (
    Dimensions,
    Media,
    Metafield,
    NodeRef,
    OptionValue,
    Part,
    Seo,
    VendorRef,
    Weight,
)

T = TypeVar("T")


class Names(Part):
    """The names of a header's vendors and taxonomy nodes, by id."""

    vendors: Mapping[str, str]
    nodes: Mapping[str, str]


def names_of(header: PackHeader) -> Names:
    """The names in a header."""
    return Names(
        vendors={each.vendor_id: each.name for each in header.vendors or ()},
        nodes={each.node_id: each.name for each in header.taxonomy or ()},
    )


def build_content(style: PackStyle, variant: PackVariant, channel_code: str, names: Names) -> ProductContent:
    """The content of a variant in a channel that offers it, in canonical form."""
    offer = next(each for each in variant.channels if each.channel_code == channel_code)
    local = next((each for each in style.channels or () if each.channel_code == channel_code), _NOWHERE)
    style_title = local.title or style.title
    return ProductContent(
        style_id=style.style_id,
        style_code=style.style_code,
        variant_id=variant.variant_id,
        variant_code=variant.variant_code,
        sku=variant.sku,
        style_title=style_title,
        title=offer.title or variant.title or style_title,
        handle=local.handle or style.handle,
        caption=offer.caption or local.caption or style.caption,
        description_html=local.description_html or style.description_html,
        brand=style.brand,
        vendor=_vendor(style.vendor_id, names),
        product_type=style.product_type,
        category=_node(local.category_id, names),
        department=_node(local.department_id, names),
        division=_node(local.division_id, names),
        seo=_seo(local.seo) or _seo(style.seo),
        tags=sorted({*(local.tags or ()), *(style.tags or ())}),
        options=_options(style, variant),
        barcodes=canonical_barcodes(variant.barcodes or []),
        identifiers=sorted(_once(variant.identifiers), key=lambda each: (each.type, each.value)),
        aliases=sorted(_once(variant.aliases), key=lambda each: (each.tag, each.value)),
        price=plain_money(offer.price),
        compare_at_price=plain_money(offer.compare_at_price),
        cost=plain_money(offer.cost or variant.cost),
        tax_code=variant.tax_code,
        weight=_weight(variant.weight),
        dimensions=_dimensions(variant.dimensions),
        media=_media(offer.media, variant.media, local.media, style.media),
        attributes=_merged(style.attributes, local.attributes, variant.attributes, offer.attributes),
        metafields=_metafields(variant.metafields, style.metafields),
    )


_NOWHERE = StyleChannel(channel_code="")


def _vendor(vendor_id: str | None, names: Names) -> VendorRef | None:
    return None if vendor_id is None else VendorRef(vendor_id=vendor_id, name=names.vendors[vendor_id])


def _node(node_id: str | None, names: Names) -> NodeRef | None:
    return None if node_id is None else NodeRef(node_id=node_id, name=names.nodes[node_id])


def _seo(seo: Seo | None) -> Seo | None:
    """An empty one counts as not given."""
    return seo if seo is not None and (seo.title is not None or seo.description is not None) else None


def _options(style: PackStyle, variant: PackVariant) -> list[OptionValue]:
    given = {each.name: each for each in variant.option_values or ()}
    return [given[option.name] for option in style.options or ()]


def _once(items: Sequence[T] | None) -> Iterable[T]:
    return dict.fromkeys(items or ())


def _weight(weight: Weight | None) -> Weight | None:
    return None if weight is None else Weight(value=plain_decimal(weight.value), unit=weight.unit)


def _dimensions(dimensions: Dimensions | None) -> Dimensions | None:
    if dimensions is None:
        return None
    return Dimensions(
        length=plain_decimal(dimensions.length),
        width=plain_decimal(dimensions.width),
        height=plain_decimal(dimensions.height),
        unit=dimensions.unit,
    )


def _media(*sources: Sequence[Media] | None) -> list[Media]:
    """All media, the most specific first; of one address the first stays."""
    found: dict[str, Media] = {}
    for source in sources:
        for each in source or ():
            found.setdefault(each.url, each)
    return list(found.values())


def _merged(*sources: Mapping[str, Any] | None) -> dict[str, Any]:
    """Attributes key by key; later sources win."""
    merged: dict[str, Any] = {}
    for source in sources:
        merged.update(source or {})
    return merged


def _metafields(own: Sequence[Metafield] | None, style: Sequence[Metafield] | None) -> list[Metafield]:
    found = {(each.namespace, each.key): each for each in [*(style or ()), *(own or ())]}
    return [found[key] for key in sorted(found)]

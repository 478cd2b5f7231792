"""What a shop should show of PMC's content: pure functions from content to the values of Shopify's fields.

Values are plain JSON, so that they can be kept as snapshots and compared: options as lists of name and value, a weight
as value and unit, amounts as text with the currency's minor digits.
"""

import html
import json
from collections.abc import Collection, Iterable, Mapping
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from services.slc.channel.config import ChannelConfig
from services.slc.shopify.states import ProductState, VariantState
from services.slc.sync.content import ListedContent, Price

Fields = dict[str, Any]

PRODUCT_FIELDS = ("title", "caption", "handle", "vendor", "product_type", "seo")
VARIANT_FIELDS = ("options", "sku", "barcode", "price", "compare_at_price", "cost", "weight")
UNITS: Mapping[str, str] = {"g": "GRAMS", "kg": "KILOGRAMS", "oz": "OUNCES", "lb": "POUNDS"}
NO_OPTIONS = [["Title", "Default Title"]]

_NO_DIGITS = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"
_THREE_DIGITS = "BHD IQD JOD KWD LYD OMR TND"


class OtherCurrency(Exception):
    """An amount is in another currency than the shop's."""


def amount(price: Price, currency: str) -> str:
    """An amount with the minor digits of the shop's currency. Raises `OtherCurrency`."""
    if price.currency != currency:
        raise OtherCurrency(f"the amount is in {price.currency}, the shop's currency is {currency}")
    digits = 0 if currency in _NO_DIGITS else 3 if currency in _THREE_DIGITS else 2
    return str(Decimal(price.amount).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP))


def product_fields(content: ListedContent, config: ChannelConfig) -> Fields:
    """The synced fields of a product."""
    vendor = content.brand or (content.vendor.name if content.vendor else None)
    seo = content.seo
    found: Fields = {
        "title": content.style_title or content.title,
        "caption": description_of(content),
        "handle": content.handle,
        "vendor": vendor or "",
        "product_type": content.product_type or "",
        "seo": [seo.title if seo else None, seo.description if seo else None],
    }
    if found["handle"] is None:
        # Shopify makes a handle of the title and keeps it.
        del found["handle"]
    return {name: value for name, value in found.items() if name in config.sync_fields}


def description_of(content: ListedContent) -> str:
    """The description as HTML; a caption is plain text and becomes a paragraph."""
    if content.description_html:
        return content.description_html
    return f"<p>{html.escape(content.caption, quote=False)}</p>" if content.caption else ""


def variant_fields(content: ListedContent, config: ChannelConfig, currency: str) -> Fields:
    """The synced fields of a variant. Raises `OtherCurrency`."""
    found: Fields = {}
    synced = set(config.sync_fields)
    if "options" in synced:
        found["options"] = options_of(content)
    if "sku" in synced:
        found["sku"] = content.sku
    if "barcode" in synced:
        found["barcode"] = barcode_of(content)
    if "price" in synced and content.price is not None:
        found["price"] = amount(content.price, currency)
        compare = content.compare_at_price
        found["compare_at_price"] = amount(compare, currency) if compare is not None else None
    if "cost" in synced and content.cost is not None:
        found["cost"] = amount(content.cost, currency)
    if "weight" in synced and content.weight is not None:
        found["weight"] = [float(content.weight.value), UNITS[content.weight.unit]]
    return found


def options_of(content: ListedContent) -> list[list[str]]:
    """The options of a variant; one without any has a single one that Shopify hides."""
    return [[each.name, each.value] for each in content.options] or NO_OPTIONS


def barcode_of(content: ListedContent) -> str | None:
    """The primary barcode."""
    primary = next((each for each in content.barcodes if each.primary), None)
    first = primary or next(iter(content.barcodes), None)
    return first.value if first is not None else None


def metafields_of(content: ListedContent, config: ChannelConfig) -> dict[str, list[str]]:
    """`namespace.key` -> type and value."""
    if "metafields" not in config.sync_fields:
        return {}
    return {f"{each.namespace}.{each.key}": [each.type, each.value] for each in content.metafields}


def same_text(one: str | None, other: str | None) -> bool:
    """Whether two values of a metafield are the same: Shopify rewrites numbers and JSON."""
    if one == other or one is None or other is None:
        return one == other
    try:
        return bool(json.loads(one) == json.loads(other))
    except ValueError:
        return False


def shown_product(state: ProductState) -> Fields:
    """A product's fields as the shop shows them."""
    return {
        "title": state.title,
        "caption": state.description_html,
        "handle": state.handle,
        "vendor": state.vendor,
        "product_type": state.product_type,
        "seo": [state.seo.title, state.seo.description],
        "status": state.status,
    }


def shown_variant(state: VariantState) -> Fields:
    """A variant's fields as the shop shows them."""
    cost, measured = state.inventory_item.unit_cost, state.inventory_item.measurement
    weight = measured.weight if measured else None
    return {
        "options": [[each.name, each.value] for each in state.selected_options],
        "sku": state.sku,
        "barcode": state.barcode,
        "price": state.price,
        "compare_at_price": state.compare_at_price,
        "cost": cost.amount if cost is not None else None,
        "weight": [weight.value, weight.unit] if weight is not None else None,
        "policy": state.inventory_policy,
    }


def differing(wanted: Fields, pushed: Fields, answered: Fields, shown: Fields | None = None) -> dict[str, Any]:
    """The fields to write -> what is there now: by the pushed snapshot, or by what the shop shows if that is given.

    A value that was written and that Shopify stored in another form counts as equal to that form.
    """
    return {
        name: (shown if shown is not None else pushed).get(name)
        for name, value in wanted.items()
        if not _is_there(name, value, pushed, answered, shown)
    }


def _is_there(name: str, value: Any, pushed: Fields, answered: Fields, shown: Fields | None) -> bool:
    was_written = name in pushed and pushed[name] == value
    if shown is None:
        return was_written
    there = shown.get(name)
    return _same(name, there, value) or (was_written and _same(name, answered.get(name, value), there))


def _same(name: str, one: Any, other: Any) -> bool:
    if name in {"price", "compare_at_price", "cost"} and one is not None and other is not None:
        return Decimal(one) == Decimal(other)
    if name == "seo":
        return [each or None for each in one or (None, None)] == [each or None for each in other or (None, None)]
    if name in {"barcode", "sku"}:
        return (one or None) == (other or None)
    return bool(one == other)


def tags_to_write(
    wanted: Iterable[str], written: Iterable[str], shown: Collection[str] | None = None
) -> tuple[list[str], list[str]]:
    """Tags to add, and those to remove: only ones that were written before. `shown`: those it has, if known."""
    now, before = set(wanted), set(written)
    add, remove = sorted(now - before), sorted(before - now)
    if shown is None:
        return add, remove
    return sorted(now - set(shown)), [each for each in remove if each in shown]

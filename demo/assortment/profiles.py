"""The publish profiles of the built-in catalogue: what a web shop and a store demand of their products."""

from typing import Any

from demo.assortment.document import CURRENCY

PRICE_MAX = 1_000
"""Highest plausible price in euros: a slipped decimal point ends above it."""


def web_profile(guid: str) -> dict[str, Any]:
    """The web shop: complete products go online by themselves."""
    return {
        "channel_guid": guid,
        "name": "Web shop",
        "currency": CURRENCY,
        "required_fields": ["title", "price.amount", "category.node_id"],
        "auto_online": True,
        "rules": [
            {"rule_id": "IMAGE", "kind": "min_count", "field": "media", "value": 1, "severity": "error"},
            {"rule_id": "GTIN", "kind": "gtin", "field": "barcodes", "severity": "error"},
            {
                "rule_id": "PRICE",
                "kind": "range",
                "field": "price.amount",
                "min": 1,
                "max": PRICE_MAX,
                "severity": "error",
                "message": f"the price must lie between 1 and {PRICE_MAX} {CURRENCY}",
            },
        ],
    }


def store_profile(guid: str) -> dict[str, Any]:
    """The store: a price is enough."""
    return {
        "channel_guid": guid,
        "name": "Store",
        "currency": CURRENCY,
        "required_fields": ["price.amount"],
        "auto_online": True,
    }

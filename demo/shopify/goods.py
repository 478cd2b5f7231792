"""What the Shopify story sells: the style of the domain guides' scenarios, with three variants and one price."""

from typing import Any

WEB = "WEB"
FACILITY = "fac-1"
RED_M, RED_L, BLUE_M = "v-red-m", "v-red-l", "v-blu-m"
SKU_M, SKU_L = "TEE-RED-M", "TEE-RED-L"
STOCK = {RED_M: 10, RED_L: 4}

PROFILE = {
    "channel_code": WEB,
    "channel_guid": "ch-web",
    "name": "Web shop",
    "currency": "EUR",
    "logical_guids": [FACILITY],
    "required_fields": ["title", "price.amount", "category.node_id"],
    "auto_online": True,
    "rules": [
        {"rule_id": "IMG", "kind": "min_count", "field": "media", "value": 1, "severity": "error"},
        {"rule_id": "GTIN", "kind": "gtin", "field": "barcodes", "severity": "error"},
    ],
}


def pack(price_of_red_m: str) -> dict[str, Any]:
    """The pack, with this price for the red one in M."""
    return {
        "format": "retailstack.pack/1",
        "name": "Spring",
        "channels": [{"channel_code": WEB, "currency": "EUR"}],
        "vendors": [{"vendor_id": "ven-1", "name": "Northwind"}],
        "taxonomy": [
            {"node_id": "div-app", "kind": "division", "name": "Apparel"},
            {"node_id": "dep-tops", "kind": "department", "name": "Tops", "parent_id": "div-app"},
            {"node_id": "cat-tees", "kind": "category", "name": "T-shirts", "parent_id": "dep-tops"},
        ],
        "styles": [
            {
                "style_id": "st-tee",
                "style_code": "TEE",
                "title": "Basic tee",
                "vendor_id": "ven-1",
                "handle": "basic-tee",
                "tags": ["cotton", "basics"],
                "options": [{"name": "Colour", "values": ["Red", "Blue"]}, {"name": "Size", "values": ["M", "L"]}],
                "media": [{"url": "https://img.example/tee.jpg", "kind": "image"}],
                "channels": [
                    {
                        "channel_code": WEB,
                        "category_id": "cat-tees",
                        "department_id": "dep-tops",
                        "division_id": "div-app",
                    }
                ],
                "variants": [
                    _variant(RED_M, "TEE-RM", SKU_M, "Red", "M", price_of_red_m, "4006381333931"),
                    _variant(RED_L, "TEE-RL", SKU_L, "Red", "L", "19.90", "4006381333948"),
                    _variant(BLUE_M, "TEE-BM", "TEE-BLU-M", "Blue", "M", "19.90", None),
                ],
            }
        ],
    }


def _variant(
    variant_id: str, code: str, sku: str, colour: str, size: str, price: str, barcode: str | None
) -> dict[str, Any]:
    return {
        "variant_id": variant_id,
        "variant_code": code,
        "sku": sku,
        "title": f"Basic tee {colour.lower()} {size}",
        "option_values": [{"name": "Colour", "value": colour}, {"name": "Size", "value": size}],
        "barcodes": [{"value": barcode}] if barcode else [],
        "channels": [{"channel_code": WEB, "price": {"amount": price, "currency": "EUR"}}],
    }

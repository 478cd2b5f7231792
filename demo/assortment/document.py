"""Builds the content pack of the built-in catalogue. It is seeded, so that every run gives the same document."""

import random
from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any

from msgspec import Struct

from demo.assortment.goods import KINDS, TAXONOMY, VENDOR_OF, VENDORS, ArticleKind

SEED = 300
CURRENCY = "EUR"
GTIN_PREFIX = "200"
"""Numbers that GS1 leaves to the use within a company: no maker's article has one of them."""

ONLINE_ONLY = "div-outdoor"
"""The division that the store does not carry."""

REDUCED_SHARE = 0.2
"""Share of the styles that are reduced, with their former price beside the price."""

Document = dict[str, Any]


def catalogue(web: str, store: str) -> Document:
    """The pack document, for a web shop and a store with these channel codes."""
    dice = random.Random(SEED)
    numbers = _gtins()
    return {
        "format": "retailstack.pack/1",
        "name": "Demo catalogue",
        "source": "made by the demo",
        "channels": [{"channel_code": code, "currency": CURRENCY} for code in sorted((web, store))],
        "vendors": [{"vendor_id": each.vendor_id, "code": each.code, "name": each.name} for each in VENDORS],
        "taxonomy": [_node(each.node_id, each.kind, each.name, each.parent) for each in TAXONOMY],
        "styles": [
            _style(kind, line, channels, dice, numbers)
            for kind in KINDS
            for channels in [[web] if kind.division == ONLINE_ONLY else [store, web]]
            for line in kind.lines
        ],
    }


def check_digit(digits: str) -> str:
    """The last digit of a GTIN whose other digits are these."""
    weighted = sum(int(digit) * (3 if place % 2 == 0 else 1) for place, digit in enumerate(reversed(digits)))
    return str(-weighted % 10)


def _gtins() -> Iterator[str]:
    for number in range(1, 1_000_000_000):
        digits = f"{GTIN_PREFIX}{number:09d}"
        yield digits + check_digit(digits)


def _node(node_id: str, kind: str, name: str, parent: str | None) -> Document:
    node = {"node_id": node_id, "kind": kind, "name": name}
    return node if parent is None else {**node, "parent_id": parent}


class Line(Struct, frozen=True):
    """What the variants of a style have in common; prices are in whole euros, `former` is that before a reduction."""

    kind: ArticleKind
    name: str
    channels: Sequence[str]
    price: int
    former: int | None

    @property
    def title(self) -> str:
        """What a shopper calls it."""
        return f"{self.name} {self.kind.noun}"

    @property
    def handle(self) -> str:
        """The style's place in web addresses."""
        return _slug(self.title)

    @property
    def code(self) -> str:
        """The style's code."""
        return f"{self.kind.code}-{_slug(self.name).upper()}"


def _style(
    kind: ArticleKind, name: str, channels: Sequence[str], dice: random.Random, numbers: Iterator[str]
) -> Document:
    price = dice.randint(*kind.prices)
    former = price + max(2, price // 5) if dice.random() < REDUCED_SHARE else None
    line = Line(kind, name, channels, price, former)
    vendor = dice.choice(VENDOR_OF.get(kind.department) or VENDOR_OF[kind.division])
    options = _options(kind, dice)
    nodes = {"category_id": kind.category, "department_id": kind.department, "division_id": kind.division}
    style: Document = {
        "style_id": f"demo-{line.handle}",
        "style_code": line.code,
        "title": line.title,
        "vendor_id": vendor,
        "product_type": kind.noun.capitalize(),
        "handle": line.handle,
        "description_html": f"<p>{line.title} of {kind.material}.</p>",
        "tags": sorted({*kind.material.split(" and "), kind.noun}),
        "media": [{"url": f"https://img.example/demo/{line.handle}.jpg", "kind": "image", "alt": line.title}],
        "attributes": {"material": kind.material},
        "channels": [{"channel_code": channel, **nodes} for channel in channels],
        "variants": [
            _variant(line, dict(zip(options, picked, strict=True)), place, next(numbers))
            for place, picked in enumerate(product(*options.values()), 1)
        ],
    }
    if options:
        style["options"] = [{"name": option, "values": values} for option, values in options.items()]
    return style


def _options(kind: ArticleKind, dice: random.Random) -> dict[str, list[str]]:
    options = {}
    if kind.colours_each:
        options["Colour"] = sorted(dice.sample(kind.colours, kind.colours_each))
    if kind.sizes:
        options["Size"] = list(kind.sizes)
    return options


def _variant(line: Line, picked: dict[str, str], place: int, gtin: str) -> Document:
    kind = line.kind
    suffix = _slug(" ".join(picked.values()))
    larger_by = kind.sizes.index(picked["Size"]) if "Size" in picked else 0
    offer: Document = {"price": _money(line.price)}
    if line.former is not None:
        offer["compare_at_price"] = _money(line.former)
    variant: Document = {
        "variant_id": f"demo-{line.handle}-{suffix or 'one'}",
        "variant_code": f"{line.code}-{place:02d}",
        "sku": f"{line.code}-{suffix.upper()}" if suffix else line.code,
        "title": " ".join([line.title, *picked.values()]),
        "barcodes": [{"value": gtin, "type": "ean13", "primary": True}],
        "identifiers": [{"type": "ERP", "value": f"4{gtin[-7:-1]}"}],
        "weight": {"value": str(kind.grams + kind.grams * larger_by // 10), "unit": "g"},
        "channels": [{"channel_code": channel, **offer} for channel in line.channels],
    }
    if picked:
        variant["option_values"] = [{"name": name, "value": value} for name, value in picked.items()]
    return variant


def _money(euros: int) -> Document:
    """A price that ends in ninety cents."""
    return {"amount": f"{euros}.90", "currency": CURRENCY}


def _slug(text: str) -> str:
    """The text in lower-case ASCII letters, digits and single hyphens."""
    plain = text.replace("é", "e").lower()
    return "-".join("".join(c if c.isalnum() else " " for c in plain).split())

"""What must hold between the parts of a pack document: ids that occur once, references that are defined, money in the
channel's currency, options that agree. Styles come one by one, so a document of any size is checked in one walk."""

from collections.abc import Hashable, Iterable, Iterator, Sequence
from typing import Any, Protocol

from services.pmc.currency import CURRENCIES
from services.pmc.pack.document import (
    VARIANTS_MAX,
    PackHeader,
    PackNode,
    PackStyle,
    PackVariant,
    StyleChannel,
    VariantChannel,
)
from services.pmc.pack.problems import Problems, below
from services.pmc.words import Barcode, Media, Metafield, Price

_NODE_FIELDS = (("category_id", "category"), ("department_id", "department"), ("division_id", "division"))


class Seen(Protocol):
    """The values of a pack that may occur once."""

    def add(self, kind: str, value: str) -> bool:
        """Note a value; whether it was new."""
        ...


class MemorySeen:
    """Keeps the values in memory: for documents of a few MiB."""

    def __init__(self) -> None:
        self._values: set[tuple[str, str]] = set()

    def add(self, kind: str, value: str) -> bool:
        before = len(self._values)
        self._values.add((kind, value))
        return len(self._values) > before


class PackCheck:
    """The checks of one document. Give it the header, then every style in order."""

    def __init__(self, problems: Problems, seen: Seen, *, http_urls: bool = False) -> None:
        self._problems = problems
        self._seen = seen
        self._http_urls = http_urls
        self._currencies: dict[str, str] = {}
        self._vendors: set[str] = set()
        self._nodes: dict[str, PackNode] = {}
        self.variants = 0

    def header(self, header: PackHeader, path: str) -> None:
        """Check a header."""
        channels = below(path, "channels")
        for place, _ in self._repeated(each.channel_code for each in header.channels):
            self._add(f"{channels}.{place}.channel_code", "duplicate", "the channel occurs more than once")
        for place, each in enumerate(header.channels):
            self._check_currency(each.currency, f"{channels}.{place}.currency")
        self._currencies = {each.channel_code: each.currency for each in header.channels}
        for place, _ in self._repeated(each.vendor_id for each in header.vendors or ()):
            self._add(f"{below(path, 'vendors')}.{place}.vendor_id", "duplicate", "the vendor occurs more than once")
        self._vendors = {each.vendor_id for each in header.vendors or ()}
        for place, _ in self._repeated(each.node_id for each in header.taxonomy or ()):
            self._add(f"{below(path, 'taxonomy')}.{place}.node_id", "duplicate", "the node occurs more than once")
        self._nodes = {each.node_id: each for each in header.taxonomy or ()}
        self._check_parents(header, path)

    def style(self, style: PackStyle, path: str) -> None:
        """Check a style and its variants."""
        if not self._seen.add("style_id", style.style_id):
            self._add(below(path, "style_id"), "duplicate", "the style occurs more than once")
        if style.vendor_id is not None and style.vendor_id not in self._vendors:
            self._add(below(path, "vendor_id"), "unknown-reference", "the header defines no such vendor")
        self._check_media(style.media, path)
        self._check_metafields(style.metafields, path)
        self._check_options(style, path)
        channels = style.channels or []
        self._check_channels(channels, path)
        for place, channel in enumerate(channels):
            self._check_style_channel(channel, f"{below(path, 'channels')}.{place}")
        combinations: set[tuple[tuple[str, str], ...]] = set()
        for place, variant in enumerate(style.variants):
            where = f"{below(path, 'variants')}.{place}"
            self._check_variant(variant, where)
            self._check_option_values(style, variant, where, combinations)

    def _add(self, path: str, code: Any, message: str) -> None:
        self._problems.add(path, code, message)

    def _repeated(self, values: Iterable[Hashable]) -> Iterator[tuple[int, Hashable]]:
        seen: set[Hashable] = set()
        for place, value in enumerate(values):
            if value in seen:
                yield place, value
            seen.add(value)

    def _check_parents(self, header: PackHeader, path: str) -> None:
        for place, node in enumerate(header.taxonomy or ()):
            where = f"{below(path, 'taxonomy')}.{place}.parent_id"
            if node.parent_id is None:
                continue
            if node.parent_id == node.node_id:
                self._add(where, "inconsistent", "a node is not its own parent")
            elif node.parent_id not in self._nodes:
                self._add(where, "unknown-reference", "the header defines no such node")
        for place in self._in_circle(header.taxonomy or ()):
            where = f"{below(path, 'taxonomy')}.{place}.parent_id"
            self._add(where, "inconsistent", "the parents run in a circle")

    def _in_circle(self, nodes: Sequence[PackNode]) -> Iterator[int]:
        """Positions of the nodes that lie on a circle of several nodes."""
        state: dict[str, int] = {}
        on_circle: set[str] = set()
        for walk, node in enumerate(nodes, 1):
            chain: list[str] = []
            current: str | None = node.node_id
            while current in self._nodes and current not in state:
                state[current] = walk
                chain.append(current)
                current = self._nodes[current].parent_id
            if current in chain:
                on_circle.update(chain[chain.index(current) :])
        for place, node in enumerate(nodes):
            if node.node_id in on_circle and node.parent_id != node.node_id:
                yield place

    def _check_channels(self, channels: Sequence[StyleChannel | VariantChannel], path: str) -> None:
        for place, _ in self._repeated(each.channel_code for each in channels):
            where = f"{below(path, 'channels')}.{place}.channel_code"
            self._add(where, "duplicate", "the channel occurs more than once")
        for place, channel in enumerate(channels):
            if channel.channel_code not in self._currencies:
                where = f"{below(path, 'channels')}.{place}.channel_code"
                self._add(where, "unknown-reference", "the header defines no such channel")

    def _check_style_channel(self, channel: StyleChannel, path: str) -> None:
        for field, kind in _NODE_FIELDS:
            node_id = getattr(channel, field)
            if node_id is None:
                continue
            node = self._nodes.get(node_id)
            if node is None:
                self._add(below(path, field), "unknown-reference", "the header defines no such node")
            elif node.kind != kind:
                self._add(below(path, field), "inconsistent", f"the node is of kind {node.kind}, not {kind}")
        self._check_media(channel.media, path)

    def _check_variant(self, variant: PackVariant, path: str) -> None:
        self.variants += 1
        if self.variants == VARIANTS_MAX + 1:
            self._add(path, "out-of-range", f"a pack has at most {VARIANTS_MAX} variants")
        for field, value in (
            ("variant_id", variant.variant_id),
            ("variant_code", variant.variant_code),
            ("sku", variant.sku.casefold()),
        ):
            if not self._seen.add(field, value):
                self._add(below(path, field), "duplicate", f"the {field} occurs more than once in the pack")
        if variant.cost is not None:
            self._check_currency(variant.cost.currency, below(path, "cost.currency"))
        self._check_barcodes(variant.barcodes or (), path)
        self._check_media(variant.media, path)
        self._check_metafields(variant.metafields, path)
        self._check_channels(variant.channels, path)
        for place, channel in enumerate(variant.channels):
            where = f"{below(path, 'channels')}.{place}"
            self._check_media(channel.media, where)
            for field in ("price", "compare_at_price", "cost"):
                self._check_money(channel, getattr(channel, field), f"{where}.{field}.currency")

    def _check_currency(self, currency: str, path: str) -> None:
        if currency not in CURRENCIES:
            self._add(path, "malformed", "is no active currency of ISO 4217")

    def _check_money(self, channel: VariantChannel, money: Price | None, path: str) -> None:
        if money is not None:
            self._check_currency(money.currency, path)
        currency = self._currencies.get(channel.channel_code)
        if money is not None and currency is not None and money.currency != currency:
            self._add(path, "inconsistent", f"the channel's currency is {currency}")

    def _check_barcodes(self, barcodes: Sequence[Barcode], path: str) -> None:
        for place, _ in self._repeated(each.value for each in barcodes):
            where = f"{below(path, 'barcodes')}.{place}.value"
            self._add(where, "duplicate", "the barcode occurs more than once in the variant")
        primary = [place for place, each in enumerate(barcodes) if each.primary]
        for place in primary[1:]:
            where = f"{below(path, 'barcodes')}.{place}.primary"
            self._add(where, "inconsistent", "another barcode of the variant is primary")

    def _check_media(self, media: Sequence[Media] | None, path: str) -> None:
        for place, each in enumerate(media or ()):
            if not self._http_urls and not each.url.startswith("https://"):
                self._add(f"{below(path, 'media')}.{place}.url", "malformed", "must be an https address")

    def _check_metafields(self, metafields: Sequence[Metafield] | None, path: str) -> None:
        for place, _ in self._repeated((each.namespace, each.key) for each in metafields or ()):
            where = f"{below(path, 'metafields')}.{place}.key"
            self._add(where, "duplicate", "namespace and key occur more than once")

    def _check_options(self, style: PackStyle, path: str) -> None:
        options = style.options or []
        for place, _ in self._repeated(each.name for each in options):
            self._add(f"{below(path, 'options')}.{place}.name", "duplicate", "the option occurs more than once")
        for place, option in enumerate(options):
            for at, _ in self._repeated(option.values):
                where = f"{below(path, 'options')}.{place}.values.{at}"
                self._add(where, "duplicate", "the value occurs more than once in the option")

    def _check_option_values(
        self, style: PackStyle, variant: PackVariant, path: str, combinations: set[tuple[tuple[str, str], ...]]
    ) -> None:
        options = {each.name: each.values for each in style.options or ()}
        given = variant.option_values or []
        where = below(path, "option_values")
        sound = True
        for place, _ in self._repeated(each.name for each in given):
            self._add(f"{where}.{place}.name", "duplicate", "the option is named more than once")
            sound = False
        for place, each in enumerate(given):
            if each.name not in options:
                self._add(f"{where}.{place}.name", "unknown-reference", "the style has no such option")
                sound = False
            elif each.value not in options[each.name]:
                self._add(f"{where}.{place}.value", "unknown-reference", "the option has no such value")
                sound = False
        named = {each.name for each in given}
        for name in options:
            if name not in named:
                self._add(where, "inconsistent", f"names no value of the option {name[:64]}")
                sound = False
        combination = tuple(sorted((each.name, each.value) for each in given))
        if sound and combination in combinations:
            self._add(where, "duplicate", "another variant of the style has the same option values")
        combinations.add(combination)

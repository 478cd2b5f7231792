"""Validating a pack document in memory: inline documents, and uploads of a few MiB."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import rfc8785
from msgspec.structs import replace

from chassis.decoding.json_text import Malformed, read
from chassis.decoding.pace import Pace
from chassis.entity import Value
from services.pmc.pack.checks import MemorySeen, PackCheck
from services.pmc.pack.document import STYLE_BYTES_MAX, STYLES_MAX, PackHeader, PackStyle
from services.pmc.pack.domain import ItemRange, PackCounts
from services.pmc.pack.problems import PackProblem, Problems, below
from services.pmc.pack.reading import read_struct


class StyleText(Value):
    """A validated style: its id, its JSON text, and which variants it offers in which channel, ascending."""

    style_id: str
    text: str
    variants: int
    offers: Mapping[str, Sequence[str]]


class Validated(Value):
    """What validation found: the parts of a sound document, or its problems."""

    problem_count: int
    problems: list[PackProblem]
    header: PackHeader | None = None
    styles: Sequence[StyleText] = ()
    sha256: str = ""
    bytes: int = 0


def validate_json(document: bytes, root: str, *, http_urls: bool = False) -> Validated:
    """Validate a document in JSON form. Paths of problems begin with `root`."""
    problems = Problems()
    try:
        value = read(document)
    except Malformed as failure:
        problems.add(root, "malformed", str(failure))
        return _result(problems)
    if not isinstance(value, dict):
        problems.add(root, "wrong-type", "must be an object")
        return _result(problems)
    for name in sorted(getattr(value, "names", ())):
        problems.add(below(root, name), "malformed", "is given more than once")
    styles = value.pop("styles", None)
    check = PackCheck(problems, MemorySeen(), http_urls=http_urls)
    header = read_header(value, root, problems, check)
    found: list[StyleText] = []
    where = below(root, "styles")
    if styles is None:
        problems.add(where, "missing", "is required")
    elif not isinstance(styles, list):
        problems.add(where, "wrong-type", "must be a list")
    elif not 1 <= len(styles) <= STYLES_MAX:
        problems.add(where, "out-of-range", f"must have 1 to {STYLES_MAX} entries")
    else:
        for place, each in enumerate(styles):
            style = read_style(each, f"{where}.{place}", problems, check if header is not None else None)
            if style is not None and not problems.count:
                found.append(style)
    result = _result(problems, header, found)
    if problems.count:
        return result
    encoded = canonical_document({**value, "styles": styles})
    return replace(result, sha256=sha256_of(encoded), bytes=len(encoded))


def canonical_document(document: Any) -> bytes:
    """The RFC 8785 form of a sound document. Its free maps are put into that form in place.

    Outside of them every name is ASCII and nothing is a number, for which the encoder's sorted output is that form.
    """
    for style in document["styles"]:
        _canonical_maps(style)
        for part in (*(style.get("channels") or ()), *style["variants"]):
            _canonical_maps(part)
        for variant in style["variants"]:
            for offer in variant["channels"]:
                _canonical_maps(offer)
    return msgspec.json.encode(document, order="sorted")


def _canonical_maps(part: dict[str, Any]) -> None:
    if part.get("attributes"):
        part["attributes"] = msgspec.Raw(rfc8785.dumps(part["attributes"]))


def read_line(line: bytes, path: str, problems: Problems, pace: Pace | None = None) -> Any:
    """The JSON value of a line; None, with the problem noted, where it is none or too long."""
    if len(line) > STYLE_BYTES_MAX:
        problems.add(path, "out-of-range", f"has more than {STYLE_BYTES_MAX} bytes")
        return None
    try:
        value = read(line, pace)
    except Malformed as failure:
        problems.add(path, "malformed", str(failure))
        return None
    if not isinstance(value, dict):
        problems.add(path, "wrong-type", "must be an object")
        return None
    return value


def read_header(value: Mapping[str, Any], root: str, problems: Problems, check: PackCheck) -> PackHeader | None:
    """The header, checked; None where it cannot be read."""
    if "styles" in value:
        problems.add(below(root, "styles"), "unknown-field", "is not a known field")
        value = {name: part for name, part in value.items() if name != "styles"}
    header = read_struct(PackHeader, value, root, problems)
    if header is not None:
        check.header(header, root)
    return header


def read_style(value: Any, path: str, problems: Problems, check: PackCheck | None) -> StyleText | None:
    """A style, checked against the header where there is one; None where it cannot be read."""
    style = read_struct(PackStyle, value, path, problems)
    if style is None:
        return None
    if check is not None:
        check.style(style, path)
    text = msgspec.json.encode(style).decode()
    if len(text) > STYLE_BYTES_MAX and len(text.encode()) > STYLE_BYTES_MAX:
        problems.add(path, "out-of-range", f"has more than {STYLE_BYTES_MAX} bytes")
    return StyleText(style_id=style.style_id, text=text, variants=len(style.variants), offers=offers_of(style))


def offers_of(style: PackStyle) -> dict[str, list[str]]:
    """Which of a style's variants are offered in which channel, ascending."""
    offers: dict[str, list[str]] = {}
    for variant in style.variants:
        for channel in variant.channels:
            offers.setdefault(channel.channel_code, []).append(variant.variant_id)
    return {code: sorted(ids) for code, ids in offers.items()}


def counts_of(header: PackHeader, styles: Sequence[StyleText]) -> PackCounts:
    """What the parts of a document come to."""
    return PackCounts(
        channels=len(header.channels),
        styles=len(styles),
        variants=sum(each.variants for each in styles),
        items=sum(len(ids) for each in styles for ids in each.offers.values()),
    )


def ranges_of(header: PackHeader, offered: Mapping[str, int]) -> dict[str, ItemRange]:
    """The item numbers of each channel, given how many items it has: channels in order, from 1."""
    ranges: dict[str, ItemRange] = {}
    first = 1
    for code in sorted(each.channel_code for each in header.channels):
        count = offered.get(code, 0)
        ranges[code] = ItemRange(first=first, count=count)
        first += count
    return ranges


def sha256_of(data: bytes) -> str:
    """The SHA-256 of bytes, in lower-case hex digits."""
    return hashlib.sha256(data).hexdigest()


def _result(problems: Problems, header: PackHeader | None = None, styles: list[StyleText] | None = None) -> Validated:
    if problems.count:
        return Validated(problem_count=problems.count, problems=problems.kept)
    return Validated(problem_count=0, problems=[], header=header, styles=styles or [])

"""Pack documents with a few mistakes in them, drawn by hypothesis."""

import json
from copy import deepcopy
from typing import Any

from hypothesis import strategies as st

from tests.pmc.given import spring

MUTATIONS_MAX = 4
WORDS = (
    *("", " ", "x", "TEE-RED-M", "tee-red-m", "WEB", "web", "STORE", "cat-tees", "div-app", "ven-1", "v-red-m"),
    *("st-tee", "4006381333931", "19.90", "-1", "0", "0.180", "1e3", "EUR", "eur", "ZZZ", "withdrawn", "kg", "Red"),
    *("a\n", "\0", "ß", "İ", "\ud800", "😀", "$a", "a.b", "x" * 70, "http://img.example/a.jpg", "n" * 3_000),
    *("retailstack.pack/1", "__proto__", "<b>", "{", "[", '"', "\\", "\u2028"),
)
NAMES = (
    *("styles", "variants", "channels", "attributes", "price", "sku", "title", "format", "name", "option_values"),
    *("barcodes", "metafields", "media", "vendors", "taxonomy", "weight", "dimensions", "seo", "status", "extra"),
    *("primary", "type", "value", "namespace", "key", "cost", "compare_at_price", "parent_id", "category_id", "a$"),
)
NUMBERS = (0, -1, 1, 2**53, -(2**53) - 1, 10**40, 0.5, 1e300, -0.0)

texts = st.sampled_from(WORDS) | st.text(max_size=8)
leaves = st.none() | st.booleans() | st.sampled_from(NUMBERS) | texts
values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES) | texts, inner, max_size=3),
    max_leaves=6,
)


def places(value: Any, found: list[tuple[Any, Any]] | None = None) -> list[tuple[Any, Any]]:
    """Every member and entry of a document, as (what holds it, name or position)."""
    found = [] if found is None else found
    for key in value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
        found.append((value, key))
        places(value[key], found)
    return found


@st.composite
def documents(draw: st.DrawFn) -> Any:
    """A document whose values are changed, removed, repeated, moved or renamed in a few places."""
    document = spring()
    for _ in range(draw(st.integers(0, MUTATIONS_MAX))):
        found = places(document)
        if not found:
            break
        holder, key = found[draw(st.integers(0, len(found) - 1))]
        match draw(st.sampled_from(["set", "set", "copy", "remove", "repeat", "rename", "add"])):
            case "set":
                holder[key] = draw(values)
            case "copy":
                other, name = found[draw(st.integers(0, len(found) - 1))]
                holder[key] = deepcopy(other[name])
            case "remove":
                del holder[key]
            case "repeat" if isinstance(holder, list):
                holder.insert(key, deepcopy(holder[key]))
            case "rename" if isinstance(holder, dict):
                holder[draw(st.sampled_from(NAMES) | texts)] = holder.pop(key)
            case "add" if isinstance(holder, dict):
                holder[draw(st.sampled_from(NAMES))] = draw(values)
            case _:
                pass
    return document


def encoded(document: Any) -> bytes:
    """The JSON text of a document."""
    return json.dumps(document).encode()


def as_lines(document: Any) -> bytes | None:
    """The same document in JSON Lines form; None where it has none."""
    if not isinstance(document, dict) or not isinstance(document.get("styles"), list):
        return None
    header = {name: value for name, value in document.items() if name != "styles"}
    return b"\n".join(encoded(each) for each in [header, *document["styles"]]) + b"\n"


PIECES = [
    *(b"{", b"}", b"[", b"]", b",", b":", b'"', b"\\", b"\n", b" ", b"\0", b"\xff", b"\xed\xa0\x80", b"null"),
    *(b"1", b"-", b"e9", b'"styles":[],', b'"name":"x",', b"NaN", b"[" * 40, b"\xef\xbb\xbf", b"\x0c", b"\r\n"),
]


@st.composite
def bodies(draw: st.DrawFn, lines: bool = False) -> bytes:
    """The text of a document in which bytes are cut, repeated, inserted or replaced."""
    document = spring()
    text = as_lines(document) if lines else encoded(document)
    assert text is not None
    for _ in range(draw(st.integers(1, MUTATIONS_MAX))):
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.sampled_from([0, 1, 2, 7, 60, 5_000])))
        match draw(st.sampled_from(["cut", "repeat", "insert", "replace", "end"])):
            case "cut":
                text = text[:start] + text[end:]
            case "repeat":
                text = text[:end] + text[start:end] + text[end:]
            case "insert":
                text = text[:start] + draw(st.sampled_from(PIECES)) + text[start:]
            case "replace":
                text = text[:start] + draw(st.sampled_from(PIECES) | st.binary(max_size=4)) + text[end:]
            case _:
                text = text[:start]
    return text

"""Examples made of schemas: the one a field is given, else a value that fits."""

from collections.abc import Mapping
from typing import Any

Schema = dict[str, Any]

EXAMPLE_ID = "01970f3e-9a4c-7c31-8a55-3f0c4b1d2e6a"
DEPTH_MAX = 12
_BY_PATTERN: tuple[tuple[str, str], ...] = (
    ("-7[0-9a-f]{3}-", EXAMPLE_ID),
    ("[A-Z0-9]{4}-[A-Z0-9]{4}-[A-Z0-9]{4}", "CC01-2024-EU01"),
    ("^[A-Z0-9]{4,16}$", "DEMO0001"),
    ("^[A-Z0-9][A-Z0-9._-]", "A-01"),
    ("^[0-9]{4,14}$", "4006381333931"),
    ("^[A-Z]{3}$", "EUR"),
    ("[0-9]{1,15}", "12.50"),
    ("[0-9]{4}$", "3.2500"),
    ("T(", "2026-01-31T12:00:00.000Z"),
    ("^[0-9]{4}-(0[1-9]", "2026-01-31"),
    ("[A-Za-z0-9_-]{1,64}", "a1b2c3d4"),
)
"""Part of a pattern -> a value it takes."""


def resolve(schema: Schema, named: Mapping[str, Schema]) -> Schema:
    """The schema a reference leads to, or the schema itself."""
    ref = schema.get("$ref")
    return named[ref.rpartition("/")[2]] if ref else schema


def example(schema: Schema, named: Mapping[str, Schema], *, filled: bool = False, depth: int = 0) -> Any:
    """A value that a schema takes: required fields only. `filled` puts an item into lists that may be empty."""
    if "examples" in schema:
        return schema["examples"][0]
    schema = resolve(schema, named)
    if "examples" in schema:
        return schema["examples"][0]
    if "const" in schema:
        return schema["const"]
    if choices := schema.get("enum"):
        return choices[0]
    for choice in schema.get("anyOf", ()):
        if choice.get("type") != "null":
            return example(choice, named, filled=filled, depth=depth)
    return _plain(schema, named, filled=filled, depth=depth)


def _plain(schema: Schema, named: Mapping[str, Schema], *, filled: bool, depth: int) -> Any:
    match schema.get("type"):
        case "object":
            required = schema.get("required", ())
            fields = {name: each for name, each in schema.get("properties", {}).items() if name in required}
            return {name: example(each, named, filled=filled, depth=depth + 1) for name, each in fields.items()}
        case "array":
            count = max(schema.get("minItems", 0), 1 if filled and depth < DEPTH_MAX else 0)
            return [example(schema.get("items", {}), named, filled=filled, depth=depth + 1) for _ in range(count)]
        case "integer" | "number":
            return max(schema.get("minimum", 1), 1) if schema.get("maximum", 1) >= 1 else schema["maximum"]
        case "boolean":
            return True
        case "string":
            return _text(schema)
    return None


def _text(schema: Schema) -> str:
    pattern = schema.get("pattern", "")
    found = next((value for part, value in _BY_PATTERN if part in pattern), "text")
    return found.ljust(schema.get("minLength", 0), "x")

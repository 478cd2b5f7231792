"""JSON Schema of structs, as the contract documents show them."""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

REF = "#/components/schemas/{name}"
Schema = dict[str, Any]

_SURROGATES = r"\ud800-\udfff"
"""In our patterns, but no part of any text that is JSON; some regular expression engines refuse to hear of them."""

EXAMPLE_ID = "01970f3e-9a4c-7c31-8a55-3f0c4b1d2e6a"
_EXAMPLES: tuple[tuple[str, str], ...] = (
    ("-7[0-9a-f]{3}-", EXAMPLE_ID),
    ("[A-Z0-9]{4}-[A-Z0-9]{4}-[A-Z0-9]{4}", "CC01-2024-EU01"),
    ("^[A-Z0-9]{4,16}$", "DEMO0001"),
    ("^[A-Z0-9][A-Z0-9._-]", "A-01"),
    ("^[0-9]{4,14}$", "4006381333931"),
    ("^[A-Z]{3}$", "EUR"),
    ("[0-9]{1,15}", "12.50"),
    ("T(", "2024-01-31T12:00:00.000Z"),
    ("^[0-9]{4}-(0[1-9]", "2024-01-31"),
    ("[A-Za-z0-9_-]{1,64}", "facility-1"),
)
"""Part of a pattern -> a value it takes."""


def components(types: Iterable[Any]) -> tuple[list[Schema], dict[str, Schema]]:
    """The schema of each type, in order, and the named ones they refer to."""
    shown, named = msgspec.json.schema_components(types, ref_template=REF)
    return [_clean(schema) for schema in shown], {name: _clean(schema) for name, schema in named.items()}


def _clean(value: Any) -> Any:
    """A schema in documents' words: patterns any engine takes, no titles that only repeat names."""
    if isinstance(value, dict):
        return {
            name: each.replace(_SURROGATES, "") if name == "pattern" and isinstance(each, str) else _clean(each)
            for name, each in value.items()
            if not (name == "title" and isinstance(each, str))
        }
    if isinstance(value, list):
        return [_clean(each) for each in value]
    return value


def renamed(value: Any, names: Mapping[str, str]) -> Any:
    """A schema whose references to some names lead to others."""
    if isinstance(value, dict):
        return {
            name: _moved(each, names) if name == "$ref" and isinstance(each, str) else renamed(each, names)
            for name, each in value.items()
        }
    if isinstance(value, list):
        return [renamed(each, names) for each in value]
    return value


def _moved(ref: str, names: Mapping[str, str]) -> str:
    head, _, name = ref.rpartition("/")
    return f"{head}/{names.get(name, name)}"


def resolve(schema: Schema, named: Mapping[str, Schema]) -> Schema:
    """The schema a reference leads to, or the schema itself."""
    ref = schema.get("$ref")
    return named[ref.rpartition("/")[2]] if ref else schema


def example(schema: Schema, named: Mapping[str, Schema], depth: int = 0) -> Any:  # noqa: PLR0911  one arm a kind
    """A small value that a schema takes: required fields only."""
    schema = resolve(schema, named)
    if "default" in schema and schema["default"] is not None:
        return schema["default"]
    if choices := schema.get("enum"):
        return choices[0]
    if "const" in schema:
        return schema["const"]
    for choice in schema.get("anyOf", ()):
        if choice.get("type") != "null":
            return example(choice, named, depth)
    match schema.get("type"):
        case "object":
            required = schema.get("required", ())
            fields = {name: each for name, each in schema.get("properties", {}).items() if name in required}
            return {name: example(each, named, depth + 1) for name, each in fields.items()}
        case "array":
            return [example(schema.get("items", {}), named, depth + 1) for _ in range(schema.get("minItems", 0))]
        case "integer" | "number":
            return max(schema.get("minimum", 1), 1) if schema.get("maximum", 1) >= 1 else schema["maximum"]
        case "boolean":
            return True
        case "string":
            return _text_example(schema)
    return None


def _text_example(schema: Schema) -> str:
    pattern = schema.get("pattern", "")
    found = next((value for part, value in _EXAMPLES if part in pattern), "text")
    return found.ljust(schema.get("minLength", 0), "x")

"""The chart's values and their schema, as paths and what stands there."""

import json
from collections.abc import Iterator
from typing import Any

from tests.deploy.chart.rendering import CHART, COMPONENTS, chart, helm

SCHEMA = json.loads((CHART / "values.schema.json").read_text())


def switches(values: Any, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """The paths of all values that are true or false."""
    if isinstance(values, bool):
        return [path]
    if isinstance(values, dict):
        return [found for key, value in values.items() for found in switches(value, (*path, key))]
    return []


def alternatives(schema: dict[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every value of every choice that the schema names: those of all components, and of one of them."""
    if reference := schema.get("$ref"):
        schema = SCHEMA["$defs"][reference.rpartition("/")[2]]
    yield from ((path, choice) for choice in schema.get("enum", ()))
    for key, each in schema.get("properties", {}).items():
        if path or key not in COMPONENTS or key == "ics":
            yield from alternatives(each, (*path, key))


def set_at(path: tuple[str, ...], value: Any) -> dict[str, Any]:
    """Values with one value, at a path."""
    for key in reversed(path):
        value = {key: value}
    assert isinstance(value, dict)
    return value


def value_at(values: Any, path: tuple[str, ...]) -> Any:
    """The value at a path."""
    for key in path:
        values = values[key]
    return values


def merge(values: dict[str, Any], more: dict[str, Any]) -> None:
    """Put `more` into the values, table by table."""
    for key, value in more.items():
        if isinstance(value, dict) and isinstance(values.get(key), dict):
            merge(values[key], value)
        else:
            values[key] = value


def texts(values: Any, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """The paths of all values that are texts."""
    if isinstance(values, str):
        return [path]
    if isinstance(values, dict):
        return [found for key, value in values.items() for found in texts(value, (*path, key))]
    return []


def is_accepted(values: dict[str, Any]) -> bool:
    """Whether the schema accepts these values."""
    try:
        chart().validate_schema(values)
    except helm.HelmValuesError:
        return False
    return True

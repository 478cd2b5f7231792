"""JSON Schema of structs, as the documents show them: each field described, defaults said in words.

Generators of clients make a field with a `default` a required one, so none is written.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import UNSET, inspect

from chassis.http.examples import example
from chassis.http.meanings import Meanings

REF = "#/components/schemas/{name}"
Schema = dict[str, Any]

_SURROGATES = r"\ud800-\udfff"
"""Part of our patterns, but not of any JSON text; some regular expression engines refuse it."""


class Components:
    """The schemas of a service's requests, and of its answers or event bodies, with the named ones they refer to."""

    def __init__(self, requests: Sequence[Any], answers: Sequence[Any], meanings: Meanings) -> None:
        shown, named = msgspec.json.schema_components([*requests, *answers], ref_template=REF)
        self.named: dict[str, Schema] = {name: _clean(schema) for name, schema in named.items()}
        self.requests: list[Schema] = [_clean(schema) for schema in shown[: len(requests)]]
        self.answers: list[Schema] = [_clean(schema) for schema in shown[len(requests) :]]
        in_requests = {kind.cls for kind in structs_in(requests)}
        kinds = structs_in([*requests, *answers])
        for kind in kinds:
            self._describe(kind, meanings, always=kind.cls not in in_requests)
        for kind in kinds:
            if more := meanings.whole_example(kind.cls):
                schema = self.named[kind.cls.__name__]
                schema["examples"] = [{**example(schema, self.named), **more}]

    def _describe(self, kind: inspect.StructType, meanings: Meanings, *, always: bool) -> None:
        """Describe a struct's fields; `always` marks a struct of answers only, whose fields are never left out."""
        schema = self.named.get(kind.cls.__name__)
        if schema is None:
            raise TypeError(f"two structs of one service are called {kind.cls.__name__}: rename one of them")
        for field in kind.fields:
            said = schema["properties"][field.encode_name]
            default = said.pop("default", None)
            if text := meanings.meaning(kind.cls, field.name):
                said["description"] = text if always else text + _default_words(default)
            if (shown := meanings.example(kind.cls, field.name)) is not None:
                said["examples"] = [shown]
        if always and not kind.cls.__struct_config__.omit_defaults:
            schema["required"] = [field.encode_name for field in kind.fields if field.default is not UNSET]


def _default_words(default: Any) -> str:
    if default is None or default in ([], {}):
        return ""
    return f" Default: `{msgspec.json.encode(default).decode().strip(chr(34))}`."


def structs_in(types: Iterable[Any]) -> list[inspect.StructType]:
    """Every struct that these types are made of, once each."""
    found: dict[type, inspect.StructType] = {}
    for kind in inspect.multi_type_info(types):
        _gather(kind, found)
    return list(found.values())


def _gather(kind: inspect.Type, found: dict[type, inspect.StructType]) -> None:
    if isinstance(kind, inspect.StructType):
        if kind.cls in found:
            return
        found[kind.cls] = kind
    for inner in _inner(kind):
        _gather(inner, found)


def _inner(kind: inspect.Type) -> Iterator[inspect.Type]:
    if isinstance(kind, inspect.Metadata):
        yield kind.type
    elif isinstance(kind, inspect.UnionType):
        yield from kind.types
    elif isinstance(kind, (inspect.CollectionType, inspect.VarTupleType)):
        yield kind.item_type
    elif isinstance(kind, inspect.TupleType):
        yield from kind.item_types
    elif isinstance(kind, inspect.DictType):
        yield kind.value_type
    elif isinstance(kind, inspect.StructType):
        yield from (field.type for field in kind.fields)


def _clean(value: Any) -> Any:
    """A schema without titles that only repeat names, its patterns ones that any engine takes."""
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


def references(value: Any) -> Iterator[str]:
    """Every reference in a document's part."""
    if isinstance(value, dict):
        for name, each in value.items():
            if name == "$ref" and isinstance(each, str):
                yield each
            else:
                yield from references(each)
    elif isinstance(value, list):
        for each in value:
            yield from references(each)

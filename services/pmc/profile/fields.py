"""Paths into product content: which there are, what they hold, and the values a content has there."""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, Literal

from msgspec import Struct, inspect

from chassis.entity import Value
from services.pmc.content import ProductContent

FieldKind = Literal["text", "number", "flag", "list of texts", "list", "object", "any"]

_NUMBERS = {"price.amount", "compare_at_price.amount", "cost.amount", "weight.value"} | {
    f"dimensions.{side}" for side in ("length", "width", "height")
}


class FieldType(Value):
    """What a path holds, and whether it leads through a list. Numbers here are decimal texts, so they are text, too."""

    kind: FieldKind
    through_list: bool = False


def field_type(path: str) -> FieldType | None:
    """What a path holds; None where content has no such field. Under `attributes` any path is known."""
    words = path.split(".")
    if words[0] == "attributes" and len(words) > 1:
        return FieldType(kind="any")
    current: inspect.Type = inspect.type_info(ProductContent)
    through = False
    for word in words:
        current = _plain(current)
        if isinstance(current, inspect.ListType):
            current, through = _plain(current.item_type), True
        if not isinstance(current, inspect.StructType):
            return None
        found = next((field for field in current.fields if field.name == word), None)
        if found is None:
            return None
        current = found.type
    return FieldType(kind=_kind(_plain(current), path), through_list=through)


def _plain(kind: inspect.Type) -> inspect.Type:
    while isinstance(kind, inspect.Metadata | inspect.UnionType):
        if isinstance(kind, inspect.Metadata):
            kind = kind.type
        else:
            kind = next(each for each in kind.types if not isinstance(each, inspect.NoneType))
    return kind


def _kind(kind: inspect.Type, path: str) -> FieldKind:
    match kind:
        case inspect.ListType():
            return "list of texts" if isinstance(_plain(kind.item_type), inspect.StrType) else "list"
        case inspect.StructType() | inspect.DictType():
            return "object"
        case inspect.BoolType():
            return "flag"
    return "number" if path in _NUMBERS else "text"


def values_at(content: ProductContent, path: str) -> Iterator[Any]:
    """The values a content has at a path: several where it leads through a list. Null counts as absent."""
    return _values(content, _words(path))


@lru_cache(maxsize=1024)
def _words(path: str) -> tuple[str, ...]:
    return tuple(path.split("."))


def _values(value: Any, words: tuple[str, ...]) -> Iterator[Any]:
    for place, word in enumerate(words):
        if isinstance(value, Struct):
            value = getattr(value, word, None)
        elif isinstance(value, Mapping):
            value = value.get(word)
        elif isinstance(value, list):
            for each in value:
                yield from _values(each, words[place:])
            return
        else:
            return
    if value is not None:
        yield value

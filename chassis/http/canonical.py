"""Finds decoded values whose canonical form may differ from what was sent; their body is then read a second time."""

from collections.abc import Callable
from typing import Any

from msgspec import NODEFAULT, inspect

from chassis.decoding import forms

Check = Callable[[Any], bool]


def canonical_check(kind: inspect.Type) -> Check | None:
    """A check that is True only for values that are certainly canonical; None for a type that needs none.

    It covers what msgspec does not check: days that do not exist, size and names of free maps, numbers that must not be
    0, and nulls that stand for a default.
    """
    if isinstance(kind, inspect.Metadata):
        return _marked(kind)
    if isinstance(kind, inspect.UnionType):
        return _union_check(kind)
    if isinstance(kind, (inspect.ListType, inspect.VarTupleType)):
        inner = canonical_check(kind.item_type)
        return None if inner is None else lambda items: all(map(inner, items))
    if isinstance(kind, inspect.StructType):
        return _struct_check(kind)
    if isinstance(kind, (inspect.AnyType, inspect.DictType)):
        return lambda value: not forms.any_problem(value)
    return None


def _marked(kind: inspect.Metadata) -> Check | None:
    extra = kind.extra or {}
    if form := extra.get("form"):
        canonical = forms.FORMS[form]
        return lambda value: not canonical(value)[1]
    if "not" in extra:
        unwanted = extra["not"]
        return lambda value: bool(value != unwanted)
    return canonical_check(kind.type)


def _union_check(kind: inspect.UnionType) -> Check | None:
    inner = [check for each in kind.types if (check := canonical_check(each)) is not None]
    if not inner:
        return None
    if len(kind.types) == 2 and kind.includes_none:
        only = inner[0]
        return lambda value: value is None or only(value)
    # Only the second reading tells which type of the union the value has.
    return lambda value: value is None


def _struct_check(kind: inspect.StructType) -> Check | None:
    checks: list[tuple[str, Check]] = []
    for field in kind.fields:
        inner = canonical_check(field.type)
        nullable = isinstance(field.type, inspect.UnionType) and field.type.includes_none
        has_default = (field.default is not NODEFAULT and field.default is not None) or (
            field.default_factory is not NODEFAULT
        )
        if nullable and has_default:
            checks.append((field.name, _not_none))
        if inner is not None:
            checks.append((field.name, inner))
    if not checks:
        return None
    return lambda value: all(check(getattr(value, name)) for name, check in checks)


def _not_none(value: Any) -> bool:
    return value is not None

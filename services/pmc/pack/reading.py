"""Reading a pack's JSON values into their structs, with every problem named.

The quick way is msgspec's own conversion. Only where it refuses a value, the value is walked along the declared type:
codes are put into upper case, and each problem is noted with path and code.
"""

import math
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

import msgspec
import rfc8785
from msgspec import Struct, inspect

from chassis.decoding.fields import exact
from chassis.decoding.forms import is_unicode
from chassis.decoding.json_text import OUT_OF_RANGE, Doubled
from chassis.values import MAP_BYTES_MAX
from services.pmc.pack.problems import Problems, below
from services.pmc.words import WHOLE_MAX

S = TypeVar("S", bound=Struct)

_BAD: Any = object()


def read_struct(kind: type[S], value: Any, path: str, problems: Problems) -> S | None:
    """The struct a JSON value stands for; None, with the problems noted, where it is none."""
    if not _is_unsure(value):
        try:
            record = msgspec.convert(value, kind)
        except (msgspec.ValidationError, UnicodeEncodeError):
            # A member name with a lone surrogate is the one thing that msgspec fails to encode.
            pass
        else:
            if _maps_are_fine(record):
                return record
    before = problems.count
    canonical = _Walk(problems).read(inspect.type_info(kind), value, path)
    if problems.count > before or canonical is _BAD:
        return None
    return msgspec.convert(canonical, kind)


def _is_unsure(value: Any) -> bool:
    """Whether a value holds what the quick way overlooks: a name given twice, or a text that ends in a line break."""
    waiting = [value]
    while waiting:
        each = waiting.pop()
        if type(each) is Doubled or (type(each) is str and each[-1:] == "\n"):
            return True
        if isinstance(each, dict):
            waiting += each.values()
        elif isinstance(each, list):
            waiting += each
    return False


def _maps_are_fine(value: Any) -> bool:
    """Whether all free maps in a converted struct keep their rules; texts have been matched against their patterns."""
    if isinstance(value, Struct):
        for name in value.__struct_fields__:
            part = getattr(value, name)
            if name == "attributes":
                if part and next(map_problems(part), None) is not None:
                    return False
            elif isinstance(part, list | Struct) and not _maps_are_fine(part):
                return False
    elif isinstance(value, list):
        return all(_maps_are_fine(each) for each in value if isinstance(each, Struct))
    return True


def map_problems(value: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any, str]]:
    """What is wrong with a free map, as (path, code, message)."""
    found = False
    for problem in _any_problems(value, path):
        found = True
        yield problem
    if not found and len(rfc8785.dumps(dict(value))) > MAP_BYTES_MAX:
        yield path, "out-of-range", f"has more than {MAP_BYTES_MAX} bytes"


def _any_problems(value: Any, path: str) -> Iterator[tuple[str, Any, str]]:
    if isinstance(value, dict):
        for name in sorted(getattr(value, "names", ())):
            yield below(path, name), "malformed", "is given more than once"
        for name, part in value.items():
            if "$" in name or "." in name or "\0" in name or not is_unicode(name):
                yield below(path, name), "malformed", "the name holds $, . or what is not Unicode text"
            yield from _any_problems(part, below(path, name))
    elif isinstance(value, list):
        for place, part in enumerate(value):
            yield from _any_problems(part, below(path, place))
    elif isinstance(value, str):
        if not is_unicode(value):
            yield path, "malformed", "is not Unicode text"
    elif (
        value is OUT_OF_RANGE
        or (isinstance(value, int) and abs(value) > WHOLE_MAX)
        or (isinstance(value, float) and not math.isfinite(value))
    ):
        yield path, "out-of-range", "is a number out of range"


class _Walk:
    """One walk along a type."""

    def __init__(self, problems: Problems) -> None:
        self._problems = problems

    def read(self, kind: inspect.Type, value: Any, path: str) -> Any:
        extra: Mapping[str, Any] = {}
        while isinstance(kind, inspect.Metadata):
            extra = {**(kind.extra or {}), **extra}
            kind = kind.type
        if isinstance(kind, inspect.UnionType):
            choices = [each for each in kind.types if not isinstance(each, inspect.NoneType)]
            return None if value is None else self.read(choices[0], value, path)
        if extra.get("attributes"):
            return self._map(value, path)
        match kind:
            case inspect.StructType():
                return self._struct(kind, value, path)
            case inspect.ListType():
                return self._list(kind, value, path)
            case inspect.StrType():
                return self._text(kind, value, path, upper=extra.get("fold") == "upper")
            case inspect.LiteralType():
                if not isinstance(value, str):
                    return self._wrong(path, "wrong-type", "must be text")
                words = ", ".join(map(str, kind.values))
                return value if value in kind.values else self._wrong(path, "malformed", f"must be one of {words}")
            case inspect.BoolType():
                return value if isinstance(value, bool) else self._wrong(path, "wrong-type", "must be true or false")
        raise AssertionError(f"no reading for {kind}")

    def _wrong(self, path: str, code: Any, message: str) -> Any:
        self._problems.add(path, code, message)
        return _BAD

    def _struct(self, kind: inspect.StructType, value: Any, path: str) -> Any:
        if not isinstance(value, dict):
            return self._wrong(path, "wrong-type", "must be an object")
        fields = {field.encode_name: field for field in kind.fields}
        for name in sorted(getattr(value, "names", ())):
            self._wrong(below(path, name), "malformed", "is given more than once")
        read: dict[str, Any] = {}
        for name, given in value.items():
            if name not in fields:
                self._wrong(below(path, name), "unknown-field", "is not a known field")
            elif given is not None or fields[name].required:
                read[name] = self.read(fields[name].type, given, below(path, name))
        for name, field in fields.items():
            if field.required and name not in value:
                self._wrong(below(path, name), "missing", "is required")
        return read

    def _list(self, kind: inspect.ListType, value: Any, path: str) -> Any:
        if not isinstance(value, list):
            return self._wrong(path, "wrong-type", "must be a list")
        if kind.min_length and len(value) < kind.min_length:
            return self._wrong(path, "out-of-range", f"must have at least {kind.min_length} entries")
        if kind.max_length is not None and len(value) > kind.max_length:
            return self._wrong(path, "out-of-range", f"must have at most {kind.max_length} entries")
        return [self.read(kind.item_type, each, below(path, place)) for place, each in enumerate(value)]

    def _text(self, kind: inspect.StrType, value: Any, path: str, *, upper: bool) -> Any:
        if not isinstance(value, str):
            return self._wrong(path, "wrong-type", "must be text")
        if not is_unicode(value):
            return self._wrong(path, "malformed", "is not Unicode text")
        if upper:
            value = value.upper()
        if kind.min_length and len(value) < kind.min_length:
            return self._wrong(path, "out-of-range", f"must have at least {kind.min_length} characters")
        if kind.max_length is not None and len(value) > kind.max_length:
            return self._wrong(path, "out-of-range", f"must have at most {kind.max_length} characters")
        if kind.pattern and not exact(kind.pattern).search(value):
            shown = kind.pattern if len(kind.pattern) < 120 else "the values that are allowed"
            return self._wrong(path, "malformed", f"must match {shown}")
        return value

    def _map(self, value: Any, path: str) -> Any:
        if not isinstance(value, dict):
            return self._wrong(path, "wrong-type", "must be an object")
        problems = list(map_problems(value, path))
        for where, code, message in problems:
            self._wrong(where, code, message)
        return _BAD if problems else value

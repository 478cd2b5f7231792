"""Checks untrusted values against a declared type: names every problem by its path, and makes values canonical.

The result can then be converted by msgspec. Problems never quote a value: it may be a secret in the wrong field.
"""

import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import msgspec
from msgspec import inspect

from chassis.decoding import forms
from chassis.decoding.json_text import OUT_OF_RANGE, Doubled
from chassis.decoding.pace import Pace
from chassis.errors import FieldProblem, invalid_fields

PROBLEMS_MAX = 64
"""Further problems are not listed."""

PATH_CHARACTERS_MAX = 256

IS_REQUIRED = "is required"
"""The problem of a field that is missing."""

_UNREADABLE: Any = object()
"""Placeholder for a value with a problem."""

_WHOLE = re.compile(r"-?[0-9]{1,18}")
_REAL = re.compile(r"-?[0-9]{1,18}(\.[0-9]{1,18})?")


def read_field(path: str, value: Any, kind: Any) -> Any:
    """The canonical form of one value of a declared type. Raises `Invalid`, naming the field."""
    reading = Reading()
    canonical = reading.read(inspect.type_info(kind), value, path)
    if reading.problems:
        raise invalid_fields(reading.problems)
    return canonical


class Reading:
    """Reads one value. `lax` accepts numbers and booleans as text, as in queries.

    It ends early once there are `PROBLEMS_MAX` problems. A reading in a thread takes a `pace`.
    """

    def __init__(self, *, lax: bool = False, pace: Pace | None = None) -> None:
        self.problems: list[FieldProblem] = []
        self._lax = lax
        self._pace = pace

    @property
    def full(self) -> bool:
        """Whether no more problems are listed."""
        return len(self.problems) >= PROBLEMS_MAX

    def read(self, kind: inspect.Type, value: Any, path: str = "") -> Any:
        """The canonical form of a value of that type; problems are added to `problems`."""
        if self._pace is not None:
            self._pace.step()
        extra: Mapping[str, Any] = {}
        while isinstance(kind, inspect.Metadata):
            extra = {**(kind.extra or {}), **extra}
            kind = kind.type
        if isinstance(kind, inspect.UnionType):
            return self._union(kind, value, path)
        if "form" in extra and isinstance(value, (str, dict)):
            return self._formed(extra["form"], value, path)
        if extra.get("fold") == "upper" and isinstance(value, str):
            # Of other letters, some become ASCII ones only by folding: "ß" would be "SS".
            value = value.upper() if value.isascii() else value
        if self._lax and isinstance(value, str):
            value = _from_text(kind, value)
        read = self._read_plain(kind, value, path)
        if "not" in extra and read is not _UNREADABLE and read == extra["not"]:
            return self.wrong(path, f"must not be {extra['not']}")
        return read

    def wrong(self, path: str, problem: str) -> Any:
        """Add a problem."""
        if len(self.problems) < PROBLEMS_MAX:
            self.problems.append(FieldProblem(shown_path(path) or "body", problem))
        return _UNREADABLE

    def _read_plain(self, kind: inspect.Type, value: Any, path: str) -> Any:  # noqa: PLR0911  one arm a type
        match kind:
            case inspect.StrType():
                return self._text(kind, value, path)
            case inspect.IntType() | inspect.FloatType():
                return self._number(kind, value, path)
            case inspect.BoolType():
                return value if isinstance(value, bool) else self.wrong(path, "must be true or false")
            case inspect.LiteralType():
                # 1 == True in Python, but not in JSON.
                known = any(value == word and type(value) is type(word) for word in kind.values)
                return value if known else self.wrong(path, "must be one of " + _listed(kind.values))
            case inspect.ListType() | inspect.VarTupleType() | inspect.SetType() | inspect.FrozenSetType():
                return self._list(kind, value, path)
            case inspect.StructType():
                return self._struct(kind, value, path)
            case inspect.DictType():
                return self._dict(kind, value, path)
            case inspect.NoneType():
                return None if value is None else self.wrong(path, "must be null")
            case inspect.AnyType():
                problem = forms.any_problem(value)
                return self.wrong(path, problem) if problem else value
        return value

    def _text(self, kind: inspect.StrType, value: Any, path: str) -> Any:
        if not isinstance(value, str):
            return self.wrong(path, "must be text")
        if kind.min_length and len(value) < kind.min_length:
            return self.wrong(path, f"must have at least {_count(kind.min_length, 'character')}")
        if kind.max_length is not None and len(value) > kind.max_length:
            return self.wrong(path, f"must have at most {_count(kind.max_length, 'character')}")
        if not forms.is_unicode(value):
            return self.wrong(path, "is not Unicode text")
        if kind.pattern and not exact(kind.pattern).search(value):
            return self.wrong(path, f"must match {kind.pattern}")
        return value

    def _number(self, kind: inspect.IntType | inspect.FloatType, value: Any, path: str) -> Any:
        whole = isinstance(kind, inspect.IntType)
        if value is OUT_OF_RANGE:
            return self.wrong(path, "is out of range")
        if isinstance(value, bool) or not isinstance(value, int if whole else (int, float)):
            return self.wrong(path, "must be a whole number" if whole else "must be a number")
        if kind.ge is not None and value < kind.ge:
            return self.wrong(path, f"must be at least {kind.ge}")
        if kind.gt is not None and value <= kind.gt:
            return self.wrong(path, f"must be more than {kind.gt}")
        if kind.le is not None and value > kind.le:
            return self.wrong(path, f"must be at most {kind.le}")
        if kind.lt is not None and value >= kind.lt:
            return self.wrong(path, f"must be less than {kind.lt}")
        if abs(value) > forms.WHOLE_MAX and whole:
            return self.wrong(path, "is out of range")
        return value

    def _list(self, kind: Any, value: Any, path: str) -> Any:
        if self._lax and isinstance(value, str):
            value = [value]
        if not isinstance(value, list):
            return self.wrong(path, "must be a list")
        if kind.min_length and len(value) < kind.min_length:
            return self.wrong(path, f"must have at least {_count(kind.min_length, 'item')}")
        if kind.max_length is not None and len(value) > kind.max_length:
            return self.wrong(path, f"must have at most {_count(kind.max_length, 'item')}")
        read: list[Any] = []
        for place, item in enumerate(value):
            if self.full:
                break
            read.append(self.read(kind.item_type, item, _below(path, place)))
        return read

    def _struct(self, kind: inspect.StructType, value: Any, path: str) -> Any:
        if not isinstance(value, dict):
            return self.wrong(path, "must be an object")
        fields = {field.encode_name: field for field in kind.fields}
        for name in sorted(getattr(value, "names", ())):
            self.wrong(_below(path, name), "is given more than once")
        read: dict[str, Any] = {} if kind.tag_field is None else {kind.tag_field: kind.tag}
        for name, given in value.items():
            if self.full:
                return read
            if name in fields:
                # Null counts as absent.
                if given is not None:
                    read[name] = self.read(fields[name].type, given, _below(path, name))
            elif kind.forbid_unknown_fields and name != kind.tag_field:
                self.wrong(_below(path, name), "is not a known field")
        for name, field in fields.items():
            if field.required and name not in read:
                self.wrong(_below(path, name), IS_REQUIRED)
        return read

    def _dict(self, kind: inspect.DictType, value: Any, path: str) -> Any:
        if not isinstance(value, dict):
            return self.wrong(path, "must be an object")
        if isinstance(value, Doubled):
            return self.wrong(path, "has a name in it more than once")
        if kind.max_length is not None and len(value) > kind.max_length:
            return self.wrong(path, f"must have at most {_count(kind.max_length, 'entry', 'entries')}")
        if kind.min_length and len(value) < kind.min_length:
            return self.wrong(path, f"must have at least {_count(kind.min_length, 'entry', 'entries')}")
        read = {}
        for name, each in value.items():
            if self.full:
                break
            below = _below(path, name)
            key = self.read(kind.key_type, name, below)
            item = self.read(kind.value_type, each, below)
            if key is not _UNREADABLE:
                read[key] = item
        return read

    def _union(self, kind: inspect.UnionType, value: Any, path: str) -> Any:
        if value is None and kind.includes_none:
            return None
        choices = [each for each in kind.types if not isinstance(each, inspect.NoneType)]
        if len(choices) == 1:
            return self.read(choices[0], value, path)
        tagged = [each for each in choices if isinstance(each, inspect.StructType) and each.tag_field is not None]
        if tagged and isinstance(value, dict):
            return self._tagged(tagged, value, path)
        for choice in choices:
            attempt = Reading(lax=self._lax, pace=self._pace)
            read = attempt.read(choice, value, path)
            if not attempt.problems:
                return read
        return self.wrong(path, "is of none of the kinds this field takes")

    def _tagged(self, choices: Sequence[inspect.StructType], value: dict[str, Any], path: str) -> Any:
        tag_field = choices[0].tag_field or ""
        for choice in choices:
            if value.get(tag_field) == choice.tag:
                return self.read(choice, value, path)
        words = _listed([choice.tag for choice in choices])
        return self.wrong(_below(path, tag_field), f"must be one of {words}")

    def _formed(self, form: str, value: Any, path: str) -> Any:
        canonical, problem = forms.FORMS[form](value)
        return self.wrong(path, problem) if problem else canonical


def _from_text(kind: inspect.Type, text: str) -> Any:
    """The number or boolean that a query's text stands for; the text itself if it is neither."""
    if isinstance(kind, inspect.IntType) and _WHOLE.fullmatch(text):
        return int(text)
    if isinstance(kind, inspect.FloatType) and _REAL.fullmatch(text):
        return float(text)
    if isinstance(kind, inspect.BoolType) and text.lower() in {"true", "false"}:
        return text.lower() == "true"
    return text


@cache
def exact(pattern: str) -> re.Pattern[str]:
    """A pattern whose `$` matches only at the end; Python's also matches before a trailing line break."""
    return re.compile(pattern[:-1] + r"\Z" if pattern.endswith("$") and not pattern.endswith(r"\$") else pattern)


def shown_path(path: str) -> str:
    """A path as problems name it: cut, and as UTF-8, which a lone surrogate in a name is not."""
    return path[:PATH_CHARACTERS_MAX].encode(errors="replace").decode()


def _below(path: str, name: str | int) -> str:
    return f"{path}.{name}" if path else str(name)


def _count(number: int, word: str, words: str = "") -> str:
    return f"{number} {word if number == 1 else words or word + 's'}"


def _listed(words: Sequence[Any]) -> str:
    return ", ".join(str(word) for word in words)


_SAID = re.compile(r"^(?P<what>.*?)(?: - at `(?P<where>[^`]*)`)?$", re.DOTALL)


def from_decoder(failure: msgspec.ValidationError) -> FieldProblem:
    """A problem made from msgspec's message, for rules that only msgspec checks."""
    said = _SAID.match(str(failure))
    what, where = (said["what"], said["where"] or "") if said else (str(failure), "")
    path = where.removeprefix("$").replace("[...]", "").strip(".")
    return FieldProblem(path or "body", what[:1].lower() + what[1:])

"""Any record of a declared struct, made of what its types say: for tests that declare nothing by hand."""

import random
import string
from typing import Any

from msgspec import Struct, inspect

from chassis.clock import Utc, from_seconds
from chassis.sealed import Sealed
from tests.contract.matching import text_matching

LETTERS = string.ascii_uppercase + string.digits
TEXT_LENGTH = 12
ITEMS_MAX = 2
BIG = 1_000_000
UTC_FIELDS = ("_utc", "due")


class Maker:
    """Makes records; the same ones again from the same seed."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def record(self, struct: type[Struct], **given: Any) -> Any:
        """A record of the struct with these fields, and any others."""
        return self._struct(inspect.type_info(struct), given)

    def _struct(self, kind: Any, given: dict[str, Any]) -> Any:
        values = {field.name: self._field(field) for field in kind.fields if field.name not in given}
        return kind.cls(**{**values, **given})

    def _field(self, field: Any) -> Any:
        # What a text holds is told by its field's name only.
        return self._value(field.type, moment=field.name.endswith(UTC_FIELDS))

    def _utc(self) -> Utc:
        # In years to come: what has expired the database drops by itself, whenever it looks.
        return from_seconds(self._random.randrange(3_000_000_000, 4_000_000_000))

    def _value(self, kind: Any, *, moment: bool = False) -> Any:  # noqa: C901, PLR0912  a table of types, in a form the type checker reads
        match kind:
            case inspect.Metadata():
                return self._value(kind.type, moment=moment)
            case inspect.StrType() | inspect.AnyType():
                return self._utc() if moment else self._text(kind)
            case inspect.BytesType():
                return self._text(None).encode()
            case inspect.BoolType():
                return self._random.random() < 0.5
            case inspect.IntType():
                least = kind.ge if kind.ge is not None else (kind.gt or 0) + 1
                return self._random.randint(least, kind.le if kind.le is not None else least + BIG)
            case inspect.FloatType():
                return self._random.random()
            case inspect.LiteralType():
                return self._random.choice(kind.values)
            case inspect.NoneType():
                return None
            case inspect.UnionType():
                # Something rather than nothing, which would be in no index.
                some = [each for each in kind.types if not isinstance(each, inspect.NoneType)]
                return self._value(self._random.choice(some), moment=moment)
            case inspect.ListType() | inspect.VarTupleType() | inspect.SetType() | inspect.FrozenSetType():
                many = [self._value(kind.item_type, moment=moment) for _ in range(self._many(kind))]
                return many if isinstance(kind, inspect.ListType) else tuple(many)
            case inspect.TupleType():
                return tuple(self._value(each) for each in kind.item_types)
            case inspect.DictType():
                return {self._text(None): self._value(kind.value_type) for _ in range(ITEMS_MAX)}
            case inspect.StructType():
                return self._struct(kind, {})
            case inspect.CustomType() if kind.cls is Sealed:
                return Sealed(text=self._text(None))
        raise TypeError(f"no idea how to make any {kind!r}")

    def _many(self, kind: Any) -> int:
        least: int = getattr(kind, "min_length", None) or 1
        return self._random.randint(least, max(least, ITEMS_MAX))

    def _text(self, kind: Any) -> str:
        if getattr(kind, "pattern", None):
            return text_matching(kind.pattern, self._random, kind.min_length or 0, kind.max_length or 64)
        least = getattr(kind, "min_length", None) or 0
        most = getattr(kind, "max_length", None) or TEXT_LENGTH
        length = max(least, min(most, TEXT_LENGTH))
        return "".join(self._random.choice(LETTERS) for _ in range(length))

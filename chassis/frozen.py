"""The base of all structs that are values: frozen, with fields given by keyword, without saying so in each class."""

from typing import Any, dataclass_transform

import msgspec


class FrozenMeta(msgspec.StructMeta):
    """Makes struct classes that are `frozen` and `kw_only` unless a class says otherwise.

    msgspec inherits `frozen`, but `kw_only` holds for the fields of one class alone; here it is the default of each.
    Classes made at run time need `types.new_class`: `msgspec.defstruct` does not work through a metaclass.
    """

    def __new__(mcs, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **options: Any) -> "FrozenMeta":
        return super().__new__(mcs, name, bases, namespace, **{"frozen": True, "kw_only": True, **options})


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(msgspec.field,))
class Frozen(msgspec.Struct, frozen=True, kw_only=True, metaclass=FrozenMeta):
    """A frozen struct whose fields are given by keyword. Other class options of msgspec (`omit_defaults` …) work."""

"""What the engine derives from an entity once: how to read a field, its keys, its documents."""

from collections.abc import Callable, Mapping
from functools import cache
from itertools import product
from operator import attrgetter
from types import UnionType
from typing import Annotated, Any, Generic, TypeVar, Union, get_args, get_origin

import msgspec

from chassis.entity import Document, Entity, Excerpt, Index
from chassis.key_ring import KeyRing
from chassis.mongo.client import unwrapped
from chassis.mongo.query_shapes import ID_KEYS, Keys
from chassis.mongo.remembered import RememberedRecords
from chassis.sealed import from_stored
from chassis.sealing import Sealer

R = TypeVar("R", bound=Document)
Key = tuple[Any, ...]
Getter = Callable[[Any], Any]


class UniqueKey:
    """A unique index, as the engine checks it in memory."""

    __slots__ = ("_getters", "_where", "conditions", "fields", "name", "org_first", "refusal")

    def __init__(self, table: "Table[Any]", index: Index) -> None:
        self.name = index.name
        self.refusal = index.refusal
        self.fields = table.entity.fields_of(index)
        self.org_first = self.fields[0] == "orgcode"
        self.conditions = dict(index.where or {})
        self._getters = tuple(table.getter(field) for field in self.fields)
        self._where = tuple((table.getter(field), value) for field, value in self.conditions.items())

    def keys_of(self, record: Any) -> tuple[Key, ...]:
        """The keys a record holds: none if a partial index leaves it out, several if a field is a list."""
        for getter, wanted in self._where:
            if not meets(getter(record), wanted):
                return ()
        values = [getter(record) for getter in self._getters]
        if any(type(value) is list for value in values):
            return tuple(product(*(value if type(value) is list else (value,) for value in values)))
        return (tuple(values),)


class Table(Generic[R]):
    """An entity as the engine uses it."""

    __slots__ = (
        "_getters",
        "_loose",
        "collection",
        "entity",
        "held_as",
        "history",
        "id_field",
        "indexes",
        "kind",
        "lists",
        "long_list",
        "moments",
        "name",
        "org_scoped",
        "pinned",
        "plans",
        "projection",
        "sealed",
        "struct",
        "technical",
        "uniques",
        "versioned",
    )

    def __init__(self, entity: Entity[R]) -> None:
        self.entity = entity
        self.struct = entity.struct
        self.name = entity.name
        self.collection = entity.collection
        self.projection = dict.fromkeys(entity.fields, 1) if isinstance(entity, Excerpt) else None
        self.held_as = entity.collection if self.projection is None else f"{entity.collection}/{self.struct.__name__}"
        self.id_field = entity.id
        self.org_scoped = entity.org_scoped
        self.versioned = entity.versioned
        self.history = entity.history and not entity.technical
        self.technical = entity.technical
        self.sealed = entity.sealed
        self.kind = entity.kind
        self.long_list = entity.long_list
        self.moments = tuple(
            field for field in ("updated_utc", "recorded_utc") if field in entity.struct.__struct_fields__
        )
        self.lists = tuple(field.encode_name for field in msgspec.structs.fields(entity.struct) if _is_list(field.type))
        self._loose = _holds_anything(entity.struct)
        self._getters: dict[str, Getter] = {}
        self.uniques = {index.name: UniqueKey(self, index) for index in entity.indexes if index.unique}
        self.indexes = (ID_KEYS, *(keys_of(entity, index) for index in entity.indexes if not index_expires(index)))
        self.pinned = frozenset(field for keys in self.indexes for field, _ in keys.where)
        self.plans: dict[Any, Any] = {}

    def decode(self, document: dict[str, Any]) -> R:
        """The record of a stored document. The document is changed."""
        document[self.id_field] = document.pop("_id")
        return msgspec.convert(unwrapped(document) if self._loose else document, self.struct, dec_hook=from_stored)

    def items_of(self, record: Any) -> int:
        """How many items the lists and mappings of a record hold; 0 for None."""
        return 0 if record is None else sum(len(getattr(record, field) or ()) for field in self.lists)

    def stored_field(self, field: str) -> str:
        """The database's name of a record's field."""
        return "_id" if field == self.id_field else field

    def getter(self, field: str) -> Getter:
        """Reads a stored field (dotted for nested ones) off a record; a list if there are several values."""
        found = self._getters.get(field)
        if found is None:
            found = self._getters[field] = self._make_getter(field)
        return found

    def _make_getter(self, field: str) -> Getter:
        if field in {"_id", self.id_field}:
            return attrgetter(self.id_field)
        if field == "kind" and self.kind:
            kind = self.kind
            return lambda _record: kind
        if field in self.entity.derived:
            return self.entity.derived[field]
        if "." not in field:
            return attrgetter(field)
        first, _, path = field.partition(".")
        derived = self.entity.derived.get(first)
        start = derived if derived is not None else attrgetter(first)
        return lambda record: _walk(start(record), path.split("."))


def keys_of(entity: Entity[Any], index: Index) -> Keys:
    """An index in the database's form."""
    return Keys(entity.fields_of(index), index.unique, tuple((index.where or {}).items()))


def index_expires(index: Index) -> bool:
    """Whether the database drops old records by this index."""
    return index.expire_after_seconds is not None


def meets(value: Any, wanted: Any) -> bool:
    """Whether a stored value meets a partial index's condition: an equal value, or the server's own operators."""
    if not isinstance(wanted, Mapping):
        return bool(value == wanted)
    return all(_OPERATORS[operator](value, bound) for operator, bound in wanted.items())


_OPERATORS: Mapping[str, Callable[[Any, Any], bool]] = {
    "$eq": lambda value, bound: bool(value == bound),
    "$exists": lambda _value, bound: bool(bound),
    "$in": lambda value, bound: value in bound,
    "$gt": lambda value, bound: value is not None and value > bound,
    "$gte": lambda value, bound: value is not None and value >= bound,
    "$lt": lambda value, bound: value is not None and value < bound,
    "$lte": lambda value, bound: value is not None and value <= bound,
    "$type": lambda value, bound: isinstance(value, _TYPES[bound]),
}
_TYPES: Mapping[str, type] = {"string": str, "int": int, "number": int, "bool": bool, "array": list, "object": dict}


def _walk(value: Any, path: list[str]) -> Any:
    """The value at the end of a path; of a list, the values of all its items."""
    for place, name in enumerate(path):
        if isinstance(value, list | tuple):
            found = [_walk(item, path[place:]) for item in value]
            return [one for each in found for one in (each if isinstance(each, list) else [each])]
        value = value.get(name) if isinstance(value, Mapping) else getattr(value, name, None)
    return list(value) if isinstance(value, tuple) else value


def _is_list(annotated: Any) -> bool:
    """Whether a field holds a list, a mapping, or none."""
    if get_origin(annotated) is Annotated:
        annotated = get_args(annotated)[0]
    kinds = [get_origin(each) or each for each in (annotated, *get_args(annotated))]
    sized = {list, tuple, dict, set, frozenset}
    return kinds[0] in sized or (kinds[0] in {Union, UnionType} and bool(sized & set(kinds[1:])))


@cache
def _holds_anything(struct: type) -> bool:
    """Whether a field at any depth of a struct may hold any JSON."""
    schema = msgspec.inspect.type_info(struct)
    seen: set[int] = set()

    def loose(info: Any) -> bool:
        if id(info) in seen:
            return False
        seen.add(id(info))
        if isinstance(info, msgspec.inspect.AnyType):
            return True
        if isinstance(info, msgspec.inspect.StructType):
            return any(loose(field.type) for field in info.fields)
        inner = [getattr(info, name, None) for name in ("type", "item_type", "key_type", "value_type")]
        several = [*getattr(info, "types", ()), *getattr(info, "item_types", ())]
        return any(loose(part) for part in (*inner, *several) if part is not None)

    return loose(schema)


class Tables:
    """The tables of a service's entities. An entity that was not declared is added at its first use.

    `sealed` says which structs have sealed fields, and which. `sealer` seals the secrets of stored records.
    `remembered` are those with long lists.
    """

    def __init__(self, sealer: Sealer | None = None) -> None:
        self.sealer = sealer or Sealer(KeyRing())
        self.remembered = RememberedRecords()
        self._tables: dict[Entity[Any], Table[Any]] = {}
        self.sealed: dict[type, tuple[str, ...]] = {}

    def of(self, entity: Entity[Any]) -> Table[Any]:
        """The table of an entity."""
        table = self._tables.get(entity)
        if table is None:
            table = self._tables[entity] = Table(entity)
            if table.sealed:
                self.sealed[table.struct] = table.sealed
        return table

    def all(self) -> list[Table[Any]]:
        """All of them."""
        return list(self._tables.values())

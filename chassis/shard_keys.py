"""How a sharded cluster spreads each collection: the shard keys that its entities declare, checked and put together."""

import typing
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from chassis.entity import Entity, Value


class ShardKey(Value):
    """The key of one collection: its fields in order, by their names in the database."""

    collection: str
    fields: tuple[str, ...]


def shard_keys(entities: Iterable[Entity[Any]]) -> list[ShardKey]:
    """The shard keys of these entities, by collection. Collections that stay on one shard are left out.

    Raises TypeError if a declaration cannot hold on a sharded cluster: entities of one collection differ in their key,
    a field of the key is not stored, or the indexes do not fit it.
    """
    together: dict[str, list[Entity[Any]]] = {}
    for entity in entities:
        together.setdefault(entity.collection, []).append(entity)
    for collection, sharing in together.items():
        for fault in _faults(sharing):
            raise TypeError(f"{collection}: {fault}")
    keys = [ShardKey(collection=collection, fields=fields_of(sharing[0])) for collection, sharing in together.items()]
    return [key for key in keys if key.fields]


def fields_of(entity: Entity[Any]) -> tuple[str, ...]:
    """The fields of an entity's shard key in the database; none if its records stay on one shard."""
    return tuple("_id" if field == entity.id else field for field in entity.shard_key or ())


def _faults(sharing: Sequence[Entity[Any]]) -> Iterator[str]:
    """What is wrong with the shard keys of the entities of one collection."""
    key = fields_of(sharing[0])
    if any(fields_of(entity) != key for entity in sharing):
        yield f"{' and '.join(entity.name for entity in sharing)} share it and declare different shard keys"
    for entity in sharing:
        stored = {*entity.struct.__struct_fields__, *entity.derived}
        if missing := [field for field in entity.shard_key or () if field not in stored]:
            yield f"the shard key of {entity.name} names fields that it does not store: {missing}"
        # Each shard checks a unique index for itself, so the server allows only those that begin with the shard key.
        for index in entity.indexes:
            if key and index.unique and entity.fields_of(index)[: len(key)] != key:
                yield f"the unique index {index.name} does not begin with the shard key {key}"
    if key and not any(each[: len(key)] == key for each in _whole_indexes(sharing)):
        yield f"no index begins with the shard key {key}; a filled collection cannot be sharded without"


def _whole_indexes(sharing: Sequence[Entity[Any]]) -> Iterator[tuple[str, ...]]:
    """The fields of the indexes that hold every record of a collection exactly once."""
    yield ("_id",)
    by_org = False
    for entity in sharing:
        for index in entity.indexes:
            if index.where or index.expire_after_seconds is not None:
                continue
            fields = entity.fields_of(index)
            by_org = by_org or fields[0] == "orgcode"
            if all(_holds_one(entity, field) for field in fields):
                yield fields
    if sharing[0].org_scoped and not by_org:
        # Made at start for the vacuum.
        yield ("orgcode", "_id")


def _holds_one(entity: Entity[Any], field: str) -> bool:
    """Whether a field surely holds one value, and not a list: an index over a list has several entries for a record."""
    if field == "_id":
        return True
    derive = entity.derived.get(field)
    if derive is not None:
        # What is not annotated (a lambda) may be a list.
        hint = typing.get_type_hints(derive).get("return")
    else:
        hint = typing.get_type_hints(entity.struct).get(field.partition(".")[0])
    return hint is not None and "list" not in str(hint) and "tuple" not in str(hint)

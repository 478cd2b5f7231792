"""The graph's schema from the declared entities: tables, kinds of record, their fields and edges."""

import hashlib
import types
from collections.abc import Callable, Iterable, Sequence
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

import msgspec

from chassis import values
from chassis.entity import HUB, Edge, Entity
from chassis.pattern import pattern
from chassis.rpc.graph.keys import EntityKeys
from retailstack.graph.v1 import source_pb2 as pb

_WORDS = [(name.lower(), kind) for name, kind in vars(values).items() if get_origin(kind) is Annotated]
_PLAIN = {str: "text", int: "int", float: "number", bool: "bool"}


def table_of(service: str, entity: Entity[Any]) -> str:
    """The name of the table that shows an entity's records."""
    return f"{service}_{entity.collection}"


class Declared:
    """What a service declares: it never changes while the process runs, so its messages are made once.

    version  names what it says about kinds and edges
    """

    def __init__(
        self, service: str, entities: Sequence[Entity[Any]], inward: Callable[[Entity[Any], Edge], bool]
    ) -> None:
        self._tables = _tables_to_proto(service, entities)
        self._whole = pb.SchemaResponse(
            service=service,
            entities=[_entity_to_proto(service, entity) for entity in entities],
            edges=[
                _edge_to_proto(service, entity, edge, inward=inward(entity, edge))
                for entity in entities
                for edge in entity.edges
            ],
        )
        self.version = hashlib.sha256(self._whole.SerializeToString(deterministic=True)).hexdigest()
        self._whole.version = self.version
        self._brief = pb.SchemaResponse(service=service, version=self.version)

    @property
    def collections(self) -> list[str]:
        """The collections, in the order of their tables."""
        return list(self._tables)

    def answer(self, known_version: str, counts: Sequence[int]) -> pb.SchemaResponse:
        """The schema with these numbers of records in `collections`; without kinds and edges of a known version."""
        answer = pb.SchemaResponse()
        answer.CopyFrom(self._brief if known_version == self.version else self._whole)
        answer.tables.extend(self._tables.values())
        for table, count in zip(answer.tables, counts, strict=True):
            table.approximate_count = count
        return answer


def _tables_to_proto(service: str, entities: Iterable[Entity[Any]]) -> dict[str, pb.Table]:
    """Collection -> its table, without a count."""
    found: dict[str, pb.Table] = {}
    for entity in entities:
        table = found.setdefault(entity.collection, pb.Table(table=table_of(service, entity)))
        table.entities.append(entity.name)
        table.keys.extend(name for name in EntityKeys(entity).names if name not in table.keys)
    return found


def _entity_to_proto(service: str, entity: Entity[Any]) -> pb.EntityType:
    """One kind of record."""
    hints = get_type_hints(entity.struct, include_extras=True)
    return pb.EntityType(
        entity=entity.name,
        table=table_of(service, entity),
        label_field=pattern(entity.label).fields[0],
        label_pattern=entity.label,
        id_field=entity.id,
        org_scoped=entity.org_scoped,
        fields=[
            pb.Field(name=field.name, type=word_of(hints[field.name]))
            for field in msgspec.structs.fields(entity.struct)
        ],
        pk_pattern=entity.keys[0],
        sk_pattern=entity.keys[1],
        lookups=[pb.Lookup(number=number, pk_pattern=pk, sk_pattern=sk) for number, (pk, sk) in entity.lookups.items()],
    )


def _edge_to_proto(service: str, entity: Entity[Any], edge: Edge, *, inward: bool) -> pb.EdgeType:
    """One edge; `inward`: whether an index finds the records that have it."""
    return pb.EdgeType(
        edge=edge.name,
        from_entity=entity.name,
        to_entity=edge.to,
        to_entities=[] if edge.service == HUB else edge.among or (edge.to,),
        from_service=service,
        to_service=edge.service or service,
        cardinality=edge.cardinality,
        via=pattern(edge.by).fields[-1],
        value_pattern=edge.by,
        to_field=edge.at,
        from_field=edge.back,
        inward=inward,
    )


def word_of(hint: Any) -> str:
    """The contract's name for a field's type."""
    for word, kind in _WORDS:
        if hint == kind:
            return word
    origin = get_origin(hint)
    if origin is Annotated:
        return word_of(get_args(hint)[0])
    if origin in {Union, types.UnionType}:
        return word_of(next(part for part in get_args(hint) if part is not type(None)))
    if origin is not None and issubclass(
        origin if isinstance(origin, type) else object, list | tuple | set | frozenset
    ):
        return f"list({word_of(get_args(hint)[0])})"
    if origin is not None:
        return "map" if origin is dict else "text"
    return _PLAIN.get(hint, getattr(hint, "__name__", "any"))

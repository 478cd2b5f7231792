"""The graph's shape: tables, kinds of record and edges, as the services declare them."""

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Literal

from chassis.endpoint import Answer
from chassis.entity import Value
from services.visualgrid.graph.hubs import HUB_SERVICE, HUBS

Direction = Literal["out", "in"]


class TableSummary(Answer):
    table: str
    service_code: str
    entity_types: list[str]
    approximate_count: int
    keys: list[str]
    available: bool


class FieldType(Answer):
    name: str
    type: str


class Lookup(Answer):
    index: str
    pk_pattern: str
    sk_pattern: str


class EntityType(Answer):
    entity_type: str
    service_code: str
    table: str
    label_field: str
    label_pattern: str
    fields: list[FieldType]
    pk_pattern: str
    sk_pattern: str
    lookups: list[Lookup]


class EdgeType(Answer, omit_defaults=True):
    edge: str
    from_entity: str
    to_entity: str
    to_entities: list[str] | None = None
    from_service: str
    to_service: str
    cardinality: Literal["one", "many"]
    via: str
    inward: bool


class DeclaredEdge(Value):
    """A declared edge, and how it is followed.

    value_pattern  makes its values of the properties of the record it starts at
    to_field       the field of the target that has such a value; empty for its id
    from_field     the field by which the way back is found
    """

    shown: EdgeType
    value_pattern: str
    to_field: str
    from_field: str

    @property
    def targets(self) -> Sequence[str]:
        """The kinds it may lead to."""
        return self.shown.to_entities or (self.shown.to_entity,)


class Schema(Value):
    """What one service declares; counts as they were when it was asked. `version` names its kinds and edges."""

    service: str
    tables: Sequence[TableSummary]
    kinds: Sequence[EntityType]
    edges: Sequence[DeclaredEdge]
    version: str = ""


class NodeKind(Value):
    """A kind of record of one service; hubs belong to service `stack`."""

    service: str
    name: str


class Hop(Value):
    """An edge as followed from one of its ends: to records of kind `far`."""

    edge: DeclaredEdge
    direction: Direction
    far: NodeKind

    @property
    def name(self) -> str:
        """The edge's name."""
        return self.edge.shown.edge


class Catalogue:
    """All schemas that have been seen, in the order in which services are listed."""

    def __init__(self, schemas: Mapping[str, Schema], unseen: Iterable[str] = ()) -> None:
        self.schemas = schemas
        self.unseen = tuple(unseen)

    def service_of(self, table: str) -> str | None:
        """The service that owns a table; None if no known one does."""
        return self._services.get(table)

    def knows_kind(self, name: str) -> bool:
        """Whether any service declares this kind, or it is a hub."""
        return name in HUBS or any(kind.entity_type == name for kind in self.kinds)

    @cached_property
    def kinds(self) -> list[EntityType]:
        """Every kind, service after service."""
        return [kind for schema in self.schemas.values() for kind in schema.kinds]

    @cached_property
    def edges(self) -> list[DeclaredEdge]:
        """Every edge, service after service."""
        return [edge for schema in self.schemas.values() for edge in schema.edges]

    def hops_from(self, kind: NodeKind) -> list[Hop]:
        """The hops from a kind of record: out before in, each in the order of the schema."""
        found = self._hops.get(kind)
        if found is None:
            found = self._hops[kind] = [*self._outward(kind), *self._inward(kind)]
        return found

    def _outward(self, kind: NodeKind) -> Iterable[Hop]:
        for edge in self.edges:
            if (edge.shown.from_service, edge.shown.from_entity) == (kind.service, kind.name):
                far = (NodeKind(service=edge.shown.to_service, name=target) for target in edge.targets)
                yield from (Hop(edge=edge, direction="out", far=each) for each in far if self._may_have(each))

    def _inward(self, kind: NodeKind) -> Iterable[Hop]:
        for edge in self.edges:
            if edge.shown.inward and edge.shown.to_service == kind.service and kind.name in edge.targets:
                far = NodeKind(service=edge.shown.from_service, name=edge.shown.from_entity)
                yield Hop(edge=edge, direction="in", far=far)

    def _may_have(self, kind: NodeKind) -> bool:
        """Whether a service declares the kind, or was not seen yet."""
        return kind.service not in self.schemas or kind in self._declared

    @cached_property
    def _declared(self) -> set[NodeKind]:
        return {NodeKind(service=kind.service_code, name=kind.entity_type) for kind in self.kinds}

    @cached_property
    def _hops(self) -> dict[NodeKind, list[Hop]]:
        return {}

    @cached_property
    def _services(self) -> dict[str, str]:
        owned = {table.table: schema.service for schema in self.schemas.values() for table in schema.tables}
        return owned | {hub.table: HUB_SERVICE for hub in HUBS.values()}

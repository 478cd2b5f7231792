"""The schema of a service, from its gRPC message."""

from typing import Any, cast

from msgspec.structs import replace

from retailstack.graph.v1 import source_pb2 as pb
from services.visualgrid.graph.domain import DeclaredEdge, EdgeType, EntityType, FieldType, Lookup, Schema, TableSummary
from services.visualgrid.graph.hubs import HUB_SERVICE, HUBS


def schema_from_proto(message: pb.SchemaResponse, known: Schema | None) -> Schema:
    """What a service declares, and its counts. `known` has the kinds and edges that it left out."""
    tables = [
        TableSummary(
            table=table.table,
            service_code=message.service,
            entity_types=list(table.entities),
            approximate_count=table.approximate_count,
            keys=list(table.keys),
            available=True,
        )
        for table in message.tables
    ]
    if known is not None and message.version and message.version == known.version:
        return replace(known, tables=tables)
    return Schema(
        service=message.service,
        tables=tables,
        version=message.version,
        kinds=[_kind_from_proto(message.service, kind) for kind in message.entities],
        edges=[_edge_from_proto(edge) for edge in message.edges],
    )


def hub_schema() -> Schema:
    """The schema of the hubs, which no service serves."""
    tables = [
        TableSummary(
            table=hub.table,
            service_code=HUB_SERVICE,
            entity_types=[hub.kind],
            approximate_count=0,
            keys=["PK", "SK"],
            available=True,
        )
        for hub in HUBS.values()
    ]
    kinds = [
        EntityType(
            entity_type=hub.kind,
            service_code=HUB_SERVICE,
            table=hub.table,
            label_field=hub.field,
            label_pattern=f"{{{hub.field}}}",
            fields=[FieldType(name="orgcode", type="orgcode"), FieldType(name=hub.field, type=hub.type)],
            pk_pattern="ORG#{orgcode}",
            sk_pattern=f"{hub.prefix}#{{{hub.field}}}",
            lookups=[],
        )
        for hub in HUBS.values()
    ]
    return Schema(service=HUB_SERVICE, tables=tables, kinds=kinds, edges=())


def _kind_from_proto(service: str, kind: pb.EntityType) -> EntityType:
    return EntityType(
        entity_type=kind.entity,
        service_code=service,
        table=kind.table,
        label_field=kind.label_field,
        label_pattern=kind.label_pattern,
        fields=[FieldType(name=field.name, type=field.type) for field in kind.fields],
        pk_pattern=kind.pk_pattern,
        sk_pattern=kind.sk_pattern,
        lookups=[
            Lookup(index=f"GSI{lookup.number}", pk_pattern=lookup.pk_pattern, sk_pattern=lookup.sk_pattern)
            for lookup in kind.lookups
        ],
    )


def _edge_from_proto(edge: pb.EdgeType) -> DeclaredEdge:
    several = list(edge.to_entities) if list(edge.to_entities) not in ([], [edge.to_entity]) else None
    shown = EdgeType(
        edge=edge.edge,
        from_entity=edge.from_entity,
        to_entity=edge.to_entity,
        to_entities=several,
        from_service=edge.from_service,
        to_service=edge.to_service,
        cardinality=cast("Any", edge.cardinality),
        via=edge.via,
        inward=edge.inward,
    )
    return DeclaredEdge(
        shown=shown, value_pattern=edge.value_pattern, to_field=edge.to_field, from_field=edge.from_field or edge.via
    )

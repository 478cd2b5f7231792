"""In which order the edges of every service list records, by the indexes that serve them."""

from typing import Any, get_type_hints

import pytest

from chassis.entity import Edge, Entity
from chassis.rpc.graph.indexed_queries import IndexedQueries
from chassis.service import collect
from chassis.values import Id
from gateway.app import GATEWAY
from tests.contract.services import SERVICES

EDGES = [
    (service.name, entity, edge)
    for service in (*SERVICES.values(), GATEWAY)
    for entity in collect(service).entities
    for edge in entity.edges
    if edge.back not in {"", entity.id}
]

FEW_EACH = {"shopify_order_id"}
"""Fields of which each value belongs to a record or two: those are not sorted by time."""

IN_TIME = [
    entity
    for service in (*SERVICES.values(), GATEWAY)
    for entity in collect(service).entities
    if entity.newest_by != entity.id
]


def name_of(edge: Any) -> str:
    return str(edge.name) if isinstance(edge, Edge | Entity) else str(edge)


@pytest.mark.parametrize(("service", "entity", "edge"), EDGES, ids=name_of)
def test_what_names_a_record_is_listed_newest_first(service: str, entity: Entity[Any], edge: Edge) -> None:
    """Ids of most kinds are in the order of time. Other kinds are listed by their numbers, or by what names them."""
    query = IndexedQueries(entity).by_values(edge.back, ["x"], "x" if entity.org_scoped else "")
    assert query is not None, service
    in_time = get_type_hints(entity.struct, include_extras=True)[entity.id] == Id
    numbered = any(get_type_hints(entity.struct)[field.removeprefix("-")] is int for field in query.order[:1])
    if in_time:
        assert query.order == (f"-{entity.id}",)
    elif entity.newest_by != entity.id:
        assert query.order[0] == f"-{entity.newest_by}" or edge.back in FEW_EACH
    elif numbered:
        assert all(field.startswith("-") for field in query.order)


@pytest.mark.parametrize("entity", IN_TIME, ids=name_of)
def test_a_table_of_records_with_a_time_is_listed_newest_first(entity: Entity[Any]) -> None:
    for org in ("", "x") if entity.org_scoped else ("",):
        query = IndexedQueries(entity).by_fields({}, org)
        assert query is not None
        assert query.order == (f"-{entity.newest_by}",)

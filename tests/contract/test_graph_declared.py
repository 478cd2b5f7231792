"""What the entities of all services declare for the operator's graph: nothing here knows any of them."""

from collections.abc import Iterator
from typing import Any

import pytest
from msgspec.structs import fields

from chassis.entity import HUB, Edge, Entity
from chassis.pattern import pattern
from chassis.record_history import RecordedBy, WrittenOnce
from chassis.rpc.graph.indexed_queries import IndexedQueries
from chassis.rpc.graph.keys import EntityKeys
from chassis.service import collect
from gateway.app import GATEWAY
from tests.contract.services import SERVICES

HUBS = {"facility", "variant", "channel_code"}
SAYS_LITTLE = {"status", "state", "kind", "reason_code", "type"}
"""Fields that many records share."""

SHOWN: dict[str, list[Entity[Any]]] = {
    service.name: [entity for entity in collect(service).entities if not entity.technical]
    for service in (*SERVICES.values(), GATEWAY)
}
KINDS = [pytest.param(name, entity, id=f"{name}-{entity.name}") for name, mine in SHOWN.items() for entity in mine]
EDGES = [
    pytest.param(name, entity, edge, id=f"{name}-{entity.name}-{edge.name}")
    for name, mine in SHOWN.items()
    for entity in mine
    for edge in entity.edges
]


def kinds_at(service: str, edge: Edge) -> Iterator[Entity[Any]]:
    """The kinds that an edge of this service leads to."""
    for name in edge.among or (edge.to,):
        found = [entity for entity in SHOWN.get(edge.service or service, []) if entity.name == name]
        assert found, f"{edge.name} leads to {name}, which {edge.service or service} does not have"
        yield from found


def stored_fields(entity: Entity[Any]) -> set[str]:
    return {field.name for field in fields(entity.struct)}


@pytest.mark.parametrize(("service", "entity"), KINDS)
def test_a_kind_has_keys_that_resolve(service: str, entity: Entity[Any]) -> None:
    keys = EntityKeys(entity)
    pk, sk = keys.pairs[0]
    assert pk.text == ("ORG#{orgcode}" if entity.org_scoped else "STACK")
    assert sk.fields
    made_of = set(pattern(entity.id_pattern).fields)
    fields = {*pk.fields, *sk.fields}
    made = entity.id in sk.fields or (made_of and made_of <= fields)
    org = "ACME" if entity.org_scoped else ""
    assert made or IndexedQueries(entity).by_fields(dict.fromkeys(fields, "x"), org) is not None
    assert all("" not in (each.text for each in pair) for pair in keys.pairs.values())


@pytest.mark.parametrize(("service", "entity"), KINDS)
def test_a_kind_is_listed_by_an_index(service: str, entity: Entity[Any]) -> None:
    ways = IndexedQueries(entity)
    assert ways.by_fields({}, "") is not None
    assert ways.by_fields({}, "ACME") is not None
    for pk, _ in EntityKeys(entity).pairs.values():
        org = "ACME" if "orgcode" in pk.fields else ""
        assert ways.by_fields(dict.fromkeys(pk.fields, "x"), org) is not None, pk.text


@pytest.mark.parametrize(("service", "entity"), KINDS)
def test_a_kind_has_a_name_of_its_own_and_a_label(service: str, entity: Entity[Any]) -> None:
    assert entity.name not in HUBS
    assert not {name.split(".")[-1] for name in pattern(entity.label).fields} <= {entity.id, *SAYS_LITTLE}
    assert {name.split(".")[0] for name in pattern(entity.label).fields} <= stored_fields(entity)


@pytest.mark.parametrize(("service", "entity"), KINDS)
def test_a_kind_has_a_history(service: str, entity: Entity[Any]) -> None:
    if isinstance(entity.history_from, WrittenOnce):
        assert {entity.history_from.at, entity.history_from.by, entity.history_from.reason} - {""} <= stored_fields(
            entity
        )
    elif isinstance(entity.history_from, RecordedBy):
        (recorder,) = [other for other in SHOWN[service] if other.name == entity.history_from.kind]
        assert isinstance(recorder.history_from, WrittenOnce)
        assert IndexedQueries(recorder).is_served(entity.history_from.by)
    else:
        assert entity.history or not entity.versioned or entity.name in KEPT_BESIDE_THE_LOG


KEPT_BESIDE_THE_LOG = {"vacuum"}
"""A vacuum's record is kept for good, and the log is what it erases."""


@pytest.mark.parametrize(("service", "entity", "edge"), EDGES)
def test_an_edge_leads_to_a_kind_or_a_hub_and_back(service: str, entity: Entity[Any], edge: Edge) -> None:
    assert {name.split(".")[0] for name in pattern(edge.by).fields} <= stored_fields(entity)
    assert IndexedQueries(entity).is_served(edge.back), f"no index finds {entity.name} records by {edge.back}"
    if edge.service == HUB:
        assert edge.to in HUBS
        return
    assert edge.to not in HUBS
    for target in kinds_at(service, edge):
        assert IndexedQueries(target).is_served(edge.at), (
            f"no index finds {target.name} records by {edge.at or target.id}"
        )
        assert not edge.at or edge.at in stored_fields(target)


def test_edges_of_a_kind_have_different_names() -> None:
    for mine in SHOWN.values():
        for entity in mine:
            names = [edge.name for edge in entity.edges]
            assert len(names) == len(set(names)), entity.name

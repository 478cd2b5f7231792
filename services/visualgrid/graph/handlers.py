"""The graph's entry page and its schema."""

from msgspec.structs import replace

from chassis.caller import Call
from chassis.endpoint import Answer, Endpoints, Request
from chassis.values import Token
from services.visualgrid.graph.domain import Catalogue, EdgeType, EntityType, TableSummary
from services.visualgrid.graph.hubs import HUB_SERVICE
from services.visualgrid.graph.sources import SERVICES, Sources
from services.visualgrid.reads import log_read
from services.visualgrid.root.guard import ROOT

endpoints = Endpoints("visualgrid")

OWN_SERVICE = "visualgrid"


class RootRequest(Request):
    vg_token: Token | None = None


class ServiceTables(Answer):
    service_code: str
    available: bool
    tables: list[TableSummary]


class Totals(Answer):
    services: int
    tables: int
    nodes: int


class GraphEntryResponse(Answer):
    services: list[ServiceTables]
    totals: Totals


class ServiceTableNames(Answer):
    service_code: str
    available: bool
    tables: list[str]


class SchemaShown(Answer):
    services: list[ServiceTableNames]
    edges: list[EdgeType]
    entity_types: list[EntityType]


@endpoints.get("/root/graph", tenant=False, guard=ROOT)
@endpoints.post("/root/graph", tenant=False, guard=ROOT)
async def visualgrid_root_graph(call: Call, sources: Sources, body: RootRequest) -> GraphEntryResponse:  # noqa: ARG001  the body carries the token
    """Every service with its tables; one that does not answer within a second, with those it had when last seen."""
    services = await _services(sources)
    tables = [table for service in services for table in service.tables]
    log_read(call, "root/graph", len(tables))
    totals = Totals(services=len(services), tables=len(tables), nodes=sum(table.approximate_count for table in tables))
    return GraphEntryResponse(services=services, totals=totals)


@endpoints.get("/schema", tenant=False, guard=ROOT)
async def visualgrid_schema(call: Call, sources: Sources, body: RootRequest) -> SchemaShown:  # noqa: ARG001
    """Kinds of record and edges of all services, as declared when last seen."""
    services = await _services(sources)
    catalogue = sources.last_seen
    log_read(call, "schema", len(catalogue.kinds))
    return SchemaShown(
        services=[
            ServiceTableNames(
                service_code=service.service_code,
                available=service.available,
                tables=[table.table for table in service.tables],
            )
            for service in services
        ],
        edges=[edge.shown for edge in catalogue.edges],
        entity_types=catalogue.kinds,
    )


async def _services(sources: Sources) -> list[ServiceTables]:
    answering = await sources.look()
    return services_of(sources.last_seen, answering | {HUB_SERVICE, OWN_SERVICE})


def services_of(catalogue: Catalogue, answering: set[str]) -> list[ServiceTables]:
    """The services in the order in which they are listed. VisualGrid's own tokens are technical: it has no tables."""
    found = []
    for service in (*SERVICES, OWN_SERVICE, HUB_SERVICE):
        schema = catalogue.schemas.get(service)
        available = service in answering
        tables = [_marked(table, available) for table in schema.tables] if schema else []
        found.append(ServiceTables(service_code=service, available=available, tables=tables))
    return found


def _marked(table: TableSummary, available: bool) -> TableSummary:
    return table if available else replace(table, available=False)

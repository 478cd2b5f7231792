"""`stackctl graph`: records of all services by id, by keys, and by the request that changed them."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
from cyclopts import App

from chassis.entity import HUB
from chassis.errors import NotFound
from chassis.pattern import pattern
from chassis.rpc.refusals import PeerUnreachable
from chassis.telemetry.trace import trace_begun_by, trace_id_in
from retailstack.graph.v1 import source_pb2 as pb
from retailstack.graph.v1.source_pb2_grpc import GraphSourceStub
from services.ops.cli.hubs import hub_of_table
from services.ops.cli.output import CommandOutcome
from services.ops.cli.stack import Given, Stack

ASK_SECONDS = 10.0
PAGE_RECORDS = 256
CHANGED_MAX = 2_000
"""Records of one request that are shown."""

VALUES_MAX = 1000
HOPS_MAX = 64
COUNT_MAX = 257

graph = App(name="graph", help="Records of all services, and what they are tied to.")


class Start(NamedTuple):
    """The record or hub that edges are counted of; `id` is a hub's value."""

    node: dict[str, Any]
    service: str
    kind: str
    id: str
    orgcode: str


class EdgeHop(NamedTuple):
    """One edge of a record, and the hop along it; into hubs there is none, since no service has them."""

    edge: str
    direction: str
    entity_type: str
    service: str
    hop: pb.Hop


@graph.command(name="find")
async def graph_find(record_id: str, /, *, stack: Given) -> CommandOutcome:
    """Find records by their id alone."""
    return _shown(await _everywhere(stack, pb.ListRecordsRequest(id=record_id, page=pb.Page(limit=PAGE_RECORDS))))


@graph.command(name="trace")
async def graph_trace(request_id: str, /, *, stack: Given) -> CommandOutcome:
    """Show every record that a request, a job or an operation of the ledger changed.

    Takes a request id, a trace id (32 hex digits), or an operation id.
    """
    found: list[tuple[str, pb.Record]] = []
    for cause in dict.fromkeys((trace_id_in(trace_begun_by(request_id)), request_id)):
        found = await _everywhere(stack, pb.ListRecordsRequest(cause=cause, page=pb.Page(limit=PAGE_RECORDS)))
        if found:
            break
    return _shown(found)


@graph.command(name="show")
async def graph_show(table: str, pk: str, sk: str, /, *, stack: Given) -> CommandOutcome:
    """Show a record or a hub by its keys, and how many records each of its edges leads to."""
    schemas = await _schemas(stack)
    start = _hub_at(table, pk, sk) if hub_of_table(table) else await _record_at(stack, schemas, table, pk, sk)
    edges = await _counted(stack, start, _ways(schemas, start))
    if start.service == HUB and not any(edge["approximate_count"] for edge in edges):
        raise NotFound("no record names this")
    rows = [{**start.node["metadata"], **start.node["ddb_keys"]}, *edges]
    return CommandOutcome(document={"node": start.node, "edges": edges}, rows=rows)


def _hub_at(table: str, pk: str, sk: str) -> Start:
    hub = hub_of_table(table)
    named = hub.value_in(pk, sk) if hub else None
    if hub is None or named is None:
        raise NotFound(f"there is no such record in {table}")
    orgcode, value = named
    return Start(hub.node(orgcode, value), HUB, hub.kind, value, orgcode)


async def _record_at(stack: Stack, schemas: Mapping[str, pb.SchemaResponse], table: str, pk: str, sk: str) -> Start:
    service = next((name for name, schema in schemas.items() if any(table == each.table for each in schema.tables)), "")
    if not service:
        raise NotFound(f"there is no table {table}")
    request = pb.GetRecordRequest(table=table, pk=pk, sk=sk)
    record = await GraphSourceStub(stack.channels.channel(service)).GetRecord(request, timeout=ASK_SECONDS)
    return Start(node_of(record, service), service, record.entity, record.id, record.orgcode)


def node_of(record: pb.Record, service: str) -> dict[str, Any]:
    """The contract's Node of a record."""
    return {
        "ddb_keys": dict(record.keys),
        "properties": msgspec.json.decode(record.properties),
        "metadata": {
            "service_code": service,
            "table": record.table,
            "entity_type": record.entity,
            "label": record.label,
            "revision": record.revision if record.HasField("revision") else None,
            "size_bytes": record.size_bytes,
        },
    }


def _shown(found: Sequence[tuple[str, pb.Record]]) -> CommandOutcome:
    nodes = [node_of(record, service) for service, record in found]
    rows = [{**node["metadata"], "PK": node["ddb_keys"]["PK"], "SK": node["ddb_keys"]["SK"]} for node in nodes]
    return CommandOutcome(document={"items": [{"node": node} for node in nodes]}, rows=rows)


async def _everywhere(stack: Stack, request: pb.ListRecordsRequest) -> list[tuple[str, pb.Record]]:
    """What every service lists; services that do not answer are named on stderr."""

    async def ask(peer: str) -> list[tuple[str, pb.Record]]:
        stub = GraphSourceStub(stack.channels.channel(peer))
        found: list[tuple[str, pb.Record]] = []
        asked = pb.ListRecordsRequest()
        asked.CopyFrom(request)
        while len(found) < CHANGED_MAX:
            answer = await stub.ListRecords(asked, timeout=ASK_SECONDS)
            found += [(peer, record) for record in answer.items]
            if not answer.HasField("next_token"):
                return found
            asked.page.next_token = answer.next_token
        stack.output.note(f"{peer}: there are more")
        return found

    return [each for part in await _of_each(stack, ask) for each in part]


async def _schemas(stack: Stack) -> dict[str, pb.SchemaResponse]:
    async def ask(peer: str) -> tuple[str, pb.SchemaResponse]:
        stub = GraphSourceStub(stack.channels.channel(peer))
        return peer, await stub.Schema(pb.SchemaRequest(), timeout=ASK_SECONDS)

    return dict(await _of_each(stack, ask))


async def _of_each(stack: Stack, ask: Any) -> list[Any]:
    answers = await asyncio.gather(*map(ask, stack.peers), return_exceptions=True)
    found = []
    for peer, answer in zip(stack.peers, answers, strict=True):
        if isinstance(answer, PeerUnreachable):
            stack.output.note(f"{peer} does not answer; what it would add is missing")
        elif isinstance(answer, BaseException):
            raise answer
        else:
            found.append(answer)
    return found


def _ways(schemas: Mapping[str, pb.SchemaResponse], start: Start) -> list[EdgeHop]:
    """The hops along all edges of a record, out before in."""
    properties = start.node["properties"]
    edges = [edge for schema in schemas.values() for edge in schema.edges]
    ways = []
    for edge in edges:
        if (edge.from_service, edge.from_entity) == (start.service, start.kind):
            values = list(dict.fromkeys(pattern(edge.value_pattern).values(properties)))[:VALUES_MAX]
            for kind in edge.to_entities or [edge.to_entity]:
                hop = pb.Hop(entities=[kind], field=edge.to_field, values=values)
                ways.append(EdgeHop(edge.edge, "out", kind, edge.to_service, hop))
    for edge in edges:
        if edge.inward and edge.to_service == start.service and start.kind in (edge.to_entities or [edge.to_entity]):
            value = properties.get(edge.to_field) if edge.to_field else start.id
            hop = pb.Hop(entities=[edge.from_entity], field=edge.from_field, values=[value] if value else [])
            ways.append(EdgeHop(edge.edge, "in", edge.from_entity, edge.from_service, hop))
    return [way for way in ways if way.service in schemas or way.service == HUB]


async def _counted(stack: Stack, start: Start, ways: Sequence[EdgeHop]) -> list[dict[str, Any]]:
    """The edges with their counts: one call for each service. A hub exists because the record names it."""
    counts = {place: min(COUNT_MAX, len(way.hop.values)) for place, way in enumerate(ways) if way.service == HUB}

    async def count(service: str) -> None:
        places = [place for place, way in enumerate(ways) if way.service == service and way.hop.values]
        stub = GraphSourceStub(stack.channels.channel(service))
        for first in range(0, len(places), HOPS_MAX):
            part = places[first : first + HOPS_MAX]
            request = pb.ListNeighboursRequest(orgcode=start.orgcode, limit=0, counts=True)
            request.hops.extend(ways[place].hop for place in part)
            answer = await stub.ListNeighbours(request, timeout=ASK_SECONDS)
            counts.update(zip(part, (result.count for result in answer.results), strict=True))

    await asyncio.gather(*(count(service) for service in dict.fromkeys(way.service for way in ways) if service != HUB))
    return [
        {
            "edge": way.edge,
            "direction": way.direction,
            "entity_type": way.entity_type,
            "approximate_count": counts.get(place, 0),
        }
        for place, way in enumerate(ways)
    ]

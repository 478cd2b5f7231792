"""Listings without a record to start at: a table, a partition, or what a filter finds over all tables."""

from chassis.entity import Value
from chassis.errors import Unavailable
from retailstack.graph.v1 import source_pb2 as pb
from services.visualgrid.graph.hubs import HUB_SERVICE
from services.visualgrid.graph.sources import SERVICES, SourceReader
from services.visualgrid.node.domain import Found, found_from_proto
from services.visualgrid.node.filters import Filter
from services.visualgrid.node.neighbours import BYTES_MAX
from services.visualgrid.node.position import Position, Turn


class ListingPage(Value):
    """One page of a listing."""

    items: list[Found]
    following: Position | None


async def list_table(
    reader: SourceReader, service: str, table: str, pk: str | None, wanted: Filter, page: tuple[Position, int]
) -> ListingPage:
    """A page of a table or of one of its partitions. Raises `Unavailable` if its service is down."""
    if service == HUB_SERVICE:
        # Hubs are reached by an edge or by their keys.
        return ListingPage(items=[], following=None)
    position, limit = page
    (turn,) = position.turns(1)
    kinds = {kind.entity_type for kind in reader.catalogue.schemas[service].kinds if kind.table == table}
    if wanted.entity is not None and wanted.entity not in kinds:
        return ListingPage(items=[], following=None)
    request = _request(wanted, turn.token, limit)
    request.table = table
    if pk is not None:
        request.partition = pk
    items, rest = _page(service, turn, await _ask(reader, service, request))
    return ListingPage(items=items, following=position.behind(rest, ()))


async def list_everywhere(reader: SourceReader, wanted: Filter, page: tuple[Position, int]) -> ListingPage:
    """A page of the records that an id or a cause finds in all tables, service after service.

    A service that is down is left out.
    """
    position, limit = page
    turns = position.turns(len(SERVICES))
    items: list[Found] = []
    missed: list[Turn] = []
    while turns and len(items) < limit:
        turn = turns.pop(0)
        service = SERVICES[turn.at]
        if not _has_kind(reader, service, wanted.entity):
            continue
        try:
            answer = await _ask(reader, service, _request(wanted, turn.token, limit - len(items)))
        except Unavailable:
            missed.append(turn)
            continue
        found, rest = _page(service, turn, answer)
        if items and found and sum(each.bytes for each in (*items, *found)) > BYTES_MAX:
            return ListingPage(items=items, following=position.behind([turn, *turns], missed))
        items += found
        if rest:
            return ListingPage(items=items, following=position.behind([*rest, *turns], missed))
    return ListingPage(items=items, following=position.behind(turns, missed))


def _has_kind(reader: SourceReader, service: str, entity: str | None) -> bool:
    schema = reader.catalogue.schemas.get(service)
    # A service that was not seen is asked all the same, so that it is named as unavailable.
    return entity is None or schema is None or any(kind.entity_type == entity for kind in schema.kinds)


def _request(wanted: Filter, token: str | None, limit: int) -> pb.ListRecordsRequest:
    request = pb.ListRecordsRequest(page=pb.Page(limit=limit, next_token=token))
    for name, value in (("entity", wanted.entity), ("orgcode", wanted.org), ("id", wanted.id), ("cause", wanted.cause)):
        if value is not None:
            setattr(request, name, value)
    return request


async def _ask(reader: SourceReader, service: str, request: pb.ListRecordsRequest) -> pb.RecordPage:
    return await reader.ask(service, lambda stub, options: stub.ListRecords(request, **options))


def _page(service: str, turn: Turn, answer: pb.RecordPage) -> tuple[list[Found], list[Turn]]:
    """The records of an answer, and where its service goes on."""
    rest = [Turn(at=turn.at, token=answer.next_token)] if answer.HasField("next_token") else []
    return [found_from_proto(service, record) for record in answer.items], rest

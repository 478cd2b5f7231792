"""Listings without a record to start at: a table, a partition, or what a filter finds over all tables."""

from chassis.entity import Value
from chassis.errors import Unavailable
from retailstack.graph.v1 import source_pb2 as pb
from services.visualgrid.graph.hubs import HUB_SERVICE
from services.visualgrid.graph.sources import SERVICES, SourceReader
from services.visualgrid.node.domain import Found, found_from_proto
from services.visualgrid.node.filters import Filter


class Place(Value):
    """Where a listing continues: a service, by its number, and its token."""

    at: int = 0
    token: str | None = None


class ListingPage(Value):
    """One page of a listing."""

    items: list[Found]
    following: Place | None


async def list_table(
    reader: SourceReader, service: str, table: str, pk: str | None, wanted: Filter, page: tuple[Place, int]
) -> ListingPage:
    """A page of a table or of one of its partitions. Raises `Unavailable` if its service is down."""
    if service == HUB_SERVICE:
        # Hubs are reached by an edge or by their keys.
        return ListingPage(items=[], following=None)
    place, limit = page
    kinds = {kind.entity_type for kind in reader.catalogue.schemas[service].kinds if kind.table == table}
    if wanted.entity is not None and wanted.entity not in kinds:
        return ListingPage(items=[], following=None)
    request = _request(wanted, Place(token=place.token), limit)
    request.table = table
    if pk is not None:
        request.partition = pk
    answer = await _ask(reader, service, request)
    return _page(service, answer, 0)


async def list_everywhere(reader: SourceReader, wanted: Filter, page: tuple[Place, int]) -> ListingPage:
    """A page of the records that an id or a cause finds in all tables, service after service.

    A service that is down is left out.
    """
    place, limit = page
    items: list[Found] = []
    for at in range(place.at, len(SERVICES)):
        service, token = SERVICES[at], place.token if at == place.at else None
        if not _has_kind(reader, service, wanted.entity):
            continue
        try:
            answer = await _ask(reader, service, _request(wanted, Place(token=token), limit - len(items)))
        except Unavailable:
            continue
        listing = _page(service, answer, at)
        items += listing.items
        if listing.following is not None:
            return ListingPage(items=items, following=listing.following)
        if len(items) >= limit:
            return ListingPage(items=items, following=Place(at=at + 1) if at + 1 < len(SERVICES) else None)
    return ListingPage(items=items, following=None)


def _has_kind(reader: SourceReader, service: str, entity: str | None) -> bool:
    schema = reader.catalogue.schemas.get(service)
    # A service that was not seen is asked all the same, so that it is named as unavailable.
    return entity is None or schema is None or any(kind.entity_type == entity for kind in schema.kinds)


def _request(wanted: Filter, place: Place, limit: int) -> pb.ListRecordsRequest:
    request = pb.ListRecordsRequest(page=pb.Page(limit=limit, next_token=place.token))
    for name, value in (("entity", wanted.entity), ("orgcode", wanted.org), ("id", wanted.id), ("cause", wanted.cause)):
        if value is not None:
            setattr(request, name, value)
    return request


async def _ask(reader: SourceReader, service: str, request: pb.ListRecordsRequest) -> pb.RecordPage:
    return await reader.ask(service, lambda stub, options: stub.ListRecords(request, **options))


def _page(service: str, answer: pb.RecordPage, at: int) -> ListingPage:
    following = Place(at=at, token=answer.next_token) if answer.HasField("next_token") else None
    return ListingPage(items=[found_from_proto(service, record) for record in answer.items], following=following)

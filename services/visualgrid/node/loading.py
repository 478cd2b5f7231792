"""Reads one record, or one hub, by its keys."""

from chassis.errors import NotFound, Unavailable
from retailstack.graph.v1 import source_pb2 as pb
from services.visualgrid.graph.hubs import HUB_SERVICE, hub_of_table
from services.visualgrid.graph.sources import SourceReader
from services.visualgrid.node.domain import Found, NodeRef, found_from_proto, hub_found
from services.visualgrid.node.neighbours import ask_steps, steps_from
from services.visualgrid.node.position import Position


def owner_of(reader: SourceReader, table: str) -> str:
    """The service that owns a table. Raises `NotFound`, or `Unavailable` if it may belong to one not seen yet."""
    service = reader.owner(table)
    if service is None:
        raise NotFound(f"there is no table {table}")
    return service


async def load(reader: SourceReader, ref: NodeRef, *, hub_seen: bool = False) -> Found:
    """The record or hub with these keys. Raises `NotFound`, or `Unavailable` if its service is down.

    `hub_seen`: a hub was found before, so no service is asked whether it still names it.
    """
    service = owner_of(reader, ref.table)
    if service == HUB_SERVICE:
        return await _load_hub(reader, ref, seen=hub_seen)
    request = pb.GetRecordRequest(table=ref.table, pk=ref.pk, sk=ref.sk)

    try:
        return found_from_proto(
            service, await reader.ask(service, lambda stub, options: stub.GetRecord(request, **options))
        )
    except NotFound:
        raise NotFound("there is no record with these keys") from None


async def _load_hub(reader: SourceReader, ref: NodeRef, *, seen: bool) -> Found:
    """The hub, if any record names it. If none does, but a service is down: `Unavailable`, since its records may."""
    hub = hub_of_table(ref.table)
    assert hub is not None, ref.table
    parsed = hub.value_in(ref.pk, ref.sk)
    if parsed is None:
        raise NotFound("there is no record with these keys")
    found = hub_found(hub, *parsed)
    if not seen and not await _is_named(reader, found):
        if reader.unavailable:
            raise Unavailable(f"{', '.join(reader.unavailable)}: not available, and no other service names this")
        raise NotFound("no record names this")
    return found


async def _is_named(reader: SourceReader, found: Found) -> bool:
    hops = reader.catalogue.hops_from(found.kind)
    steps = steps_from(found, hops)
    results = await ask_steps(reader, found.orgcode, steps, Position().turns(len(steps)), 1, counts=False)
    return any(result is not None and result.items for result in results)

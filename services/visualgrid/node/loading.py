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


async def load(reader: SourceReader, ref: NodeRef, *, check_hub: bool = True) -> Found:
    """The record or hub with these keys. Raises `NotFound`, or `Unavailable` if its service is down.

    Without `check_hub` a hub is not checked: no service is asked whether it names it, see `check_named`.
    """
    service = owner_of(reader, ref.table)
    if service == HUB_SERVICE:
        hub = _hub_of(ref)
        if check_hub:
            await check_named(reader, hub)
        return hub
    request = pb.GetRecordRequest(table=ref.table, pk=ref.pk, sk=ref.sk)

    try:
        return found_from_proto(
            service, await reader.ask(service, lambda stub, options: stub.GetRecord(request, **options))
        )
    except NotFound:
        raise NotFound("there is no record with these keys") from None


def _hub_of(ref: NodeRef) -> Found:
    """The hub with these keys, if there is one."""
    hub = hub_of_table(ref.table)
    assert hub is not None, ref.table
    parsed = hub.value_in(ref.pk, ref.sk)
    if parsed is None:
        raise NotFound("there is no record with these keys")
    return hub_found(hub, *parsed)


async def check_named(reader: SourceReader, hub: Found) -> None:
    """Check that a record names a hub: it exists as long as one does.

    Raises `NotFound`; `Unavailable` if a service is down, whose records may name it.
    """
    if await _is_named(reader, hub):
        return
    if reader.unavailable:
        raise Unavailable(f"{', '.join(reader.unavailable)}: not available, and no other service names this")
    raise NotFound("no record names this")


async def _is_named(reader: SourceReader, found: Found) -> bool:
    hops = reader.catalogue.hops_from(found.kind)
    steps = steps_from(found, hops)
    results = await ask_steps(reader, found.orgcode, steps, Position().turns(len(steps)), 1, counts=False)
    return any(result is not None and result.items for result in results)

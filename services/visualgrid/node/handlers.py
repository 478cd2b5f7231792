"""The endpoints about records: load, children, history. What each promises is in the contract's visualgrid.yaml."""

from collections.abc import Sequence

from chassis.caller import Call
from chassis.endpoint import Answer, Endpoints, Request
from chassis.values import Name, Text, Token
from services.visualgrid.graph.domain import Direction, Hop
from services.visualgrid.graph.sources import SourceReader, Sources, begin
from services.visualgrid.node import export_handlers, history_handlers
from services.visualgrid.node.children import Listed, Narrowing, check_shape, check_start, hops_wanted
from services.visualgrid.node.domain import Link, Node, NodeRef, link_of
from services.visualgrid.node.filters import filter_from
from services.visualgrid.node.listing import ListingPage, list_everywhere, list_table
from services.visualgrid.node.loading import check_named, load, owner_of
from services.visualgrid.node.neighbours import NeighbourPage, read_page, steps_from
from services.visualgrid.node.position import Position
from services.visualgrid.node.requests import NodeRequest, PageTokens, items_wanted
from services.visualgrid.node.steps import counts_of
from services.visualgrid.reads import log_read
from services.visualgrid.root.guard import ROOT
from services.visualgrid.settings import VisualGridSettings

endpoints = Endpoints("visualgrid", "/node")


class NodeLoadRequest(NodeRequest):
    """Which record is wanted."""


class NodeLoadResponse(Answer):
    node: Node


@endpoints.post("/load", tenant=False, guard=ROOT)
async def visualgrid_node_load(call: Call, sources: Sources, body: NodeLoadRequest) -> NodeLoadResponse:
    """One record by its keys."""
    found = await load(await begin(sources), body.ref)
    log_read(call, "node/load", 1, table=body.table, pk=body.pk, sk=body.sk)
    return NodeLoadResponse(node=found.node)


class NodeChildrenRequest(Request):
    vg_token: Token | None = None
    table: Name
    pk: Text | None = None
    sk: Text | None = None
    edge: Name | None = None
    direction: Direction | None = None
    entity_type: Name | None = None
    filter: Text | None = None
    limit: int | None = None
    next_token: Token | None = None

    @property
    def narrowing(self) -> Narrowing:
        """Which neighbours are wanted."""
        return Narrowing(edge=self.edge, direction=self.direction, entity_type=self.entity_type)


class Child(Answer, omit_defaults=True):
    link: Link | None = None
    node: Node


class EdgeCount(Answer):
    edge: str
    direction: Direction
    entity_type: str
    approximate_count: int


class NodeChildrenResponse(Answer):
    items: list[Child]
    edges: list[EdgeCount]
    count: int
    next_token: str | None
    unavailable: list[str]


@endpoints.post("/children", tenant=False, guard=ROOT)
async def visualgrid_node_children(
    call: Call, sources: Sources, settings: VisualGridSettings, body: NodeChildrenRequest
) -> NodeChildrenResponse:
    """The records of a table or partition, the neighbours of a record, or the records that a filter finds."""
    listed = check_shape(body.table, body.pk, body.sk, body.filter, body.narrowing)
    reader = await begin(sources)
    narrowing = [body.edge, body.direction, body.entity_type]
    tokens = PageTokens(settings, "children", body.table, body.pk, body.sk, *narrowing, body.filter)
    if listed == "record":
        answer = await _neighbours(reader, body, tokens)
    else:
        answer = await _listing(reader, body, tokens, listed)
    log_read(call, "node/children", answer.count, table=body.table, pk=body.pk, sk=body.sk)
    return answer


async def _listing(
    reader: SourceReader, body: NodeChildrenRequest, tokens: PageTokens, listed: Listed
) -> NodeChildrenResponse:
    wanted = filter_from(body.filter, body.table, reader.catalogue)
    page = (Position.of(tokens.open(body.next_token)), items_wanted(body.limit))
    if listed == "everywhere":
        check_start(wanted)
        listing = await list_everywhere(reader, wanted, page)
        unavailable = reader.unavailable
    else:
        service = owner_of(reader, body.table)
        listing = await list_table(reader, service, body.table, body.pk, wanted, page)
        unavailable = []
    return _listed(listing, tokens, unavailable)


def _listed(listing: ListingPage, tokens: PageTokens, unavailable: list[str]) -> NodeChildrenResponse:
    return NodeChildrenResponse(
        items=[Child(node=found.node) for found in listing.items],
        edges=[],
        count=len(listing.items),
        next_token=tokens.seal(listing.following.told() if listing.following else None),
        unavailable=unavailable,
    )


async def _neighbours(reader: SourceReader, body: NodeChildrenRequest, tokens: PageTokens) -> NodeChildrenResponse:
    assert body.pk is not None
    assert body.sk is not None
    place = tokens.open(body.next_token)
    ref = NodeRef(table=body.table, pk=body.pk, sk=body.sk)
    found = await load(reader, ref, check_hub=False)
    hops = hops_wanted(reader.catalogue, found, body.narrowing)
    steps, limit = steps_from(found, hops), items_wanted(body.limit)
    page = await read_page(reader, found, steps, Position.of(place), limit, counts=place is None)
    if found.is_hub and place is None and not page.items:
        # Its neighbours are the records that name it: with none of them here, others may.
        await check_named(reader, found)
    return NodeChildrenResponse(
        items=[Child(link=link_of(step.hop, ref, far.ref), node=far.node) for step, far in page.items],
        edges=_edges(reader, hops, page) if place is None else [],
        count=len(page.items),
        next_token=tokens.seal(page.following.told() if page.following else None),
        unavailable=reader.unavailable,
    )


def _edges(reader: SourceReader, hops: Sequence[Hop], page: NeighbourPage) -> list[EdgeCount]:
    """Every hop with its count; those into a service that is down are left out."""
    counts = counts_of(page.steps, page.results)
    return [
        EdgeCount(
            edge=hop.name,
            direction=hop.direction,
            entity_type=hop.far.name,
            approximate_count=counts.get(place, 0),
        )
        for place, hop in enumerate(hops)
        if hop.far.service not in reader.unavailable
    ]


endpoints.include(history_handlers.endpoints, export_handlers.endpoints)

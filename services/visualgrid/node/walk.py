"""Walks the graph from one record, breadth first, within bounds of nodes, bytes and time."""

import asyncio
from collections.abc import Mapping, Sequence
from time import monotonic

from chassis.entity import Value
from services.visualgrid.graph.sources import SourceReader
from services.visualgrid.node.domain import Found, NodeRef, link_of
from services.visualgrid.node.formats import ExportLink
from services.visualgrid.node.neighbours import read_page, steps_from
from services.visualgrid.node.position import Position, Turn
from services.visualgrid.node.steps import Step

PER_EDGE_MAX = 256
"""Records of one edge of one node."""

AT_ONCE = 8
"""Nodes whose neighbours are read at the same time."""


class WalkBounds(Value):
    """How far a walk goes. `ends_at` is in monotonic seconds."""

    depth: int
    nodes: int
    bytes: int
    ends_at: float

    @property
    def is_over(self) -> bool:
        """Whether the time is up."""
        return monotonic() >= self.ends_at


class NodeNeighbours(Value):
    """The neighbours of one node, and whether some were left out."""

    items: Sequence[tuple[Step, Found]]
    cut: bool


class Walk:
    """What a walk has found: nodes in the order of the walk, and the links between them."""

    def __init__(self, start: Found, bounds: WalkBounds) -> None:
        self.bounds = bounds
        self.nodes: dict[NodeRef, Found] = {start.ref: start}
        self.cut = False
        self._links: dict[tuple[str, NodeRef, NodeRef], ExportLink] = {}
        self._bytes = start.bytes
        self._is_full = False

    @property
    def links(self) -> list[ExportLink]:
        """The links found with both ends among the nodes."""
        return [link for link in self._links.values() if link.from_ in self.nodes and link.to in self.nodes]

    async def run(self, reader: SourceReader) -> None:
        """Walk until the depth is reached or a bound stops it; then `cut` is set."""
        level = list(self.nodes.values())
        for _ in range(self.bounds.depth):
            if not level:
                return
            following: list[Found] = []
            for start in range(0, len(level), AT_ONCE):
                if self.bounds.is_over or self._is_full:
                    self.cut = True
                    return
                part = level[start : start + AT_ONCE]
                found = await asyncio.gather(*(neighbours_of(reader, node, self.bounds) for node in part))
                for node, neighbours in zip(part, found, strict=True):
                    following += self._add(node, neighbours)
            level = following

    def _add(self, near: Found, neighbours: NodeNeighbours) -> list[Found]:
        """Add the neighbours of a node; returns those that are new."""
        self.cut = self.cut or neighbours.cut
        fresh = []
        for step, far in neighbours.items:
            if far.ref not in self.nodes:
                if len(self.nodes) >= self.bounds.nodes or self._bytes + far.bytes > self.bounds.bytes:
                    self._is_full = True
                    self.cut = True
                    continue
                self.nodes[far.ref] = far
                self._bytes += far.bytes
                fresh.append(far)
            link = link_of(step.hop, near.ref, far.ref)
            self._links.setdefault(
                (link.edge, link.from_, link.to), ExportLink(edge=link.edge, from_=link.from_, to=link.to)
            )
        return fresh


async def neighbours_of(reader: SourceReader, found: Found, bounds: WalkBounds) -> NodeNeighbours:
    """The neighbours of a record, edge after edge, at most `PER_EDGE_MAX` of each."""
    hops = reader.catalogue.hops_from(found.kind)
    steps = steps_from(found, hops)
    items: list[tuple[Step, Found]] = []
    counts: dict[int, int] = {}
    cut = False
    position: Position | None = Position() if steps else None
    while position is not None:
        if bounds.is_over or len(items) > bounds.nodes:
            return NodeNeighbours(items=items, cut=True)
        page = await read_page(reader, found, steps, position, PER_EDGE_MAX, counts=False)
        for step, far in page.items:
            counts[step.place] = counts.get(step.place, 0) + 1
            if counts[step.place] <= PER_EDGE_MAX:
                items.append((step, far))
            else:
                cut = True
        position = page.following
        # A service that did not answer is not asked again for the same export, so nothing late is waited for.
        turn = position.turn if position is not None else None
        if turn is None:
            break
        if counts.get(steps[turn.at].place, 0) >= PER_EDGE_MAX:
            cut = True
            position = _behind(steps, turn.at, counts)
    return NodeNeighbours(items=items, cut=cut)


def _behind(steps: Sequence[Step], at: int, counts: Mapping[int, int]) -> Position | None:
    """The first step of an edge that is not full yet."""
    for place in range(at, len(steps)):
        if counts.get(steps[place].place, 0) < PER_EDGE_MAX:
            return Position(turn=Turn(at=place))
    return None

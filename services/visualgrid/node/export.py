"""An export: what a walk found, with histories if asked for, in one of the formats."""

import asyncio
import re
from collections.abc import Mapping, Sequence
from time import monotonic

from chassis.entity import Value
from chassis.errors import Refusal
from services.visualgrid.graph.sources import SourceReader
from services.visualgrid.node.domain import Found, NodeRef
from services.visualgrid.node.formats import Content, ExportLink, Format, Writer, writer_of
from services.visualgrid.node.history import HistoryItem, read_history
from services.visualgrid.node.loading import load
from services.visualgrid.node.walk import Walk, WalkBounds

CONTENT_BYTES_MAX = 8 * 1024 * 1024
EXPORT_SECONDS_MAX = 10.0
HISTORY_ITEMS_MAX = 25
HISTORIES_AT_ONCE = 16
NAME_LENGTH_MAX = 100
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9._-]+")

Histories = Mapping[NodeRef, Sequence[HistoryItem]]


class Export(Value):
    """A finished export."""

    content_type: str
    filename: str
    content: Content
    nodes: int
    links: int
    truncated: bool


async def export(
    reader: SourceReader, start: NodeRef, *, depth: int, nodes: int, name: Format, with_history: bool
) -> Export:
    """The export from a record. Raises `NotFound`, or `Unavailable` if the record's own service is down."""
    bounds = WalkBounds(depth=depth, nodes=nodes, bytes=CONTENT_BYTES_MAX, ends_at=monotonic() + EXPORT_SECONDS_MAX)
    walk = Walk(await load(reader, start), bounds)
    await walk.run(reader)
    found = list(walk.nodes.values())
    histories = await _histories(reader, found, bounds) if with_history else None
    writer = writer_of(name, with_history=with_history)
    pieces = written(writer, found, walk.links, histories)
    missing = histories is not None and len(histories) < len(found)
    return Export(
        content_type=writer.content_type,
        filename=file_name(start, writer.suffix),
        content=writer.content(pieces.nodes, pieces.links),
        nodes=len(pieces.nodes),
        links=len(pieces.links),
        truncated=walk.cut or pieces.cut or missing or bool(reader.unavailable),
    )


class Pieces(Value):
    """The texts of an export's nodes and links, and whether some did not fit."""

    nodes: Sequence[str]
    links: Sequence[str]
    cut: bool


def written(
    writer: Writer,
    found: Sequence[Found],
    links: Sequence[ExportLink],
    histories: Histories | None,
    bytes_max: int = CONTENT_BYTES_MAX,
) -> Pieces:
    """The nodes that fit, in order, each with its links to those before it; the first node always does."""
    ending = _by_later_end(found, links)
    size = 0
    node_texts: list[str] = []
    link_texts: list[str] = []
    for each in found:
        node = writer.node(each.node, None if histories is None else histories.get(each.ref, ()))
        with_it = [writer.link(link, len(link_texts) + place) for place, link in enumerate(ending[each.ref])]
        size += sum(len(text.encode()) for text in (node, *with_it))
        if node_texts and size > bytes_max:
            return Pieces(nodes=node_texts, links=link_texts, cut=True)
        node_texts.append(node)
        link_texts += with_it
    return Pieces(nodes=node_texts, links=link_texts, cut=False)


def _by_later_end(found: Sequence[Found], links: Sequence[ExportLink]) -> Mapping[NodeRef, Sequence[ExportLink]]:
    """The links by that of their ends which comes later among the nodes."""
    places = {each.ref: place for place, each in enumerate(found)}
    ending: dict[NodeRef, list[ExportLink]] = {each.ref: [] for each in found}
    for link in links:
        ending[max(link.from_, link.to, key=places.__getitem__)].append(link)
    return ending


async def _histories(reader: SourceReader, found: Sequence[Found], bounds: WalkBounds) -> Histories:
    """The newest history items of each node; a node is left out if its service is down or the time is up."""
    turn = asyncio.Semaphore(HISTORIES_AT_ONCE)

    async def one(ref: NodeRef) -> tuple[NodeRef, Sequence[HistoryItem]] | None:
        async with turn:
            if bounds.is_over:
                return None
            try:
                history = await read_history(reader, ref, HISTORY_ITEMS_MAX, None)
            except Refusal:
                return None
            return ref, history.items

    read = await asyncio.gather(*(one(each.ref) for each in found))
    return dict(each for each in read if each is not None)


def file_name(start: NodeRef, suffix: str) -> str:
    """A name for the file, of letters that every file system takes."""
    stem = _NOT_IN_NAMES.sub("-", f"{start.table}-{start.sk}")[:NAME_LENGTH_MAX].strip("-.")
    return f"{stem}.{suffix}"

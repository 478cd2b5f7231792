"""The export row."""

from typing import Annotated

import msgspec
from msgspec import Meta

from chassis.caller import Call
from chassis.endpoint import Answer, Endpoints
from services.visualgrid.graph.sources import Sources, begin
from services.visualgrid.node.export import export
from services.visualgrid.node.formats import Format, encode
from services.visualgrid.node.requests import NodeRequest
from services.visualgrid.reads import log_read
from services.visualgrid.root.guard import ROOT

endpoints = Endpoints("visualgrid", "/node")

DEPTH_DEFAULT = 1
NODES_DEFAULT = 256


class NodeExportRequest(NodeRequest):
    depth: Annotated[int, Meta(ge=0, le=3)] | None = None
    max_nodes: Annotated[int, Meta(ge=1, le=2000)] | None = None
    format: Format | None = None
    include_history: bool | None = None


class NodeExportResponse(Answer):
    format: str
    content_type: str
    filename: str
    content: msgspec.Raw
    nodes: int
    links: int
    truncated: bool
    unavailable: list[str]


@endpoints.post("/export", tenant=False, guard=ROOT)
async def visualgrid_node_export(call: Call, sources: Sources, body: NodeExportRequest) -> NodeExportResponse:
    """A part of the graph around a record, breadth first, within its bounds."""
    reader = await begin(sources)
    name: Format = body.format or "json"
    made = await export(
        reader,
        body.ref,
        depth=DEPTH_DEFAULT if body.depth is None else body.depth,
        nodes=body.max_nodes or NODES_DEFAULT,
        name=name,
        with_history=bool(body.include_history),
    )
    log_read(call, "node/export", made.nodes, table=body.table, pk=body.pk, sk=body.sk)
    return NodeExportResponse(
        format=name,
        content_type=made.content_type,
        filename=made.filename,
        content=made.content if isinstance(made.content, msgspec.Raw) else msgspec.Raw(encode(made.content)),
        nodes=made.nodes,
        links=made.links,
        truncated=made.truncated,
        unavailable=reader.unavailable,
    )

"""The history row."""

from chassis.caller import Call
from chassis.endpoint import Answer, Endpoints
from chassis.values import Token
from services.visualgrid.graph.sources import Sources, begin
from services.visualgrid.node.history import HistoryItem, read_history
from services.visualgrid.node.requests import NodeRequest, PageTokens, items_wanted
from services.visualgrid.reads import log_read
from services.visualgrid.root.guard import ROOT
from services.visualgrid.settings import VisualGridSettings

endpoints = Endpoints("visualgrid", "/node")


class NodeHistoryRequest(NodeRequest):
    limit: int | None = None
    next_token: Token | None = None


class NodeHistoryResponse(Answer):
    items: list[HistoryItem]
    has_more: bool
    count: int
    next_token: str | None


@endpoints.post("/history", tenant=False, guard=ROOT)
async def visualgrid_node_history(
    call: Call, sources: Sources, settings: VisualGridSettings, body: NodeHistoryRequest
) -> NodeHistoryResponse:
    """What happened to a record, newest first, with the values before and after."""
    tokens = PageTokens(settings, "history", body.table, body.pk, body.sk)
    place = tokens.open(body.next_token)
    found = await read_history(await begin(sources), body.ref, items_wanted(body.limit), place[0] if place else None)
    token = tokens.seal(None if found.token is None else [found.token])
    log_read(call, "node/history", len(found.items), table=body.table, pk=body.pk, sk=body.sk)
    return NodeHistoryResponse(
        items=list(found.items), has_more=token is not None, count=len(found.items), next_token=token
    )

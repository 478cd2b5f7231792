"""MCP for agents: the services' calls as tools, over JSON-RPC at `POST /mcp` (streamable HTTP, stateless, no streams).

The list of tools is open, like all contract documents. A call is sent to the gateway's own HTTP port with the headers
and in the name of the address of the agent, so the agent may do exactly what its credential may.
"""

from collections.abc import Callable
from http import HTTPStatus
from typing import Any, TypeVar
from urllib.parse import urlencode

import msgspec
from aiohttp import web
from msgspec import UNSET, Raw, Struct, UnsetType

from chassis.cpu_pool import CpuPool
from gateway.http.exchange import Exchange
from gateway.http.internal_peer import INTERNAL_PEER, InternalPeers
from gateway.pages.documents import PublicDocuments
from gateway.pages.tool_result import tool_result
from gateway.upstream.balance import Replica
from gateway.upstream.port import UpstreamClient, UpstreamError, UpstreamRequest
from gateway.upstream.proxy import read_all

VERSIONS = ("2025-06-18", "2025-03-26", "2024-11-05")
"""Supported protocol versions, newest first."""

RESULT_BYTES_MAX = 16 * 1024 * 1024
AT_ONCE_BYTES_MAX = 1024 * 1024
"""Answers above this are made into results in a child process."""

PARSE_ERROR, INVALID_REQUEST, METHOD_NOT_FOUND, INVALID_PARAMS, INTERNAL_ERROR = -32700, -32600, -32601, -32602, -32603

_OWN_HEADERS = (
    "x-session-guid",
    "x-api-key",
    "x-orgcode",
    "x-cccode",
    "traceparent",
)


_PASSED_HEADERS = frozenset({b"x-logical-guid", b"x-channel-code", b"idempotency-key", b"x-secret-code", b"x-vg-token"})
_SECRETS = {"secret_code": b"x-secret-code", "vg_token": b"x-vg-token"}


S = TypeVar("S", bound=Struct)


class McpMessage(Struct, frozen=True):
    """A JSON-RPC request, or a notification, which has no id."""

    jsonrpc: str
    method: str
    id: int | str | UnsetType | None = UNSET
    params: Raw = Raw(b"null")


class McpIntroduction(Struct, frozen=True):
    """The parameters of `initialize`."""

    protocolVersion: str = ""  # noqa: N815  the protocol's name


class McpCall(Struct, frozen=True):
    """The parameters of `tools/call`. What is passed on is not read."""

    name: str
    arguments: dict[str, Raw] | None = None


class McpError(Exception):
    """A JSON-RPC error."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class Mcp:
    """The MCP endpoint."""

    def __init__(
        self,
        client: UpstreamClient,
        documents: PublicDocuments,
        own_address: Callable[[], str],
        peers: InternalPeers,
        cpu: CpuPool,
        seconds: float,
    ) -> None:
        self._peers = peers
        self._cpu = cpu
        self._client = client
        self._documents = documents
        self._own_address = own_address
        self._seconds = seconds
        self._own_replica: Replica | None = None

    async def serve(self, exchange: Exchange) -> web.Response:
        """The answer to one message."""
        try:
            message = msgspec.json.decode(exchange.payload, type=McpMessage)
        except (msgspec.DecodeError, RecursionError):
            return self._answer(
                exchange, {"id": None, "error": {"code": PARSE_ERROR, "message": "no JSON-RPC message"}}
            )
        if message.id is UNSET:
            return web.Response(status=202, headers=exchange.own_headers())
        try:
            answer = {"id": message.id, "result": await self._do(message, exchange)}
        except McpError as fault:
            answer = {"id": message.id, "error": {"code": fault.code, "message": str(fault)}}
        return self._answer(exchange, answer)

    async def _do(self, message: McpMessage, exchange: Exchange) -> Any:
        if message.jsonrpc != "2.0":
            raise McpError(INVALID_REQUEST, "jsonrpc must be 2.0")
        match message.method:
            case "initialize":
                return _introduction(_read(message.params, McpIntroduction))
            case "ping":
                return {}
            case "tools/list":
                return {"tools": (await self._documents.tools()).text}
            case "tools/call":
                return await self._call(_read(message.params, McpCall), exchange)
        raise McpError(METHOD_NOT_FOUND, "there is no such method")

    async def _tool(self, name: str) -> dict[str, Any]:
        tools = await self._documents.tools()
        if name not in tools.by_name:
            raise McpError(INVALID_PARAMS, "there is no such tool")
        return tools.by_name[name]

    async def _call(self, call: McpCall, exchange: Exchange) -> Raw:
        """Call a service as the caller. A refusal is a result marked as an error."""
        tool = await self._tool(call.name)
        try:
            answer = await self._client.ask(self._replica(), self._ask(tool, call.arguments or {}, exchange))
            body = await read_all(answer, RESULT_BYTES_MAX)
        except UpstreamError:
            raise McpError(INTERNAL_ERROR, "the call broke off") from None
        is_error = answer.status >= HTTPStatus.BAD_REQUEST
        if len(body) <= AT_ONCE_BYTES_MAX:
            return Raw(tool_result(body, is_error))
        return Raw(await self._cpu.run(tool_result, body, is_error))

    def _ask(self, tool: dict[str, Any], given: dict[str, Raw], exchange: Exchange) -> UpstreamRequest:
        inbound = exchange.inbound
        headers = [pair for pair in inbound.passed if pair[0] in _PASSED_HEADERS]
        headers += [(name.encode(), inbound.taken[name].encode()) for name in _OWN_HEADERS if name in inbound.taken]
        headers.append((INTERNAL_PEER.encode(), self._peers.name(exchange.peer).encode()))
        arguments = dict(given)
        for field, header in _SECRETS.items():
            # Never in an address, and in a header for every method.
            secret = _text(arguments.pop(field, None))
            if secret is not None and header not in dict(headers):
                headers.append((header, secret.encode("utf-8", "replace").replace(b"\r", b"").replace(b"\n", b"")))
        method, target, body = tool["_meta"]["method"], tool["_meta"]["path"], b""
        if method == "GET":
            query = {name: _plain(value) for name, value in arguments.items() if bytes(value) != b"null"}
            target = f"{target}?{urlencode(query)}" if query else target
        else:
            body = msgspec.json.encode({**arguments, **_fixed(tool)})
            headers.append((b"content-type", b"application/json"))
        return UpstreamRequest(method, target, headers, body, seconds=self._seconds)

    def _replica(self) -> Replica:
        if self._own_replica is None:
            self._own_replica = Replica("gateway", self._own_address())
        return self._own_replica

    def _answer(self, exchange: Exchange, answer: dict[str, Any]) -> web.Response:
        body = msgspec.json.encode({"jsonrpc": "2.0", **answer})
        exchange.answer_bytes = len(body)
        return web.Response(body=body, headers={"Content-Type": "application/json", **exchange.own_headers()})


def _read(params: Raw, kind: type[S]) -> S:
    """The parameters of a method."""
    try:
        return msgspec.json.decode(b"{}" if bytes(params) == b"null" else params, type=kind)
    except (msgspec.DecodeError, RecursionError) as failure:
        raise McpError(INVALID_PARAMS, f"params: {failure}") from None


def _introduction(params: McpIntroduction) -> dict[str, Any]:
    asked = params.protocolVersion
    return {
        "protocolVersion": asked if asked in VERSIONS else VERSIONS[0],
        "capabilities": {"tools": {"listChanged": False}},
        "serverInfo": {"name": "retailstack", "version": "1"},
        "instructions": (
            "Each tool is one call of the stack. Send x-session-guid or x-api-key, and x-orgcode, as headers of this "
            "connection; x-logical-guid and x-channel-code as headers or as arguments."
        ),
    }


def _fixed(tool: dict[str, Any]) -> dict[str, Any]:
    """The constant fields of a tool's input: `action`, for a service with one path for all its calls."""
    fields = tool["inputSchema"].get("properties", {})
    action = fields.get("action", {})
    words = [action["const"]] if "const" in action else action.get("enum", [])
    return {"action": words[0]} if len(words) == 1 else {}


def _plain(value: Raw) -> str:
    """A value as it stands in a query: text as it is, all else as JSON."""
    text = _text(value)
    return bytes(value).decode() if text is None else text


def _text(value: Raw | None) -> str | None:
    """The text that a JSON value is; None for any other."""
    is_text = value is not None and bytes(memoryview(value)[:1]) == b'"'
    return msgspec.json.decode(value, type=str) if value is not None and is_text else None

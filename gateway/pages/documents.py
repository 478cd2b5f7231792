"""Contract documents, open to everybody: the services' own, one merged AsyncAPI document, and a page of all calls.

A service's documents are fetched when they are first needed and again after a minute; while the service does not
answer, the last ones are used.
"""

import asyncio
from collections.abc import Callable
from time import monotonic
from typing import Any

import msgspec
from aiohttp import web

from chassis.clock import Clock
from chassis.errors import NotFound, Refusal
from chassis.telemetry.log import get_logger
from gateway.http.exchange import Exchange
from gateway.pages.reference import CONTENT_SECURITY_POLICY, render
from gateway.pipeline import PageHandler
from gateway.routes import SERVICES
from gateway.settings import GatewaySettings
from gateway.upstream.port import UpstreamError, UpstreamRequest
from gateway.upstream.proxy import Proxy, read_all

DOCUMENT_BYTES_MAX = 16 * 1024 * 1024
FETCH_SECONDS = 5.0

Named = dict[str, dict[str, Any]]
"""Service -> its document."""

log = get_logger("gateway.pages.documents")


class PublicDocuments:
    """The documents of the services."""

    def __init__(self, proxy: Proxy, settings: GatewaySettings, clock: Clock) -> None:
        self._proxy = proxy
        self._seconds = settings.documents_seconds
        self._clock = clock
        self._kept: dict[str, tuple[float, bytes]] = {}
        self._parsed: dict[str, tuple[bytes, dict[str, Any]]] = {}
        self._fetching: dict[str, asyncio.Task[bytes | None]] = {}
        self._results: dict[str, tuple[Named, bytes]] = {}
        self._making = asyncio.Lock()

    def pages(self) -> dict[str, dict[str, PageHandler]]:
        """The gateway's own paths -> method -> what answers there."""
        shown: dict[str, dict[str, PageHandler]] = {
            "/asyncapi.yaml": {"GET": self._show_asyncapi_yaml},
            "/asyncapi.json": {"GET": self._show_asyncapi_json},
            "/docs": {"GET": self._show_page},
        }
        for service in SERVICES:
            for name, kind in (("PROTOCOL.md", "text/markdown; charset=utf-8"), ("tools.json", "application/json")):
                shown[f"/mcp/{service}/{name}"] = {"GET": self._passed(service, f"/mcp/{service}/{name}", kind)}
        return shown

    async def openapi(self, service: str) -> dict[str, Any] | None:
        """A service's OpenAPI document, or None if it has never answered."""
        return await self._document(service, f"/{service}/openapi.json")

    async def every_openapi(self) -> Named:
        """Service -> its OpenAPI document, for services that have answered."""
        found = await asyncio.gather(*map(self.openapi, SERVICES))
        return {service: document for service, document in zip(SERVICES, found, strict=True) if document}

    async def _asyncapis(self) -> Named:
        found = await asyncio.gather(*(self._document(name, f"/{name}/asyncapi.json") for name in SERVICES))
        return {name: document for name, document in zip(SERVICES, found, strict=True) if document}

    async def tools(self) -> list[dict[str, Any]]:
        """Every call of every service as an MCP tool, with method and path in its `_meta`."""
        found = await asyncio.gather(*(self._document(name, f"/mcp/{name}/tools.json") for name in SERVICES))
        return [tool for document in found if document for tool in document["tools"]]

    async def roles(self) -> frozenset[str]:
        """The role words that the services declare (`x-roles` of their documents), synonyms included."""
        words: set[str] = set()
        for document in (await self.every_openapi()).values():
            words.update(document.get("x-roles") or ())
            words.update(document.get("x-role-synonyms") or ())
        return frozenset(words)

    async def _document(self, service: str, path: str) -> dict[str, Any] | None:
        raw = await self._raw(service, path)
        if raw is None:
            return None
        known = self._parsed.get(path)
        if known is None or known[0] is not raw:
            known = self._parsed[path] = (raw, msgspec.json.decode(raw, type=dict[str, Any]))
        return known[1]

    async def _raw(self, service: str, path: str) -> bytes | None:
        """A document of a service, or the last one if the service does not answer."""
        kept = self._kept.get(path)
        if kept is not None and monotonic() - kept[0] < self._seconds:
            return kept[1]
        task = self._fetching.get(path)
        if task is None:
            task = self._fetching[path] = asyncio.create_task(self._fetch(service, path))
            task.add_done_callback(lambda _: self._fetching.pop(path, None))
        fresh = await asyncio.shield(task)
        if fresh is None:
            return kept[1] if kept is not None else None
        if kept is not None and kept[1] == fresh:
            fresh = kept[1]
        self._kept[path] = (monotonic(), fresh)
        return fresh

    async def _fetch(self, service: str, path: str) -> bytes | None:
        try:
            answer = await self._proxy.ask(
                service, UpstreamRequest("GET", path, [(b"accept", b"*/*")], b"", seconds=FETCH_SECONDS)
            )
            body = await read_all(answer, DOCUMENT_BYTES_MAX)
        except (Refusal, UpstreamError):
            return None
        if answer.status != 200:
            log.debug("a service has no such document", path=path, status=answer.status)
            return None
        return body

    async def _show_asyncapi_yaml(self, exchange: Exchange) -> web.Response:
        return _page(exchange, await self._made("yaml", await self._asyncapis(), _events_as_yaml), "application/yaml")

    async def _show_asyncapi_json(self, exchange: Exchange) -> web.Response:
        return _page(exchange, await self._made("json", await self._asyncapis(), _events_as_json), "application/json")

    async def _show_page(self, exchange: Exchange) -> web.Response:
        page = await self._made("page", await self.every_openapi(), _page_of_calls)
        response = _page(exchange, page, "text/html; charset=utf-8")
        response.headers["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
        return response

    async def _made(self, name: str, documents: Named, make: Callable[[Named], bytes]) -> bytes:
        """The result of `make`, computed again only if a document has changed; in a thread, one at a time."""
        async with self._making:
            before = self._results.get(name)
            if before is None or not _same(before[0], documents):
                made = await asyncio.get_running_loop().run_in_executor(None, make, documents)
                before = self._results[name] = (documents, made)
        return before[1]

    def _passed(self, service: str, path: str, content_type: str) -> PageHandler:
        async def show(exchange: Exchange) -> web.Response:
            raw = await self._raw(service, path)
            if raw is None:
                raise NotFound("there is no such document")
            return _page(exchange, raw, content_type)

        return show


def _same(some: Named, others: Named) -> bool:
    """Whether two sets of documents are equal; an unchanged document stays the same object."""
    return some.keys() == others.keys() and all(others[name] is document for name, document in some.items())


def _events_as_yaml(documents: Named) -> bytes:
    import yaml  # noqa: PLC0415  needs 10 MB, for this only

    return str(yaml.safe_dump(merged(documents), sort_keys=False, allow_unicode=True, width=120)).encode()


def _events_as_json(documents: Named) -> bytes:
    return msgspec.json.encode(merged(documents))


def _page_of_calls(documents: Named) -> bytes:
    return render(documents).encode()


def _page(exchange: Exchange, body: bytes, content_type: str) -> web.Response:
    exchange.answer_bytes = len(body)
    headers = {"Content-Type": content_type, "X-Content-Type-Options": "nosniff", **exchange.own_headers()}
    return web.Response(body=b"" if exchange.method == "HEAD" else body, headers=headers)


def merged(documents: Named) -> dict[str, Any]:
    """The services' AsyncAPI documents merged into one.

    If two services have different schemas of one name, the second gets its service in front: `SlcMoney` beside `Money`.
    """
    whole: dict[str, Any] = {
        "asyncapi": "3.0.0",
        "info": {"title": "Events of the stack", "version": "1"},
        "servers": {},
        "defaultContentType": "application/json",
        "channels": {},
        "operations": {},
        "components": {"messages": {}, "schemas": {}},
    }
    schemas = whole["components"]["schemas"]
    for service, said in documents.items():
        own = said.get("components", {}).get("schemas", {})
        taken = {name for name, schema in own.items() if schemas.get(name, schema) != schema}
        names = {f"#/components/schemas/{name}": f"#/components/schemas/{service.title()}{name}" for name in taken}
        document = _repointed(said, names) if names else said
        whole["info"].update({key: value for key, value in document.get("info", {}).items() if key != "title"})
        for part in ("servers", "channels", "operations"):
            whole[part].update(document.get(part, {}))
        parts = document.get("components", {})
        whole["components"]["messages"].update(parts.get("messages", {}))
        for name, schema in parts.get("schemas", {}).items():
            schemas[f"{service.title()}{name}" if name in taken else name] = schema
    return whole


def _repointed(node: Any, names: dict[str, str]) -> Any:
    """A document whose references use the new names of schemas."""
    if isinstance(node, dict):
        return {
            key: names.get(value, value) if key == "$ref" and isinstance(value, str) else _repointed(value, names)
            for key, value in node.items()
        }
    return [_repointed(each, names) for each in node] if isinstance(node, list) else node

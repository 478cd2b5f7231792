"""Contract documents, open to everybody: the services' own, one merged AsyncAPI document, and a page of all calls.

A service's documents are fetched at start, and asked for again after a minute: one that is unchanged is not sent again.
While the service does not answer, the last ones are used. What is made of them is made once for each change of them, in
a child process, and kept compressed.
"""

import asyncio
from collections.abc import Callable
from http import HTTPStatus
from time import monotonic
from typing import Any

import msgspec
from aiohttp import web

from chassis import child_process
from chassis.clock import Clock
from chassis.errors import NotFound, Refusal
from chassis.http.static import StaticFile
from chassis.telemetry.log import get_logger
from gateway.http.exchange import Exchange
from gateway.pages.document_answer import document_answer
from gateway.pages.reference import CONTENT_SECURITY_POLICY, render
from gateway.pipeline import PageHandler
from gateway.routes import SERVICES
from gateway.settings import GatewaySettings
from gateway.upstream.port import UpstreamError, UpstreamRequest
from gateway.upstream.proxy import Proxy, read_all

DOCUMENT_BYTES_MAX = 16 * 1024 * 1024
FETCH_SECONDS = 5.0

START_SECONDS = 60.0
START_PAUSE_SECONDS = 1.0

Named = dict[str, dict[str, Any]]
"""Service -> its document."""

log = get_logger("gateway.pages.documents")


class ToolList:
    """The tools of all services: by name, and as the JSON text of their list. Of two with one name the first counts."""

    def __init__(self, tools: list[dict[str, Any]]) -> None:
        self.by_name: dict[str, dict[str, Any]] = {}
        for tool in tools:
            self.by_name.setdefault(tool["name"], tool)
        self.text = msgspec.Raw(msgspec.json.encode(list(self.by_name.values())))


class PublicDocuments:
    """The documents of the services."""

    def __init__(self, proxy: Proxy, settings: GatewaySettings, clock: Clock) -> None:
        self._proxy = proxy
        self._seconds = settings.documents_seconds
        self._clock = clock
        self._kept: dict[str, tuple[float, bytes]] = {}
        self._parsed: dict[str, tuple[bytes, dict[str, Any]]] = {}
        self._fetching: dict[str, asyncio.Task[bytes | None]] = {}
        self._tags: dict[str, bytes] = {}
        self._results: dict[str, tuple[Named, StaticFile]] = {}
        self._files: dict[str, tuple[bytes, StaticFile]] = {}
        self._tools: tuple[list[dict[str, Any]], ToolList] = ([], ToolList([]))
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

    async def prepare(self) -> None:
        """Fetch every document and make the gateway's own, waiting up to a minute for services that start."""
        configured = [name for name, upstream in self._proxy.upstreams.items() if upstream.replicas]
        async with asyncio.timeout(START_SECONDS):
            # Nothing says when a service begins to answer.
            while len(await self.every_openapi()) < len(configured):  # noqa: ASYNC110
                await asyncio.sleep(START_PAUSE_SECONDS)
        for made in (self._asyncapi("yaml"), self._asyncapi("json"), self._calls(), self.tools()):
            found = await made
            if isinstance(found, StaticFile):
                await found.form("gzip")

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

    async def tools(self) -> "ToolList":
        """Every call of every service as an MCP tool, with method and path in its `_meta`."""
        found = await asyncio.gather(*(self._document(name, f"/mcp/{name}/tools.json") for name in SERVICES))
        documents = [document for document in found if document]
        before, tools = self._tools
        if len(before) != len(documents) or any(a is not b for a, b in zip(before, documents, strict=True)):
            every = [tool for document in documents for tool in document["tools"]]
            tools = await asyncio.to_thread(ToolList, every)
            self._tools = (documents, tools)
        return tools

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
        if (known := self._parsed.get(path)) is None or known[0] is not raw:
            # Not in the loop: together they take it ten milliseconds.
            read = await asyncio.to_thread(msgspec.json.decode, raw, type=dict[str, Any])
            # Another caller may have been first.
            if (known := self._parsed.get(path)) is None or known[0] is not raw:
                known = self._parsed[path] = (raw, read)
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
        headers = [(b"accept", b"*/*")]
        kept = self._kept.get(path)
        if kept is not None and path in self._tags:
            headers.append((b"if-none-match", self._tags[path]))
        try:
            answer = await self._proxy.ask(service, UpstreamRequest("GET", path, headers, b"", seconds=FETCH_SECONDS))
            body = await read_all(answer, DOCUMENT_BYTES_MAX)
        except (Refusal, UpstreamError):
            return None
        if answer.status == HTTPStatus.NOT_MODIFIED and kept is not None:
            return kept[1]
        if answer.status != HTTPStatus.OK:
            log.debug("a service has no such document", path=path, status=answer.status)
            return None
        self._tags.pop(path, None)
        for name, value in answer.headers:
            if name.lower() == b"etag":
                self._tags[path] = value
        return body

    async def _asyncapi(self, form: str) -> StaticFile:
        make = _events_as_yaml if form == "yaml" else _events_as_json
        return await self._made(f"asyncapi.{form}", await self._asyncapis(), make)

    async def _calls(self) -> StaticFile:
        return await self._made("docs.html", await self.every_openapi(), _page_of_calls)

    async def _show_asyncapi_yaml(self, exchange: Exchange) -> web.Response:
        return await document_answer(exchange, await self._asyncapi("yaml"), "application/yaml")

    async def _show_asyncapi_json(self, exchange: Exchange) -> web.Response:
        return await document_answer(exchange, await self._asyncapi("json"), "application/json")

    async def _show_page(self, exchange: Exchange) -> web.Response:
        response = await document_answer(exchange, await self._calls(), "text/html; charset=utf-8")
        response.headers["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
        return response

    async def _made(self, name: str, documents: Named, make: Callable[[Named], bytes]) -> StaticFile:
        """The result of `make`, computed again only if a document has changed; in a child process, one at a time."""
        async with self._making:
            before = self._results.get(name)
            if before is None or not _same(before[0], documents):
                made = await child_process.run(make, documents)
                before = self._results[name] = (documents, StaticFile(name, made))
        return before[1]

    def _passed(self, service: str, path: str, content_type: str) -> PageHandler:
        async def show(exchange: Exchange) -> web.Response:
            raw = await self._raw(service, path)
            if raw is None:
                raise NotFound("there is no such document")
            known = self._files.get(path)
            if known is None or known[0] is not raw:
                known = self._files[path] = (raw, StaticFile(path, raw))
            return await document_answer(exchange, known[1], content_type)

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

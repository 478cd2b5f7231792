"""Contract documents and MCP, with the real documents of ICS."""

import gzip
from functools import cache
from typing import Any

import msgspec
import pytest
import yaml
from aiohttp import web
from aiohttp.web_request import BaseRequest

from chassis.http.documents import Documents
from chassis.http.static import StaticFile, write_file
from chassis.service import collect
from gateway.http.internal_peer import InternalPeers
from gateway.pages.documents import merged
from services.ics.app import ICS
from services.ops.app import OPS
from tests.contract.services import SERVICES
from tests.gateway.given import GATEWAY_KEY, ORG, SESSION, SIGNED_IN, House, Upstream, a_house, request, send


@cache
def documents_of(name: str) -> Documents:
    service = SERVICES[name]
    return Documents(service, collect(service), "b1")


@cache
def document_of(name: str, document: str) -> StaticFile:
    """A document of a service, made once for all tests."""
    return StaticFile(document, documents_of(name).text(document))


def a_service(name: str) -> Upstream:
    """A service that serves its documents and answers 200 to everything else."""

    async def answer(asked: BaseRequest, body: bytes) -> web.StreamResponse:
        if documents_of(name).has(asked.path):
            return await write_file(asked, document_of(name, asked.path.rpartition("/")[2]), {})
        if asked.path.endswith("/refused"):
            return web.json_response({"success": False, "error": {"error_code": "ics.conflict"}}, status=409)
        said = {"path": asked.path_qs, "body": body.decode()}
        return web.json_response({"success": True, "data": said, "stats": {}})

    return Upstream(answer)


def both() -> dict[str, Upstream]:
    return {"ics": a_service("ics"), "ops": a_service("ops")}


async def test_a_services_documents_are_passed_on_as_they_are_to_anybody() -> None:
    async with a_house(upstreams=both()) as house:
        as_yaml = await house.get("/ics/openapi.yaml", {})
        as_json = await house.get("/ics/openapi.json", {})
        page = await house.get("/mcp/ics/PROTOCOL.md", {})
        tools = await house.get("/mcp/ics/tools.json", {})

    assert as_yaml.body == documents_of("ics").text("openapi.yaml")
    assert as_yaml.headers["content-type"] == "application/yaml"
    assert as_json.json["openapi"] == "3.1.0"
    assert page.body == documents_of("ics").text("PROTOCOL.md")
    assert page.headers["content-type"] == "text/markdown; charset=utf-8"
    assert tools.json["tools"]


async def test_a_service_compresses_its_documents_itself_and_says_when_they_are_unchanged() -> None:
    async with a_house(upstreams=both()) as house:
        first = await house.get("/ics/openapi.json", {"Accept-Encoding": "gzip"})
        tagged = {"Accept-Encoding": "gzip", "If-None-Match": first.headers["etag"]}
        again = await house.get("/ics/openapi.json", tagged)

    assert first.headers["content-encoding"] == "gzip"
    assert first.headers["etag"].endswith('-gzip"')
    assert (again.status, again.body) == (304, b"")


async def test_a_document_of_a_service_that_never_answered_is_absent() -> None:
    async with a_house(upstreams=both()) as house:
        page = await house.get("/mcp/pmc/PROTOCOL.md", {})
        unknown = await house.get("/mcp/nobody/PROTOCOL.md", {})

    assert (page.status, unknown.status) == (404, 404)


async def test_all_services_events_stand_in_one_document() -> None:
    async with a_house(upstreams=both()) as house:
        as_yaml = await house.get("/asyncapi.yaml", {})
        as_json = await house.get("/asyncapi.json", {})

    whole = yaml.safe_load(as_yaml.body)
    assert whole == as_json.json
    assert {event.type for part in (ICS, OPS) for event in collect(part).events} == set(whole["channels"])
    assert not list(dangling(whole, whole))


def dangling(node: Any, whole: Any) -> Any:
    """References without a target."""
    if isinstance(node, list):
        for each in node:
            yield from dangling(each, whole)
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "$ref":
                found = whole
                for part in value.removeprefix("#/").split("/"):
                    found = found.get(part, {}) if isinstance(found, dict) else {}
                if not found:
                    yield value
            else:
                yield from dangling(value, whole)


def test_a_schema_that_two_services_mean_differently_is_kept_twice() -> None:
    def document(kind: str) -> dict[str, Any]:
        message = {"payload": {"$ref": "#/components/schemas/Money"}}
        return {
            "channels": {f"{kind}.x": {}},
            "components": {"schemas": {"Money": {"type": kind}}, "messages": {f"{kind}.x": message}},
        }

    whole = merged({"ics": document("string"), "slc": document("object")})

    assert whole["components"]["schemas"] == {"Money": {"type": "string"}, "SlcMoney": {"type": "object"}}
    assert whole["components"]["messages"]["object.x"]["payload"] == {"$ref": "#/components/schemas/SlcMoney"}


async def test_the_page_shows_every_call_and_asks_no_other_host() -> None:
    async with a_house(upstreams=both()) as house:
        reply = await house.get("/docs", {"Accept": "text/html"})
    text = reply.body.decode()

    assert reply.headers["content-type"] == "text/html; charset=utf-8"
    assert reply.headers["content-security-policy"].startswith("default-src 'none'")
    for endpoint in [*collect(ICS).endpoints, *collect(OPS).endpoints]:
        assert f"{endpoint.path}</code>" in text
    assert "http://" not in text
    assert "https://" not in text
    assert "<script" not in text


async def test_what_a_service_said_last_stays_while_it_is_down() -> None:
    async with a_house(upstreams=both(), DOCUMENTS_SECONDS="0.001") as house:
        first = await house.get("/asyncapi.json", {})
        await house.ics.stop()
        second = await house.get("/asyncapi.json", {})

    assert second.json == first.json


async def speak(house: House, method: str, params: Any = None, headers: Any = None) -> Any:
    message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params or {}}
    reply = await house.post("/mcp", message, SIGNED_IN if headers is None else headers)
    assert reply.status == 200
    assert reply.headers["content-type"] == "application/json"
    return reply.json


async def test_an_agent_is_introduced_and_shown_every_call() -> None:
    async with a_house(upstreams=both()) as house:
        hello = await speak(house, "initialize", {"protocolVersion": "2025-03-26", "capabilities": {}}, {})
        begun = await house.post("/mcp", {"jsonrpc": "2.0", "method": "notifications/initialized"}, {})
        pong = await speak(house, "ping", headers={})
        tools = (await speak(house, "tools/list", headers={}))["result"]["tools"]

    assert hello["result"]["protocolVersion"] == "2025-03-26"
    assert hello["result"]["capabilities"] == {"tools": {"listChanged": False}}
    assert (begun.status, begun.body, pong["result"]) == (202, b"", {})
    assert {endpoint.call for endpoint in collect(ICS).endpoints} <= {tool["name"] for tool in tools}
    assert all(tool["inputSchema"]["type"] == "object" for tool in tools)


async def test_a_tool_is_called_as_its_caller() -> None:
    async with a_house(upstreams=both()) as house:
        arguments = {"code": "A-01", "logical_guid": "fac-1"}
        call = {"name": "ics_zone_create", "arguments": arguments}
        answer = await speak(house, "tools/call", call)
        stranger = await speak(house, "tools/call", call, {})
        [seen] = [seen for seen in house.ics.seen if seen.target == "/ics/zone/create"]

    assert answer["result"]["isError"] is False
    assert answer["result"]["structuredContent"]["path"] == "/ics/zone/create"
    assert msgspec.json.decode(seen.body) == arguments
    assert seen.caller.orgcode == ORG
    assert stranger["result"]["isError"] is True
    assert "ics.unauthorized" in stranger["result"]["content"][0]["text"]
    assert SESSION not in repr(answer)


async def test_a_tool_that_reads_puts_its_arguments_into_the_query() -> None:
    async with a_house(upstreams=both()) as house:
        answer = await speak(house, "tools/call", {"name": "ics_stat", "arguments": {"verbose": True, "nothing": None}})

    assert answer["result"]["structuredContent"] == {"path": "/ics/stat?verbose=true", "body": ""}


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"{", -32700),
        (b"[]", -32700),
        (b'{"jsonrpc":"1.0","id":1,"method":"ping"}', -32600),
        (b'{"jsonrpc":"2.0","id":1,"method":"resources/list"}', -32601),
        (b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"no_such_tool"}}', -32602),
        (b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"ics_stat","arguments":[]}}', None),
    ],
)
async def test_an_invalid_message_is_refused_with_the_reason(raw: bytes, code: int | None) -> None:
    async with a_house(upstreams=both()) as house:
        reply = await house.post("/mcp", raw, {})

    assert reply.status == 200
    if code is not None:
        assert reply.json["error"]["code"] == code


async def test_mcp_is_spoken_by_post_only() -> None:
    async with a_house() as house:
        reply = await send(house.port, request("GET", "/mcp"))

    assert (reply.status, reply.headers["allow"]) == (405, "POST")


@pytest.mark.parametrize("target", ["/asyncapi.yaml", "/docs", "/mcp/ics/PROTOCOL.md", "/mcp/ics/tools.json"])
async def test_the_gateways_documents_are_kept_compressed_and_said_to_be_unchanged(target: str) -> None:
    async with a_house(upstreams=both()) as house:
        plain = await house.get(target, {})
        packed = await house.get(target, {"Accept-Encoding": "gzip"})
        again = await house.get(target, {"Accept-Encoding": "gzip", "If-None-Match": packed.headers["etag"]})

    assert packed.headers["content-encoding"] == "gzip"
    assert gzip.decompress(packed.body) == plain.body
    assert plain.headers["etag"] != packed.headers["etag"]
    assert (again.status, again.body) == (304, b"")
    assert again.headers["etag"] == packed.headers["etag"]


async def test_an_unchanged_document_of_a_service_is_not_sent_again() -> None:
    sent: list[int] = []

    async def answer(asked: BaseRequest, body: bytes) -> web.StreamResponse:
        response = await a_service("ics").handler(asked, body)
        sent.append(response.status)
        return response

    async with a_house(upstreams={"ics": Upstream(answer)}, DOCUMENTS_SECONDS="0.001") as house:
        first = await house.get("/mcp/ics/tools.json", {})
        second = await house.get("/mcp/ics/tools.json", {})

    assert first.body == second.body
    assert sent == [200, 304]


async def test_a_call_of_two_methods_is_one_tool() -> None:
    async with a_house(upstreams=both()) as house:
        tools = (await speak(house, "tools/list", headers={}))["result"]["tools"]
    names = [tool["name"] for tool in tools]

    assert len(names) == len(set(names))
    assert "ops_maintenance_get" in names


async def test_a_tools_secret_code_and_the_agents_address_reach_the_service() -> None:
    async with a_house(upstreams=both(), FORWARDED_HOPS="1") as house:
        headers = {**SIGNED_IN, "X-Forwarded-For": "203.0.113.7"}
        told = await speak(
            house, "tools/call", {"name": "ops_ping", "arguments": {"secret_code": "four words"}}, headers
        )
        again = await speak(house, "tools/call", {"name": "ops_ping"}, {**headers, "X-Secret-Code": "four words"})
        seen = [each for each in house.upstreams["ops"].seen if each.target == "/ops/ping"]

    assert told["result"]["isError"] is again["result"]["isError"] is False
    assert [each.headers["x-secret-code"] for each in seen] == ["four words"] * 2
    assert [each.headers["x-forwarded-for"] for each in seen] == ["203.0.113.7"] * 2


async def test_only_a_gateway_can_name_the_address_of_another_caller() -> None:
    peers = InternalPeers(GATEWAY_KEY.encode())

    assert peers.read(peers.name("203.0.113.7")) == "203.0.113.7"
    assert peers.read(peers.name("203.0.113.7").replace("7 ", "8 ")) is None
    assert InternalPeers(b"another key").read(peers.name("203.0.113.7")) is None
    assert peers.read("203.0.113.7") is None


async def test_documents_are_made_before_they_are_asked_for() -> None:
    documents = Documents(OPS, collect(OPS), "b1")
    await documents.prepare()

    assert set(documents._made) == set(documents._names.values())
    assert documents._made["openapi.yaml"].forms["identity"] == documents_of("ops").text("openapi.yaml")
    assert "gzip" in documents._made["openapi.yaml"].forms

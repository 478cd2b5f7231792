"""The calls of a service for agents: as a page, and as descriptions of MCP tools."""

from collections.abc import Iterator
from typing import Any

from chassis.endpoint import Endpoint
from chassis.http.examples import resolve
from chassis.http.meanings import Meanings, meanings_of
from chassis.http.openapi import full_path
from chassis.http.operation import roles_in_words
from chassis.http.raw.matching import plain_path
from chassis.http.schemas import Components, Schema
from chassis.http.shapes import request_struct
from chassis.service import Parts, Service

TOOLS_VERSION = "2025-06-18"
"""The revision of the Model Context Protocol whose `tools/list` the descriptions follow."""


def protocol(service: Service, parts: Parts) -> str:
    """The PROTOCOL.md of a service."""
    return "\n".join(_lines(service, parts)) + "\n"


def _lines(service: Service, parts: Parts) -> Iterator[str]:
    meanings = meanings_of(service)
    yield f"# {service.title or service.name.upper()}: calls"
    yield ""
    yield "Every call is JSON over HTTP with a session (`x-session-guid`) or an API key (`x-api-key`), in the"
    yield "org of `x-orgcode`. A call that changes data takes an `idempotency_key`: repeated with the same key and body"
    yield "it returns the first answer and changes nothing; the same key with another body or context is a conflict."
    yield ""
    yield "| call | request | roles | needs | revision | events |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for endpoint in parts.endpoints:
        yield _row(service, endpoint)
    yield ""
    for endpoint in parts.endpoints:
        yield f"## {endpoint.call}"
        yield ""
        yield f"`{endpoint.method} {full_path(service, endpoint)}`{_of_action(endpoint)}"
        yield ""
        yield endpoint.summary
        if endpoint.description:
            yield ""
            yield endpoint.description
        yield ""
        yield from _fields(endpoint, meanings)
        for reason, when in endpoint.refusals.items():
            yield f"- refused with `{service.name}.{reason}`: {when}"
        yield ""
    if parts.raw_endpoints:
        yield from _raw_lines(service, parts)


def _raw_lines(service: Service, parts: Parts) -> Iterator[str]:
    yield "## Not JSON"
    yield ""
    yield "Uploads, downloads, webhooks and redirects; no tool calls them."
    yield ""
    yield "| call | request | roles | what it does |"
    yield "| --- | --- | --- | --- |"
    for endpoint in parts.raw_endpoints:
        request = f"`{endpoint.method} {plain_path(full_path(service, endpoint))}`"
        yield f"| {endpoint.call} | {request} | {roles_in_words(endpoint)} | {endpoint.summary} |"
    yield ""


def _row(service: Service, endpoint: Endpoint) -> str:
    cells = (
        f"[{endpoint.call}](#{endpoint.call})",
        f"`{endpoint.method} {full_path(service, endpoint)}`{_of_action(endpoint)}",
        roles_in_words(endpoint),
        ", ".join(endpoint.needs) or "–",
        "expected" if endpoint.revised else "–",
        ", ".join(endpoint.emits) or "–",
    )
    return f"| {' | '.join(cells)} |"


def _of_action(endpoint: Endpoint) -> str:
    return f' with `"action": "{endpoint.action}"`' if endpoint.action else ""


def _fields(endpoint: Endpoint, meanings: Meanings) -> Iterator[str]:
    if endpoint.request is None:
        return
    found = Components([endpoint.request], [], meanings)
    schema = resolve(found.requests[0], found.named)
    required = schema.get("required", ())
    for name, field in schema.get("properties", {}).items():
        about = f". {field['description']}" if "description" in field else ""
        yield f"- `{name}`{'' if name in required else ' (optional)'}: {_kind(field)}{about}"


def _kind(schema: Schema) -> str:
    """What a field holds, in a few words."""
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "enum" in schema:
        return " or ".join(f"`{word}`" for word in schema["enum"])
    if "anyOf" in schema:
        return " or ".join(_kind(each) for each in schema["anyOf"] if each.get("type") != "null")
    if schema.get("type") == "array":
        return f"list of {_kind(schema.get('items', {}))}"
    return str(schema.get("format") or schema.get("type") or "any")


def tools(service: Service, parts: Parts) -> dict[str, Any]:
    """What `tools/list` answers for a service: one tool a call, with the schemas of its input and output."""
    meanings = meanings_of(service)
    # A call that has two methods is one tool, by the first.
    by_call = {endpoint.call: endpoint for endpoint in reversed(parts.endpoints)}
    return {
        "protocolVersion": TOOLS_VERSION,
        "tools": [
            _tool(service, endpoint, meanings) for endpoint in parts.endpoints if by_call[endpoint.call] is endpoint
        ],
    }


def _tool(service: Service, endpoint: Endpoint, meanings: Meanings) -> dict[str, Any]:
    reads = endpoint.access != "change"
    request = Components([request_struct(endpoint)], [], meanings)
    answer = Components([], [endpoint.answer], meanings)
    return {
        "name": endpoint.call,
        "title": endpoint.summary.rstrip("."),
        "description": "\n\n".join(filter(None, (endpoint.summary, endpoint.description))),
        "inputSchema": _whole(request.requests[0], request.named),
        "outputSchema": _whole(answer.answers[0], answer.named),
        "annotations": {"readOnlyHint": reads, "idempotentHint": reads, "openWorldHint": False},
        "_meta": {"method": endpoint.method, "path": full_path(service, endpoint), "roles": list(endpoint.roles)},
    }


def _whole(shown: Schema, named: dict[str, Schema]) -> Schema:
    """A schema with all it refers to inside it."""
    own = dict(resolve(shown, named))
    beside = {name: schema for name, schema in named.items() if name != shown.get("$ref", "").rpartition("/")[2]}
    whole: Schema = _inner({**own, **({"$defs": beside} if beside else {})})
    return whole


def _inner(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            name: each.replace("#/components/schemas/", "#/$defs/") if name == "$ref" else _inner(each)
            for name, each in value.items()
        }
    return [_inner(each) for each in value] if isinstance(value, list) else value

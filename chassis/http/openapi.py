"""A service's OpenAPI 3.1 document, made from its endpoint declarations."""

from collections.abc import Mapping, Sequence
from typing import Any

from chassis.caller import AUTHENTICATED, SIGNED_IN
from chassis.endpoint import Endpoint, Request
from chassis.errors import ErrorObject
from chassis.http.decode import FROM_HEADER, keyed, wire_struct
from chassis.http.envelope import GridBuild, GridError, Stats
from chassis.http.schemas import REF, Schema, components, example, renamed, resolve
from chassis.service import Parts, Service

_TOKENS: Mapping[str, Schema] = {
    "session": {"type": "apiKey", "in": "header", "name": "x-session-guid", "description": "A user's session."},
    "key": {"type": "apiKey", "in": "header", "name": "x-api-key", "description": "A service account of one org."},
}
_HEADERS: Mapping[str, str] = {
    "orgcode": "The organisation; the body field of the same name must agree.",
    "logical_guid": "The facility; the body field of the same name is taken, too.",
    "channel_code": "The channel; the body field of the same name is taken, too.",
    "cccode": "The cost centre the call is attributed to.",
    "idempotency_key": "Makes a repetition by the same caller answer as the first call did; a key used by another "
    "caller, or with another body, is a conflict. The body field is taken, too.",
    "secret_code": "The operator's secret code.",
    "vg_token": "VisualGrid's token.",
}
_FAILURES: Mapping[str, tuple[str, str]] = {
    "400": ("Invalid", "Malformed or missing input; `details.fields` names each problem."),
    "401": ("Unauthorized", "No credential, or one that is unknown, expired or revoked."),
    "403": ("Forbidden", "The caller holds none of the roles."),
    "404": ("NotFound", "Absent, or none of the caller's business."),
    "405": ("MethodNotAllowed", "The path takes other methods: see `Allow`."),
    "409": ("Conflict", "A stale revision, a taken code or key, or a state that forbids it."),
    "413": ("TooLarge", "The body is too large."),
    "415": ("UnsupportedMedia", "The body is not JSON, or is compressed."),
    "428": ("ExpectedRevisionRequired", "`expected_revision` is missing."),
    "429": ("Throttled", "Over the caller's rate; `Retry-After` says when to come back."),
    "500": ("InternalError", "A defect; retryable."),
    "502": ("UpstreamFailed", "Another system failed."),
    "503": ("MaintenanceActive", "A maintenance window is active, or a needed part is down."),
}
_RETRY_LATER = {"429", "503"}


def openapi(service: Service, parts: Parts, build_id: str) -> dict[str, Any]:
    """The document of a service."""
    shapes = _Shapes(service, parts.endpoints)
    paths: dict[str, dict[str, Any]] = {}
    grouped: dict[tuple[str, str], list[Endpoint]] = {}
    for endpoint in parts.endpoints:
        grouped.setdefault((full_path(service, endpoint), endpoint.method), []).append(endpoint)
    for (path, method), endpoints in grouped.items():
        paths.setdefault(path, {})[method.lower()] = _operation(service, endpoints, shapes)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": service.title or service.name.upper(),
            "version": build_id,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "x-roles": dict(service.roles),
        "x-role-synonyms": {word: list(means) for word, means in service.synonyms.items()},
        "tags": [{"name": name} for name in sorted({_tag(endpoint) for endpoint in parts.endpoints})],
        "paths": paths,
        "components": {
            "schemas": shapes.named,
            "responses": {name: _failure_response(status, text) for status, (name, text) in _FAILURES.items()},
            "parameters": {name: _header_parameter(name, text) for name, text in _HEADERS.items()},
            "securitySchemes": dict(_TOKENS),
        },
    }


def full_path(service: Service, endpoint: Endpoint) -> str:
    """An endpoint's path as callers see it, below the service's base path."""
    base = f"/{service.name}"
    path = endpoint.path
    return path if path == base or path.startswith(f"{base}/") else base + path


class _Shapes:
    """The schemas of all requests and answers of a service, the answers wrapped in its envelope."""

    def __init__(self, service: Service, endpoints: Sequence[Endpoint]) -> None:
        grid = service.envelope == "visualgrid"
        wires = [request_struct(endpoint) for endpoint in endpoints]
        answers = list(dict.fromkeys(endpoint.answer for endpoint in endpoints))
        ground: list[Any] = [GridError, GridBuild] if grid else [ErrorObject, Stats]
        shown, named = components([*wires, *answers, *ground])
        data_names = {answer.__name__: f"{answer.__name__}Data" for answer in answers}
        self.named: dict[str, Schema] = {
            data_names.get(name, name): renamed(schema, data_names) for name, schema in named.items()
        }
        self.requests = dict(zip((endpoint.call for endpoint in endpoints), shown, strict=False))
        for answer in answers:
            self.named[answer.__name__] = _wrapped(REF.format(name=data_names[answer.__name__]), grid=grid)
        self.named["Failure"] = _failure(grid=grid)


def request_struct(endpoint: Endpoint) -> type[Request]:
    """What the endpoint decodes: its request and the common fields beside it."""
    return wire_struct(
        endpoint.request or Request,
        with_key=keyed(endpoint),
        action=endpoint.action,
        name=endpoint.request.__name__ if endpoint.request else _camel(endpoint.call) + "Request",
    )


def _camel(call: str) -> str:
    return "".join(word.capitalize() for word in call.split("_"))


def _wrapped(data_ref: str, *, grid: bool) -> Schema:
    flag, beside, kind = ("ok", "build", "GridBuild") if grid else ("success", "stats", "Stats")
    properties = {flag: {"const": True}, "data": {"$ref": data_ref}, beside: {"$ref": REF.format(name=kind)}}
    return {"type": "object", "properties": properties, "required": list(properties)}


def _failure(*, grid: bool) -> Schema:
    flag, beside, kind = ("ok", "build", "GridBuild") if grid else ("success", "stats", "Stats")
    error = "GridError" if grid else "ErrorObject"
    properties = {
        flag: {"const": False},
        "error": {"$ref": REF.format(name=error)},
        beside: {"$ref": REF.format(name=kind)},
    }
    return {"type": "object", "properties": properties, "required": list(properties)}


def _operation(service: Service, endpoints: Sequence[Endpoint], shapes: _Shapes) -> dict[str, Any]:
    """One path and method: mostly one endpoint, or all that its `action` tells apart."""
    first = endpoints[0]
    many = bool(first.action)
    operation: dict[str, Any] = {
        "operationId": f"{service.name}_actions" if many else first.call,
        "summary": "One call per action." if many else first.summary,
        "tags": [_tag(first)],
        "parameters": _parameters(first, shapes),
        "responses": _responses(endpoints, shapes),
        "security": _security(endpoints),
    }
    if first.description and not many:
        operation["description"] = first.description
    if not many:
        operation |= {"x-roles": list(first.roles), "x-needs": list(first.needs), "x-events": list(first.emits)}
        if first.refusals:
            operation["x-refusals"] = dict(first.refusals)
    if first.method != "GET":
        operation["requestBody"] = _request_body(endpoints, shapes)
    return operation


def _request_body(endpoints: Sequence[Endpoint], shapes: _Shapes) -> dict[str, Any]:
    schemas = [shapes.requests[endpoint.call] for endpoint in endpoints]
    first = resolve(schemas[0], shapes.named)
    content: dict[str, Any]
    if endpoints[0].action:
        content = {"schema": {"oneOf": schemas}}
    else:
        content = {"schema": schemas[0], "example": example(schemas[0], shapes.named)}
    return {"required": bool(first.get("required")), "content": {"application/json": content}}


def _parameters(endpoint: Endpoint, shapes: _Shapes) -> list[dict[str, Any]]:
    wire = resolve(shapes.requests[endpoint.call], shapes.named)
    fields: dict[str, Schema] = wire.get("properties", {})
    found: list[dict[str, Any]] = [
        {"$ref": f"#/components/parameters/{name}"}
        for name in FROM_HEADER
        if name in fields and (endpoint.tenant or name not in {"orgcode", "cccode"})
    ]
    if endpoint.method == "GET" and endpoint.request is not None:
        required = wire.get("required", ())
        found += [
            {"name": name, "in": "query", "required": name in required, "schema": fields[name]}
            for name in endpoint.request.__struct_fields__
            if name not in FROM_HEADER
        ]
    return found


def _header_parameter(name: str, text: str) -> dict[str, Any]:
    return {
        "name": FROM_HEADER[name],
        "in": "header",
        "required": False,
        "description": text,
        "schema": {"type": "string"},
    }


def _responses(endpoints: Sequence[Endpoint], shapes: _Shapes) -> dict[str, Any]:
    answers = list(dict.fromkeys(endpoint.answer.__name__ for endpoint in endpoints))
    refs = [{"$ref": REF.format(name=name)} for name in answers]
    content: dict[str, Any] = {"schema": refs[0] if len(refs) == 1 else {"anyOf": refs}}
    if len(refs) == 1:
        content["example"] = example(refs[0], shapes.named)
    success = {
        "description": "Done.",
        "headers": {
            "X-Request-Id": {"schema": {"type": "string"}},
            "Idempotent-Replayed": {"schema": {"const": "true"}, "description": "The answer is one kept for the key."},
        },
        "content": {"application/json": content},
    }
    failures = {status: {"$ref": f"#/components/responses/{name}"} for status, (name, _) in _FAILURES.items()}
    return {"200": success, **failures}


def _failure_response(status: str, text: str) -> dict[str, Any]:
    headers = {"X-Request-Id": {"schema": {"type": "string"}}}
    if status in _RETRY_LATER:
        headers["Retry-After"] = {"schema": {"type": "string"}}
    if status == "405":
        headers["Allow"] = {"schema": {"type": "string"}}
    schema = {"$ref": REF.format(name="Failure")}
    return {"description": text, "headers": headers, "content": {"application/json": {"schema": schema}}}


def _security(endpoints: Sequence[Endpoint]) -> list[dict[str, list[str]]]:
    roles = {role for endpoint in endpoints for role in endpoint.roles}
    if not roles:
        return []
    found: list[dict[str, list[str]]] = [{"session": []}]
    if roles != {AUTHENTICATED} or SIGNED_IN in roles:
        found.append({"key": []})
    if any(not endpoint.roles for endpoint in endpoints):
        found.append({})
    return found


def _tag(endpoint: Endpoint) -> str:
    return next((part for part in endpoint.path.split("/") if part), endpoint.call.partition("_")[0])

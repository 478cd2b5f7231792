"""A service's OpenAPI 3.1 document, made from its endpoint declarations."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from chassis.endpoint import Endpoint
from chassis.http.decode import FROM_HEADER
from chassis.http.meanings import meanings_of
from chassis.http.operation import FAILURES, failure_response, operation_of, tag_of
from chassis.http.raw.matching import plain_path
from chassis.http.schemas import Schema, references
from chassis.http.shapes import Shapes
from chassis.service import Parts, Service

_TOKENS: Mapping[str, Schema] = {
    "session": {"type": "apiKey", "in": "header", "name": "x-session-guid", "description": "A user's session."},
    "key": {"type": "apiKey", "in": "header", "name": "x-api-key", "description": "An API key, bound to one org."},
}
_HEADERS: Mapping[str, tuple[str, str]] = {
    "orgcode": ("The org the call is made in; a body field `orgcode` must agree with it.", "DEMO0001"),
    "logical_guid": ("The facility; the body field of the same name is accepted too.", "FAC-1"),
    "channel_code": ("The sales channel; the body field of the same name is accepted too.", "WEB"),
    "cccode": ("The cost centre that the call is attributed to.", "CC01-2024-EU01"),
    "idempotency_key": (
        "A repeated call with the same key returns the first answer and changes nothing; with another body it is 409.",
        "order-1001-line-1",
    ),
    "secret_code": ("The operator's secret code.", "correct horse battery staple"),
    "vg_token": ("A root token of VisualGrid.", "0f8b1c2d3e4f"),
}


def openapi(service: Service, parts: Parts, build_id: str) -> dict[str, Any]:
    """The document of a service."""
    declared: list[Endpoint] = [*parts.endpoints, *parts.raw_endpoints]
    shapes = Shapes(service, declared, meanings_of(service))
    names = operation_names(declared)
    paths: dict[str, dict[str, Any]] = {}
    grouped: dict[tuple[str, str], list[Endpoint]] = {}
    for endpoint in declared:
        grouped.setdefault((plain_path(full_path(service, endpoint)), endpoint.method), []).append(endpoint)
    for (path, method), endpoints in grouped.items():
        operation = operation_of(endpoints, shapes)
        paths.setdefault(path, {})[method.lower()] = {
            "operationId": f"{service.name}_actions" if endpoints[0].action else names[path_key(endpoints[0])],
            **operation,
        }
    document = {
        "openapi": "3.1.0",
        "info": information(service, build_id),
        "servers": [{"url": "/", "description": "The gateway that serves this document."}],
        "x-roles": dict(service.roles),
        "x-role-synonyms": {word: list(means) for word, means in service.synonyms.items()},
        "tags": [
            {"name": name, "description": f"Calls about `{name}`."}
            for name in sorted({tag_of(endpoint) for endpoint in declared})
        ],
        "paths": paths,
        "components": {
            "schemas": shapes.named,
            "responses": {name: failure_response(status, text) for status, (name, text) in FAILURES.items()},
            "parameters": {name: _header_parameter(name, *said) for name, said in _HEADERS.items()},
        },
    }
    return _without_unused(document)


def information(service: Service, build_id: str, *, of: str = "") -> dict[str, Any]:
    """The `info` of a service's documents; `of` follows its title."""
    title = service.title or service.name.upper()
    return {
        "title": f"{title} {of}".rstrip(),
        "version": build_id,
        "description": service.description or f"{title}.",
        "contact": {"name": "Retail stack"},
        "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
    }


def path_key(endpoint: Endpoint) -> tuple[str, str]:
    """What tells an endpoint from others of the same call name."""
    return endpoint.method, endpoint.path


def operation_names(endpoints: Sequence[Endpoint]) -> dict[tuple[str, str], str]:
    """Names unique in the document: the call name, and `…_get` for the GET twin of a call that is a POST too."""
    calls = Counter(endpoint.call for endpoint in endpoints)
    return {
        path_key(each): f"{each.call}_get" if calls[each.call] > 1 and each.method == "GET" else each.call
        for each in endpoints
    }


def _without_unused(document: dict[str, Any]) -> dict[str, Any]:
    """The document without components that nothing in it refers to."""
    components: dict[str, dict[str, Any]] = document["components"]
    used: set[str] = set()
    waiting = set(references(document["paths"]))
    while waiting:
        used |= waiting
        found: set[str] = set()
        for ref in waiting:
            kind, name = ref.removeprefix("#/components/").split("/", 1)
            found.update(references(components[kind][name]))
        waiting = found - used
    for kind in ("schemas", "responses", "parameters"):
        components[kind] = {
            name: each for name, each in components[kind].items() if f"#/components/{kind}/{name}" in used
        }
    asked_for = {name for item in document["paths"].values() for each in item.values() for name in _schemes(each)}
    components["securitySchemes"] = {name: said for name, said in _TOKENS.items() if name in asked_for}
    return document


def _schemes(operation: dict[str, Any]) -> set[str]:
    return {name for alternative in operation["security"] for name in alternative}


def _header_parameter(name: str, text: str, shown: str) -> dict[str, Any]:
    return {
        "name": FROM_HEADER[name],
        "in": "header",
        "required": False,
        "description": text,
        "schema": {"type": "string"},
        "example": shown,
    }


def full_path(service: Service, endpoint: Endpoint) -> str:
    """An endpoint's path as callers see it, below the service's base path."""
    base = f"/{service.name}"
    path = endpoint.path
    return path if path == base or path.startswith(f"{base}/") else base + path

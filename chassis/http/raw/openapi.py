"""What raw endpoints add to an operation of the OpenAPI document: path parameters, bodies and answers of any kind."""

from collections.abc import Iterator, Mapping
from typing import Any

from chassis.endpoint import Answer, RawEndpoint
from chassis.http.schemas import REF, Components
from chassis.http.shapes import Shapes
from chassis.raw import Content, FileContent, Redirect, StreamContent

_BINARY = {"schema": {"type": "string", "format": "binary"}}
_HEADERS = {
    "Content-Range": {"description": "The range, and the size of the whole.", "schema": {"type": "string"}},
    "ETag": {"description": "The state of the content.", "schema": {"type": "string"}},
    "Location": {"description": "The address to go to.", "schema": {"type": "string"}},
    "X-Request-Id": {"description": "Identifies the request in logs and traces.", "schema": {"type": "string"}},
}
_REPRESENTED = {Content, FileContent, StreamContent}


def raw_operation(
    operation: dict[str, Any], endpoint: RawEndpoint, shapes: Shapes, failures: Mapping[str, Any]
) -> dict[str, Any]:
    """The operation of a raw endpoint: `operation` with path parameters, body and responses of its kind."""
    found = {**operation, "parameters": [*_path_parameters(endpoint, shapes), *operation["parameters"]]}
    if (body := _request_body(endpoint)) is not None:
        found["requestBody"] = body
    found["responses"] = _responses(endpoint, operation["responses"].get("200", {}), failures)
    return found


def _path_parameters(endpoint: RawEndpoint, shapes: Shapes) -> Iterator[dict[str, Any]]:
    (shown,) = Components([endpoint.params], [], shapes.meanings).named.values()
    for name, schema in shown.get("properties", {}).items():
        parameter = {"name": name, "in": "path", "required": True, "schema": schema}
        if text := schema.pop("description", None):
            parameter["description"] = text
        if shown_values := schema.pop("examples", None):
            parameter["example"] = shown_values[0]
        yield parameter


def _request_body(endpoint: RawEndpoint) -> dict[str, Any] | None:
    """The request body; None where the endpoint takes none."""
    if not endpoint.consumes:
        return None
    content: dict[str, Any] = {
        _media(kind): {"schema": {}} if kind == "application/json" else _BINARY for kind in endpoint.consumes
    }
    return {"required": False, "content": content, "description": f"At most {endpoint.body_bytes_max} bytes."}


def _responses(
    endpoint: RawEndpoint, enveloped: Mapping[str, Any], failures: Mapping[str, Any]
) -> dict[str, dict[str, Any]]:
    """The responses by status: `enveloped` is the success in the envelope, `failures` the usual refusals."""
    found: dict[str, dict[str, Any]] = {}
    kinds = set(endpoint.answers)
    if kinds & _REPRESENTED:
        found["200"] = _content(endpoint, "Done.")
        if endpoint.method == "GET":
            found["206"] = _content(endpoint, "The part that `Range` asks for.", "Content-Range")
            found["304"] = _head("The caller has this content already.", "ETag")
            found["416"] = {
                **_head("The range lies outside of the content.", "Content-Range"),
                "content": {"application/json": {"schema": {"$ref": REF.format(name="Failure")}}},
            }
    if any(issubclass(kind, Answer) for kind in kinds):
        own = found.get("200", {})
        found["200"] = {**enveloped, "content": {**enveloped["content"], **own.get("content", {})}}
    if Redirect in kinds:
        found["302"] = _head("To the address in `Location`.", "Location")
    found |= {str(status): _content(endpoint, text) for status, text in endpoint.statuses.items()}
    return {**failures, **found}


def _content(endpoint: RawEndpoint, text: str, *headers: str) -> dict[str, Any]:
    content = {_media(kind): _BINARY for kind in endpoint.produces}
    return {**_head(text, *headers), **({"content": content} if content else {})}


def _head(text: str, *headers: str) -> dict[str, Any]:
    return {"description": text, "headers": {name: _HEADERS[name] for name in ("X-Request-Id", *headers)}}


def _media(kind: str) -> str:
    return "application/octet-stream" if kind == "*/*" else kind

"""One operation of a service's OpenAPI document: a path and method, mostly of one endpoint."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from chassis.caller import AUTHENTICATED, SIGNED_IN
from chassis.endpoint import Answer, Endpoint, RawEndpoint
from chassis.http.decode import FROM_HEADER
from chassis.http.examples import example, resolve
from chassis.http.raw.openapi import raw_operation
from chassis.http.schemas import REF, Schema
from chassis.http.shapes import Shapes, schema_name

FAILURES: Mapping[str, tuple[str, str]] = {
    "400": ("Invalid", "Malformed or missing input; `details.fields` names each problem."),
    "401": ("Unauthorized", "No credential, or one that is unknown, expired or revoked."),
    "403": ("Forbidden", "The caller has none of the roles."),
    "404": ("NotFound", "Absent, or not visible to the caller."),
    "405": ("MethodNotAllowed", "The path takes other methods: see the header `Allow`."),
    "409": ("Conflict", "A stale revision, a taken code or key, or a state that forbids the call."),
    "413": ("TooLarge", "The body is too large."),
    "415": ("UnsupportedMedia", "The body is not JSON, or is compressed."),
    "428": ("ExpectedRevisionRequired", "`expected_revision` is missing."),
    "429": ("Throttled", "The caller sent too many requests; the header `Retry-After` gives the seconds to wait."),
    "500": ("InternalError", "A defect of the service; the call may be repeated."),
    "502": ("UpstreamFailed", "Another system failed."),
    "503": ("MaintenanceActive", "A maintenance window is active, or a part that the call needs is down."),
}
_RETRY_LATER = {"429", "503"}
_REQUEST_ID = {"description": "Identifies the request in logs and traces.", "schema": {"type": "string"}}


def operation_of(endpoints: Sequence[Endpoint], shapes: Shapes) -> dict[str, Any]:
    """One path and method: mostly one endpoint, or all that its `action` tells apart."""
    first = endpoints[0]
    found: dict[str, Any] = {
        "summary": "One call per action." if first.action else first.summary,
        "description": _action_list(endpoints) if first.action else description_of(first),
        "tags": [tag_of(first)],
        "parameters": _parameters(first, shapes),
        "responses": _responses(endpoints, shapes),
        "security": _security(endpoints),
    }
    if not first.action:
        found |= {"x-roles": list(first.roles), "x-needs": list(first.needs), "x-events": list(first.emits)}
        if first.refusals:
            found["x-refusals"] = dict(first.refusals)
    found["x-body-bytes-max"] = max(endpoint.body_bytes_max for endpoint in endpoints)
    if isinstance(first, RawEndpoint):
        return raw_operation(found, first, shapes, _failures())
    if first.method != "GET":
        found["requestBody"] = _request_body(endpoints, shapes)
    return found


def description_of(endpoint: Endpoint) -> str:
    """What a call's docstring says beyond its summary, then who may make it, what it needs and what it publishes."""
    return "\n\n".join(part for part in (endpoint.description, " ".join(_facts(endpoint))) if part)


def _facts(endpoint: Endpoint) -> Iterator[str]:
    yield f"Open to {roles_in_words(endpoint)}."
    if endpoint.needs:
        yield f"Needs {' and '.join(f'`{need}`' for need in endpoint.needs)}."
    if endpoint.revised:
        yield "Takes `expected_revision`."
    if endpoint.emits:
        yield f"Publishes {', '.join(f'`{name}`' for name in endpoint.emits)}."


def roles_in_words(endpoint: Endpoint) -> str:
    """Who may make a call."""
    if not endpoint.roles:
        return "everybody"
    if set(endpoint.roles) & {AUTHENTICATED, SIGNED_IN}:
        return "any user session or API key" if SIGNED_IN in endpoint.roles else "any user session"
    return " or ".join(f"`{role}`" for role in endpoint.roles)


def _action_list(endpoints: Sequence[Endpoint]) -> str:
    return "\n".join(f"- `{each.action}`: {each.summary} {' '.join(_facts(each))}" for each in endpoints)


def _request_body(endpoints: Sequence[Endpoint], shapes: Shapes) -> dict[str, Any]:
    schemas = [shapes.requests[endpoint.call] for endpoint in endpoints]
    first = resolve(schemas[0], shapes.named)
    content: dict[str, Any]
    if endpoints[0].action:
        mapping = {each.action: schema["$ref"] for each, schema in zip(endpoints, schemas, strict=True)}
        content = {
            "schema": {"oneOf": schemas, "discriminator": {"propertyName": "action", "mapping": mapping}},
            "examples": {
                each.call: {"summary": each.summary, "value": example(schema, shapes.named)}
                for each, schema in zip(endpoints, schemas, strict=True)
            },
        }
    else:
        content = {"schema": schemas[0], "example": example(schemas[0], shapes.named)}
    return {"required": bool(first.get("required")), "content": {"application/json": content}}


def _parameters(endpoint: Endpoint, shapes: Shapes) -> list[dict[str, Any]]:
    wire = resolve(shapes.requests[endpoint.call], shapes.named)
    fields: dict[str, Schema] = wire.get("properties", {})
    found: list[dict[str, Any]] = [
        {"$ref": f"#/components/parameters/{name}"}
        for name in FROM_HEADER
        if name in fields and (endpoint.tenant or name not in {"orgcode", "cccode"})
    ]
    if (endpoint.method == "GET" or isinstance(endpoint, RawEndpoint)) and endpoint.request is not None:
        required = wire.get("required", ())
        found += [
            _query_parameter(name, fields[name], required=name in required)
            for name in endpoint.request.__struct_fields__
            if name not in FROM_HEADER
        ]
    return found


def _query_parameter(name: str, field: Schema, *, required: bool) -> dict[str, Any]:
    schema = {key: value for key, value in field.items() if key not in {"description", "examples"}}
    parameter = {"name": name, "in": "query", "required": required, "schema": schema}
    if "description" in field:
        parameter["description"] = field["description"]
    if "examples" in field:
        parameter["example"] = field["examples"][0]
    return parameter


def _responses(endpoints: Sequence[Endpoint], shapes: Shapes) -> dict[str, Any]:
    answers = list(dict.fromkeys(schema_name(each) for each in endpoints if issubclass(each.answer, Answer)))
    if not answers:
        return _failures()
    refs = {name: {"$ref": REF.format(name=name)} for name in answers}
    shown = {name: example(ref, shapes.named, filled=True) for name, ref in refs.items()}
    content: dict[str, Any]
    if len(answers) == 1:
        content = {"schema": refs[answers[0]], "example": shown[answers[0]]}
    else:
        content = {
            "schema": {"anyOf": list(refs.values())},
            "examples": {name: {"value": value} for name, value in shown.items()},
        }
    success = {
        "description": "The call was carried out.",
        "headers": {
            "X-Request-Id": _REQUEST_ID,
            "Idempotent-Replayed": {
                "schema": {"const": "true"},
                "description": "The answer is the one stored for the idempotency key.",
            },
        },
        "content": {"application/json": content},
    }
    return {"200": success, **_failures()}


def _failures() -> dict[str, Any]:
    return {status: {"$ref": f"#/components/responses/{name}"} for status, (name, _) in FAILURES.items()}


def failure_response(status: str, text: str) -> dict[str, Any]:
    """How a refusal of this status looks."""
    headers: dict[str, Any] = {"X-Request-Id": _REQUEST_ID}
    if status in _RETRY_LATER:
        headers["Retry-After"] = {"description": "Seconds to wait.", "schema": {"type": "string"}}
    if status == "405":
        headers["Allow"] = {"description": "The methods the path takes.", "schema": {"type": "string"}}
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


def tag_of(endpoint: Endpoint) -> str:
    """The group a call is shown in: the first word of its path."""
    return next((part for part in endpoint.path.split("/") if part), endpoint.call.partition("_")[0])

"""House rules of the documents that services make: each field described, each example one that its service accepts."""

from collections.abc import Iterator
from functools import cache
from typing import Any

import jsonschema_rs
import msgspec

from chassis.endpoint import Answer, Endpoint
from chassis.errors import Invalid
from chassis.http.asyncapi import asyncapi
from chassis.http.decode import FROM_HEADER, Decoder
from chassis.http.meanings import Meanings, Undescribed, meanings_of
from chassis.http.openapi import openapi
from chassis.http.schemas import structs_in
from chassis.http.shapes import request_struct
from chassis.service import Parts, Service, collect
from gateway.app import GATEWAY
from services.ics.app import ICS
from services.ops.app import OPS
from services.pmc.app import PMC
from services.slc.app import SLC
from services.visualgrid.app import VISUALGRID

SERVICES = (OPS, ICS, PMC, SLC, VISUALGRID)
TITLE_LETTERS_MAX = 60
CONTEXT = {"logical_guid": "FAC-1", "channel_code": "WEB", "secret_code": "a secret code", "vg_token": "a-token"}
"""What a call may need beside its body, as its headers say it."""


def undescribed_fields() -> Iterator[str]:
    """Every field of a request, an answer and an event is described, and nothing is described that does not exist."""
    for service in SERVICES:
        yield from undescribed_in(collect(service), meanings_of(service))


def undescribed_in(parts: Parts, meanings: Meanings) -> Iterator[str]:
    """Fields of a service's structs that nothing describes, and descriptions of no field."""
    endpoints = [*parts.endpoints, *parts.raw_endpoints]
    requests: list[type] = [request_struct(endpoint) for endpoint in endpoints]
    requests += [endpoint.params for endpoint in parts.raw_endpoints]
    answers = [endpoint.answer for endpoint in endpoints if issubclass(endpoint.answer, Answer)]
    bodies = [event.body for event in parts.events]
    for kind in structs_in([*requests, *answers, *bodies]):
        meanings.whole_example(kind.cls)
        for field in kind.fields:
            meanings.example(kind.cls, field.name)
            try:
                meanings.described(kind.cls, field.name)
            except Undescribed as lacking:
                yield str(lacking)
    for key in meanings.idle():
        yield f"{meanings.where} has `{key}`, and no call or event has such a field: take it out"


def bare_parts() -> Iterator[str]:
    """Every property, parameter and header of a document is described, and its title is a few words."""
    for service in (*SERVICES, GATEWAY):
        for name, document in _documents(service).items():
            title = document["info"]["title"]
            if title.endswith(".") or len(title) > TITLE_LETTERS_MAX:
                yield f"{service.name}: the title of {name} is a sentence; move it to Service(description=…): “{title}”"
            yield from (f"{service.name}: {name} does not describe {where}" for where in bare_in(document, ""))


def bare_in(node: Any, where: str) -> Iterator[str]:
    """Places of a document where a property, parameter or header has no description."""
    if isinstance(node, list):
        for number, each in enumerate(node):
            yield from bare_in(each, f"{where}/{number}")
        return
    if not isinstance(node, dict):
        return
    for key, each in node.items():
        inside = f"{where}/{key}"
        if key in {"example", "examples", "const", "enum"}:
            continue
        if key == "properties" and isinstance(each, dict):
            yield from (f"{inside}/{name}" for name, said in each.items() if not said.get("description"))
            # Not the mapping itself: a property may be called “properties”.
            yield from bare_in(list(each.values()), inside)
            continue
        if key == "parameters":
            listed = each if isinstance(each, list) else each.values()
            yield from (
                f"{inside}/{said.get('name')}" for said in listed if "$ref" not in said and not said.get("description")
            )
        yield from bare_in(each, inside)


def refused_examples() -> Iterator[str]:
    """Every example fits its schema, and every example of a request is accepted by the service it is of."""
    for service in SERVICES:
        where = meanings_of(service).where
        for name, document in _documents(service).items():
            for place, problem in unfit_examples(document):
                yield f"{service.name}: {name} has an unfit example at {place}: {problem}. {_hint(where)}"
        for endpoint in collect(service).endpoints:
            if endpoint.method != "GET" and (problem := refusal_of(endpoint, _example(service, endpoint))):
                yield f"{service.name}: {endpoint.call} refuses its own example: {problem}. {_hint(where)}"


def _hint(where: str) -> str:
    return f"Give one that fits under `examples` in {where}, by `field`, `Struct.field` or, for more fields, `Struct`"


def unfit_examples(document: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Examples of a document that their schemas refuse: where, and why."""
    found = list(_examples(document, ""))
    # All in one schema, so that the components are read once.
    schemas = {str(number): schema for number, (_, schema, _) in enumerate(found)}
    values = {str(number): value for number, (_, _, value) in enumerate(found)}
    whole = {"properties": schemas, "components": document.get("components", {})}
    for error in jsonschema_rs.Draft202012Validator(whole).iter_errors(values):
        number, *path = error.instance_path
        yield f"{found[int(number)][0]} {'.'.join(map(str, path))}".rstrip(), error.message


def _examples(node: Any, where: str) -> Iterator[tuple[str, dict[str, Any], Any]]:
    if isinstance(node, list):
        for number, each in enumerate(node):
            yield from _examples(each, f"{where}/{number}")
    if not isinstance(node, dict):
        return
    schema = node.get("schema")
    if isinstance(schema, dict):
        values = [node["example"]] if "example" in node else []
        named = node.get("examples")
        values += [each["value"] for each in named.values()] if isinstance(named, dict) else []
        yield from ((where, schema, value) for value in values)
    if isinstance(node.get("payload"), dict):
        yield from ((where, node["payload"], each["payload"]) for each in node.get("examples", ()))
    elif isinstance(node.get("examples"), list):
        own = {key: value for key, value in node.items() if key != "examples"}
        yield from ((where, own, value) for value in node["examples"])
    for key, each in node.items():
        if key not in {"example", "examples"}:
            yield from _examples(each, f"{where}/{key}")


def refusal_of(endpoint: Endpoint, body: Any) -> str:
    """Why a call refuses a body in the right context; nothing where it does not."""
    own = endpoint.request.__struct_fields__ if endpoint.request else ()
    headers = {FROM_HEADER[name]: value for name, value in CONTEXT.items() if name in endpoint.needs or name in own}
    try:
        Decoder(endpoint).from_body(msgspec.json.encode(body), headers)
    except Invalid as refusal:
        return refusal.message
    return ""


def _example(service: Service, endpoint: Endpoint) -> Any:
    for item in _documents(service)["openapi"]["paths"].values():
        for operation in item.values():
            content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
            if endpoint.action and endpoint.call in content.get("examples", {}):
                return content["examples"][endpoint.call]["value"]
            if not endpoint.action and operation["operationId"] == endpoint.call and "example" in content:
                return content["example"]
    raise LookupError(f"{endpoint.call} has no example")


def _documents(service: Service) -> dict[str, dict[str, Any]]:
    return _made(service.name)


@cache
def _made(name: str) -> dict[str, dict[str, Any]]:
    service = next(each for each in (*SERVICES, GATEWAY) if each.name == name)
    parts = collect(service)
    made = {"openapi": openapi(service, parts, "dev"), "asyncapi": asyncapi(service, parts, "dev")}
    plain: dict[str, dict[str, Any]] = msgspec.json.decode(msgspec.json.encode(made))
    return plain


RULES = [undescribed_fields, bare_parts, refused_examples]
